//! Variables: untouched values, unknown names, `_FILE` forms, the seed names, `.env`.

use secrecy::ExposeSecret;

use super::super::{Config, Every, LakePlace, S3};
use super::{CANARY, Case, SOURCE, mode};
use crate::config::key_table::{KEYS, Key, Kind};

const ODD: [&str; 7] = ["00123", "true", "[x]", " x ", "12e45", "{ a = 1 }", "\"q\""];

fn keys_of(config: &Config, source: &str) -> (String, String) {
    let source = &config.sources[&source.parse().unwrap()];
    (source.api_key.expose_secret().to_owned(), source.secret_key.expose_secret().to_owned())
}

fn s3(config: &Config) -> &S3 {
    match &config.lake.place {
        LakePlace::S3(s3) => s3,
        LakePlace::Directory { .. } => panic!("a directory"),
    }
}

#[test]
fn every_secret_and_every_free_text_survives_its_variable_untouched() {
    for key in KEYS.iter().filter(|key| matches!(key.kind, Kind::Secret | Kind::Text | Kind::Id)) {
        for odd in ODD {
            let case = Case::new().file(SOURCE).env(&Key::variable(&key.path("web")), odd);
            let mut report = super::super::problem::Report::default();
            let environment = super::super::inputs::Environment::read(&case.inputs, &mut report);
            let layer = super::super::variables::layer(&environment, &mut report);
            let value = &layer.entries[&key.path("web")].value;
            match super::super::values::parse(key.kind, value, true).unwrap() {
                super::super::values::Parsed::Text(text) => assert_eq!(text, odd),
                super::super::values::Parsed::Secret(super::super::secret_form::Spec::Inline(secret)) => {
                    assert_eq!(secret.expose_secret(), odd);
                }
                other => panic!("{other:?}"),
            }
            assert!(report.problems.is_empty());
        }
    }
}

#[test]
fn odd_secrets_arrive_by_every_way() {
    for odd in ODD {
        let both = (odd.to_owned(), odd.to_owned());
        let by_variable = Case::new().env("AMPD_SOURCE__WEB__API_KEY", odd).env("AMPD_SOURCE__WEB__SECRET_KEY", odd);
        assert_eq!(keys_of(&by_variable.good().config, "web"), both);
        let by_seed = Case::new().env("AMP_API_KEY", odd).env("AMP_SECRET_KEY", odd);
        assert_eq!(keys_of(&by_seed.good().config, "default"), both);
        let by_file = Case::new()
            .write("k", format!("{odd}\n"))
            .env("AMP_API_KEY_FILE", "k")
            .env("AMPD_SOURCE__DEFAULT__SECRET_KEY_FILE", "k");
        assert_eq!(keys_of(&by_file.good().config, "default"), both);
        let by_dotenv = Case::new().write(".env", format!("AMP_API_KEY='{odd}'\nAMP_SECRET_KEY='{odd}'\n"));
        assert_eq!(keys_of(&by_dotenv.good().config, "default"), both);
    }
    for (key, odd) in [
        ("BUCKET", "00123"),
        ("BUCKET", "true"),
        ("PREFIX", "[x]"),
        ("PREFIX", " x "),
        ("PREFIX", "12e45"),
        ("PREFIX", "true"),
    ] {
        let case = Case::new().file(SOURCE).env("AWS_BUCKET_NAME", "acme").env(&format!("AMPD_LAKE__{key}"), odd);
        let config = case.good().config;
        assert_eq!(if key == "BUCKET" { &s3(&config).bucket } else { &s3(&config).prefix }, odd);
    }
}

#[test]
fn numbers_booleans_and_durations_are_read_by_the_keys_own_type() {
    let config = Case::new()
        .file(SOURCE)
        .env("AMPD_SOURCE__WEB__MAX_PARALLEL", "3")
        .env("AMPD_SOURCE__WEB__ALLOW_CUSTOM_BASE_URL", "true")
        .env("AMPD_SOURCE__WEB__BASE_URL", "http://127.0.0.1:8099/")
        .env("AMPD_STAGING__MAX_BYTES", "8000000000")
        .env("AMPD_WINDOW__RECHECK_AFTER", "off")
        .env("AMPD_SCHEDULE__CRON", "5 * * * *")
        .good()
        .config;
    let source = &config.sources[&"web".parse().unwrap()];
    assert_eq!((source.max_parallel, source.base_url.as_str()), (3, "http://127.0.0.1:8099"));
    assert_eq!((config.staging.max_bytes, config.window.recheck_after), (8_000_000_000, None));
    assert!(matches!(&config.schedule.every, Every::Cron(cron) if cron.as_str() == "0 5 * * * *"));
}

#[test]
fn a_wrong_variable_is_named_and_its_value_is_not() {
    for (name, code, help) in [
        ("AMPD_LAKE__BUKET", "E101", "did you mean AMPD_LAKE__BUCKET?"),
        ("AMPD_SOURCE__WEB__SECRET_KYE", "E101", "did you mean AMPD_SOURCE__WEB__SECRET_KEY?"),
        ("AMPD_LAKE__REGION_FILE", "E101", "did you mean AMPD_LAKE__REGION?"),
        ("AMPD_source__web__region", "E101", "AMPD_SOURCE__WEB__REGION"),
        ("AMPD_SOURCE__0__API_KEY", "E102", "IOS_PROD"),
        ("AMPD_SOURCE__WEB__MAX_PARALLEL", "E102", "number"),
        ("AMPD_TRANSFORM__COMMAND", "E102", "ampd.toml"),
        ("AMPD_NOTIFY__OPS__ON", "E102", "ampd.toml"),
        ("AMPD_LAKE__TAGS", "E102", "ampd.toml"),
        ("AMPD_RETRY__MAX", "E102", "90m"),
        ("AMPD_LOG__LEVEL", "E102", "debug"),
        ("AMPD_SOURCE__WEB__REGION", "E102", "write one of"),
    ] {
        let case = Case::new().file(SOURCE).env(name, CANARY);
        let problems = case.bad();
        let text = problems.render(false);
        let found = problems.list().iter().find(|problem| problem.code == code && problem.message.contains(name));
        assert!(
            found.and_then(|problem| problem.help.as_deref()).is_some_and(|given| given.contains(help)),
            "{name}\n{text}"
        );
        assert!(!text.contains(CANARY), "{text}");
    }
}

