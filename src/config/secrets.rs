//! Secrets: from where they are to [`SecretString`], and an error that lists every place that was looked at.

use std::io::Read as _;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use super::inputs::{Environment, mode};
use super::key_table::Key;
use super::keys::{called, table_of};
use super::layers::resolve;
use super::merged::Values;
use super::problem::{Place, Problem, Report};
use super::secret_form::Spec;
use super::seeds::given_twice;

/// No secret is longer.
const LONGEST: u64 = 64 * 1024;

/// The secret of a key, or a problem that says where it was looked for.
pub(super) fn find(path: &str, values: &Values<'_>, report: &mut Report) -> Option<SecretString> {
    let environment = values.environment;
    if !environment.inputs.with_secrets {
        return Some(SecretString::default());
    }
    let place = values.origin(path).and_then(super::layers::Origin::place);
    let mut looked = Vec::new();
    let before = report.problems.len();
    let found = match values.spec(path) {
        Some(Spec::Inline(secret)) => {
            warn_when_inline(path, values, report);
            Some(secret)
        }
        Some(Spec::Env(name)) => {
            looked.push(format!("{path}, which names the variable {name}"));
            looked.push(format!("{name}, {name}_FILE (not set, in the environment and in .env)"));
            variable(&name, environment, report)
        }
        Some(Spec::File(file)) => {
            let file = resolve(values.base(path), &file);
            looked.push(format!("{path}, which names the file {} (empty)", file.display()));
            read(&file, place.clone(), report)
        }
        Some(Spec::Credential(name)) => {
            looked.push(format!("{path}, which names the credential {name}"));
            looked.push(no_credential(&name, environment));
            credential(&name, environment, report)
        }
        None => {
            let name = path.strip_prefix("source.").unwrap_or(path);
            looked.extend(nowhere(path, name, values));
            credential(name, environment, report)
        }
    };
    // A value that was refused has been reported already.
    if found.is_none() && report.problems.len() == before && !values.is_refused(path) {
        report.error(missing(path, &looked).at(place.or_else(|| values.header(table_of(path)))));
    }
    found
}

fn missing(path: &str, looked: &[String]) -> Problem {
    let name = path.rsplit('.').next().unwrap_or(path);
    let seed = match name {
        "api_key" => "add it to .env as AMP_API_KEY=...  or  ",
        "secret_key" => "add it to .env as AMP_SECRET_KEY=...  or  ",
        _ => "",
    };
    let message =
        format!("{} is needed and none was found\n  looked at: {}", called(path), looked.join("\n             "));
    Problem::new("E110", message).help(format!("{seed}{name} = {{ file = \"...\" }}"))
}

fn nowhere(path: &str, credential: &str, values: &Values<'_>) -> Vec<String> {
    let variable = Key::variable(path);
    let mut looked = vec![format!("{path} {}", values.not_in_file()), format!("{variable}, {variable}_FILE (not set)")];
    let seed = match path.rsplit('.').next() {
        Some("api_key") => Some("AMP_API_KEY"),
        Some("secret_key") => Some("AMP_SECRET_KEY"),
        _ => None,
    };
    looked.extend(seed.map(|seed| {
        let why = if values.names("source").len() > 1 {
            "counts only when there is one source"
        } else {
            "not set, in the environment and in .env"
        };
        format!("{seed}, {seed}_FILE ({why})")
    }));
    looked.push(no_credential(credential, values.environment));
    looked
}

fn no_credential(name: &str, environment: &Environment<'_>) -> String {
    let why = if environment.inputs.directory("CREDENTIALS_DIRECTORY").is_some() {
        "not present"
    } else {
        "not present: CREDENTIALS_DIRECTORY is not set"
    };
    format!("systemd credential {name} ({why})")
}

/// A secret variable in either of its forms.
pub(super) fn variable(name: &str, environment: &Environment<'_>, report: &mut Report) -> Option<SecretString> {
    match (environment.get(name), environment.get(&format!("{name}_FILE"))) {
        (None, None) => None,
        (Some(inline), None) => Some(SecretString::from(inline.value)),
        (None, Some(file)) => {
            let file = resolve(&environment.inputs.cwd, file.value.as_ref());
            let secret = read(&file, None, report);
            if secret.is_none() {
                report.problems.last().is_none_or(|last| last.code != "E111").then(|| {
                    report.error(
                        Problem::new("E111", format!("the file of {name}_FILE is empty: {}", file.display()))
                            .help("write the secret into it"),
                    );
                });
            }
            secret
        }
        (Some(_), Some(_)) => {
            report.error(given_twice(name));
            None
        }
    }
}

fn credential(name: &str, environment: &Environment<'_>, report: &mut Report) -> Option<SecretString> {
    let file = environment.inputs.directory("CREDENTIALS_DIRECTORY")?.join(name);
    if file.try_exists().is_ok_and(|exists| !exists) { None } else { read(&file, None, report) }
}

/// A secret file without its last newline; `None` and no problem when it is empty.
fn read(file: &Path, place: Option<Place>, report: &mut Report) -> Option<SecretString> {
    let refuse = |why: &str| {
        Problem::new("E111", format!("the secret file {} {why}", file.display()))
            .at(place.clone())
            .help("the file must exist, be readable for the user that runs ampd, and hold the secret alone")
    };
    let mut text = String::new();
    let length = std::fs::File::open(file).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text));
    let text = match length {
        Ok(length) if length as u64 > LONGEST => Err(refuse("is longer than any secret")),
        Ok(_) => Ok(text),
        Err(error) => Err(refuse(&format!("cannot be read: {}", error.kind()))),
    };
    let secret = match text {
        Ok(text) => SecretString::from(
            text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text)),
        ),
        Err(problem) => {
            report.error(problem);
            return None;
        }
    };
    if mode(file).is_some_and(|mode| mode & 0o004 != 0) {
        report.warn(
            Problem::new("E121", format!("the secret file {} can be read by every user", file.display()))
                .at(place)
                .help(format!("chmod 600 {}", file.display())),
        );
    }
    (!secret.expose_secret().is_empty()).then_some(secret)
}

fn warn_when_inline(path: &str, values: &Values<'_>, report: &mut Report) {
    let Some(place) = values.origin(path).and_then(super::layers::Origin::place) else { return };
    if mode(&place.file).is_some_and(|mode| mode & 0o004 != 0) {
        let help = format!("chmod 600 {}, or write {{ file = \"...\" }}", place.file.display());
        report.warn(
            Problem::new("E121", format!("{} is written in a file that every user can read", called(path)))
                .at(Some(place))
                .help(help),
        );
    }
}
