//! From merged values to the sections that the program uses. Nothing is built when anything was reported.

use std::collections::BTreeMap;

use super::build_lake::lake;
use super::build_outlets::{notify, transform, warehouse};
use super::merged::Values;
use super::problem::{Problem, Report};
use super::sections::{
    Admin, Config, Every, InvalidRows, Log, LogFormat, Region, Retry, Schedule, Source, Staging, WindowSection,
};
use super::{file, secrets, units};

/// The configuration; `None` when something is missing, which has been reported then.
pub(super) fn build(values: &Values<'_>, report: &mut Report) -> Option<Config> {
    let sources = sources(values, report);
    let lake = lake(values, report);
    let warehouse = warehouse(values, report);
    let transform = transform(values, report);
    let notify = notify(values, report);
    Some(Config {
        sources: sources?,
        schedule: schedule(values),
        window: window(values),
        retry: retry(values),
        staging: staging(values)?,
        state_dir: values.path("state.dir")?,
        lake: lake?,
        warehouse: warehouse?,
        transform: transform?,
        notify: notify?,
        admin: Admin {
            socket: values.path("admin.socket")?,
            http: values.text("admin.http").filter(|http| !http.is_empty()),
        },
        log: log(values),
        shutdown_grace: values.time("shutdown.grace"),
    })
}

type Sources = BTreeMap<crate::model::SourceName, Source>;

fn sources(values: &Values<'_>, report: &mut Report) -> Option<Sources> {
    let names = values.names("source");
    // A source that is written wrongly has been reported as that.
    let written_wrongly = values.layers.header("source").is_some() && !report.problems.is_empty();
    if names.is_empty() && !written_wrongly {
        report.error(no_source(values));
    }
    let mut complete = !names.is_empty();
    let mut sources = Sources::new();
    for name in names {
        match source(values, &name, report) {
            Some(source) => drop(sources.insert(source.name.clone(), source)),
            None => complete = false,
        }
    }
    complete.then_some(sources)
}

fn source(values: &Values<'_>, name: &str, report: &mut Report) -> Option<Source> {
    let path = |key: &str| format!("source.{name}.{key}");
    let region = if values.text(&path("region")).as_deref() == Some("eu") { Region::Eu } else { Region::Us };
    let (api_key, secret_key) =
        (secrets::find(&path("api_key"), values, report), secrets::find(&path("secret_key"), values, report));
    Some(Source {
        name: name.parse().ok()?,
        region,
        api_key: api_key?,
        secret_key: secret_key?,
        start: values.hour(&path("start")),
        max_parallel: values.count(&path("max_parallel")),
        base_url: values.text(&path("base_url")).unwrap_or_else(|| region.origin().to_owned()),
    })
}

fn no_source(values: &Values<'_>) -> Problem {
    let place = values.source.map(|source| source.place(&(0..0)));
    let file = if let Some(source) = values.source {
        format!("{} (no [source.<name>])", source.file.display())
    } else {
        let files = file::search_path(values.environment.inputs);
        let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        format!("{} (no such file)", files.join(", "))
    };
    let looked = [
        file,
        "AMPD_SOURCE__<NAME>__API_KEY and its _FILE form (not set)".to_owned(),
        "AMP_API_KEY, AMP_SECRET_KEY and their _FILE forms (not set, in the environment and in .env)".to_owned(),
    ];
    Problem::new("E112", format!("no source is configured\n  looked at: {}", looked.join("\n             ")))
        .at(place)
        .help("put AMP_API_KEY=... and AMP_SECRET_KEY=... into .env, or write [source.web]: `ampd config init` writes an example")
}

fn schedule(values: &Values<'_>) -> Schedule {
    let every = match values.text("schedule.cron").and_then(|text| units::parsed_cron(&text)) {
        Some(cron) => Every::Cron(Box::new(cron)),
        None => Every::Interval(values.time("schedule.every")),
    };
    Schedule { every, jitter: values.time("schedule.jitter") }
}

fn window(values: &Values<'_>) -> WindowSection {
    WindowSection {
        max_hours: values.small("window.max"),
        settle_delay: values.time("window.settle_delay"),
        empty_confirm: values.time("window.empty_confirm"),
        recheck_after: values.maybe_time("window.recheck_after"),
    }
}

fn retry(values: &Values<'_>) -> Retry {
    Retry {
        max_attempts: values.small("retry.max_attempts"),
        initial: values.time("retry.initial"),
        max: values.time("retry.max"),
        connect_timeout: values.time("retry.connect_timeout"),
        response_timeout: values.time("retry.response_timeout"),
        idle_timeout: values.time("retry.idle_timeout"),
    }
}

fn staging(values: &Values<'_>) -> Option<Staging> {
    Some(Staging {
        dir: values.path("staging.dir")?,
        max_bytes: values.number("staging.max_bytes"),
        min_free: values.number("staging.min_free"),
        max_archive_bytes: values.number("staging.max_archive_bytes"),
        max_expansion: values.number("staging.max_expansion"),
        invalid_rows: match values.text("staging.invalid_rows").as_deref() {
            Some("quarantine") => InvalidRows::Quarantine,
            _ => InvalidRows::Keep,
        },
        keep_quarantined: values.count("staging.keep_quarantined"),
    })
}

fn log(values: &Values<'_>) -> Log {
    Log {
        level: values.text("log.level").unwrap_or_else(|| "info".to_owned()),
        format: match values.text("log.format").as_deref() {
            Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            _ => LogFormat::Auto,
        },
        dir: values.path("log.dir"),
        keep_files: values.count("log.keep_files"),
    }
}
