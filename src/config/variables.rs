//! `AMPD_SECTION__KEY` variables, and flags: the layers above the file. Values are text and stay untouched.

use figment::value::Value;

use crate::model::SourceName;

use super::inputs::{Environment, Variable};
use super::key_table::{KEYS, Key};
use super::keys;
use super::layers::{Layer, Origin, resolve};
use super::problem::{Problem, Report, nearest};

/// Variables without `__` that the command line reads.
const RESERVED: [&str; 5] = ["AMPD_CONFIG", "AMPD_LOG", "AMPD_OUTPUT", "AMPD_COLOR", "AMPD_SOCKET"];

/// The layer of the variables.
pub(super) fn layer(environment: &Environment<'_>, report: &mut Report) -> Layer {
    let mut layer = Layer::default();
    for (name, variable) in environment.all() {
        let Some(rest) = name.strip_prefix("AMPD_") else { continue };
        if rest.contains("__") {
            read(&mut layer, environment, name, rest, variable, report);
        } else if !RESERVED.contains(&name) && !is_service_link(rest, variable.value) {
            report.warn(
                Problem::new("E120", format!("the variable {name} means nothing to ampd"))
                    .help("variables of the configuration are written AMPD_SECTION__KEY, with two underscores"),
            );
        }
    }
    layer
}

/// What Kubernetes sets in every container when a service is called `ampd`.
fn is_service_link(rest: &str, value: &str) -> bool {
    rest == "SERVICE_HOST"
        || rest.starts_with("SERVICE_PORT")
        || rest.starts_with("PORT_")
        || rest == "PORT" && value.contains("://")
}

fn read(
    layer: &mut Layer,
    environment: &Environment<'_>,
    name: &str,
    rest: &str,
    variable: Variable<'_>,
    report: &mut Report,
) {
    let path = rest.to_lowercase().replace("__", ".");
    let origin = Origin::Variable { name: name.to_owned(), dotenv: variable.dotenv.map(ToOwned::to_owned) };
    let is_upper = rest.chars().all(|c| !c.is_ascii_lowercase());
    let (path, is_file) = match path.strip_suffix("_file") {
        Some(plain) if keys::find(&path).is_none() && keys::find(plain).is_some_and(Key::is_secret) => {
            (plain.to_owned(), true)
        }
        _ => (path, false),
    };
    if keys::find(&path).is_none() || !is_upper {
        report.error(unknown(name, &path));
        return;
    }
    if let Some(wrong) = wrong_name(&path) {
        let message = format!("{name}: `{wrong}` is no name: [a-z][a-z0-9_]* without `__`, at most 64 characters");
        report.error(Problem::new("E102", message).help("write AMPD_SOURCE__IOS_PROD__API_KEY for [source.ios_prod]"));
        return;
    }
    if layer.entries.contains_key(&path) {
        let plain = Key::variable(&path);
        let message = format!("the secret `{path}` is given twice: {plain} and {plain}_FILE");
        report.error(Problem::new("E111", message).help("unset one of the two"));
        return;
    }
    let value = if is_file { file_form(environment, variable.value) } else { Value::from(variable.value) };
    layer.set(path, value, origin);
}

/// The pair of a secret in a file; a variable's path is relative to the working directory.
pub(super) fn file_form(environment: &Environment<'_>, path: &str) -> Value {
    let file = resolve(&environment.inputs.cwd, path.as_ref());
    Value::from(vec!["file".to_owned(), file.to_string_lossy().into_owned()])
}

fn wrong_name(path: &str) -> Option<&str> {
    let mut parts = path.split('.');
    let (section, name) = (parts.next()?, parts.next()?);
    (keys::is_named(section) && name.parse::<SourceName>().is_err()).then_some(name)
}

fn unknown(name: &str, path: &str) -> Problem {
    let middle = path.split('.').nth(1).unwrap_or("web");
    let known: Vec<String> = KEYS.iter().map(|key| Key::variable(&key.path(middle))).collect();
    let help = match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => "variables are written AMPD_SECTION__KEY; `ampd config show` lists the keys".to_owned(),
    };
    Problem::new("E101", format!("the variable {name} names no key of the configuration")).help(help)
}

/// The layer of the flags.
pub(super) fn flags(overrides: &[(String, String)], report: &mut Report) -> Layer {
    let mut layer = Layer::default();
    for (path, value) in overrides {
        match keys::find(path) {
            Some(key) if key.is_secret() => report.error(
                Problem::new("E102", format!("`{path}` is a secret, which no flag takes: other users could read it"))
                    .help(format!("set {}_FILE, or write it in the file", Key::variable(path))),
            ),
            Some(_) if wrong_name(path).is_none() => layer.set(path, value.as_str(), Origin::Flag),
            _ => {
                let known: Vec<String> = KEYS.iter().map(|key| key.path("web")).collect();
                let near = nearest(path, known.iter().map(String::as_str));
                let help = near.map_or_else(
                    || "`ampd config show` lists the keys".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                report.error(Problem::new("E101", format!("unknown key `{path}` on the command line")).help(help));
            }
        }
    }
    layer
}