#[test]
fn both_forms_of_a_secret_are_an_error() {
    let case = Case::new().write("k", CANARY).env("AMP_SECRET_KEY", "s");
    for name in ["AMP_API_KEY", "AMPD_SOURCE__DEFAULT__API_KEY"] {
        let case = Case { dir: tempfile::tempdir().unwrap(), inputs: case.inputs.clone() };
        let case = case.env(name, CANARY).env(&format!("{name}_FILE"), "k");
        let text = case.bad().render(false);
        assert!(
            text.contains("error[E111]") && text.contains(&format!("{name} and {name}_FILE")) && !text.contains(CANARY),
            "{text}"
        );
    }
}

#[test]
fn a_source_is_made_of_the_environment_alone() {
    let loaded =
        Case::new().env("AMPD_SOURCE__IOS_PROD__API_KEY", "a").env("AMPD_SOURCE__IOS_PROD__SECRET_KEY", "b").good();
    assert_eq!(keys_of(&loaded.config, "ios_prod"), ("a".to_owned(), "b".to_owned()));
    assert!(loaded.files.is_empty() && loaded.warnings.is_empty());
}

#[test]
fn the_seed_names_work_on_their_own_and_only_where_the_file_says_nothing() {
    let seed = "AMP_API_KEY=a\nAMP_SECRET_KEY=b\nAWS_ACCESS_KEY=c\nAWS_SECRET_KEY=d\nAWS_BUCKET_NAME=acme-lake\n";
    let config = Case::new().write(".env", seed).good().config;
    assert_eq!(keys_of(&config, "default"), ("a".to_owned(), "b".to_owned()));
    assert_eq!(s3(&config).bucket, "acme-lake");
    let (id, key) = s3(&config).seed_credentials.as_ref().unwrap();
    assert_eq!((id.expose_secret(), key.expose_secret()), ("c", "d"));

    let filled = Case::new().write(".env", seed).file("[source.web]\napi_key = \"file\"\n").good().config;
    assert_eq!(keys_of(&filled, "web"), ("file".to_owned(), "b".to_owned()));
    let local = Case::new().write(".env", seed).file("[lake]\ntype = \"local\"\n").good().config;
    assert_eq!(local.lake.place.kind(), "local");
    let two = Case::new().write(".env", seed).file("[source.web]\n[source.ios]\n");
    assert_eq!(two.codes(), ["E110"; 4]);
    let real = Case::new().write(".env", seed).env("AMP_API_KEY", "real").good().config;
    assert_eq!(keys_of(&real, "default").0, "real");
}

#[test]
fn the_standard_aws_names_win_over_the_seeds() {
    let base = || {
        Case::new().file(SOURCE).env("AWS_BUCKET_NAME", "acme").env("AWS_ACCESS_KEY", "c").env("AWS_SECRET_KEY", "d")
    };
    let config = base().env("AWS_ACCESS_KEY_ID", "x").env("AWS_SECRET_ACCESS_KEY", "y").good().config;
    assert!(s3(&config).seed_credentials.is_none());
    let dotenv = "AWS_ACCESS_KEY_ID=x\nAWS_SECRET_ACCESS_KEY=y\nAWS_SESSION_TOKEN=z\nAWS_REGION=eu-west-1\n";
    let config = base().write(".env", dotenv).good().config;
    let s3 = s3(&config);
    assert_eq!(s3.seed_credentials.as_ref().unwrap().0.expose_secret(), "x");
    assert_eq!(s3.seed_session_token.as_ref().unwrap().expose_secret(), "z");
    assert_eq!(s3.region.as_deref(), Some("eu-west-1"));
    assert_eq!(Case::new().file(SOURCE).env("AWS_BUCKET_NAME", "acme").env("AWS_ACCESS_KEY", "c").codes(), ["E110"]);
}

#[test]
fn stray_variables_are_warned_about_unless_they_are_reserved_or_service_links() {
    let case =
        Case::new().file(SOURCE).env("AMPD_LGO", CANARY).env("AMPD_LOG", "debug").env("AMPD_SERVICE_HOST", "10.0.0.1");
    let warnings =
        case.env("AMPD_PORT", "tcp://10.0.0.1:80").env("AMPD_PORT_80_TCP", "tcp://10.0.0.1:80").good().warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].message.contains("AMPD_LGO") && !warnings[0].render_warning(false).contains(CANARY));
}

#[test]
fn a_dotenv_that_others_can_read_is_warned_about() {
    let case = Case::new().write(".env", "AMP_API_KEY=a\nAMP_SECRET_KEY=b\n");
    assert!(case.good().warnings.is_empty());
    mode(&case.path(".env"), 0o640);
    assert_eq!(case.good().warnings[0].code, "E121");
}
