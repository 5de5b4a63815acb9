//! The four forms of a secret: `"inline"`, `{ env = "X" }`, `{ file = "P" }`, `{ credential = "name" }`.

use std::path::PathBuf;

use figment::value::Value;
use secrecy::SecretString;

use super::problem::nearest;
use super::values::{Complaint, path, type_name};

/// Where a secret is.
#[derive(Clone, Debug)]
pub(super) enum Spec {
    Inline(SecretString),
    Env(String),
    File(PathBuf),
    Credential(String),
}

/// A secret travels through the layers as text, or as the pair of its form and its name.
pub(super) fn secret(value: &Value) -> Result<Spec, Complaint> {
    const HELP: &str = r#"write "...", { env = "NAME" }, { file = "PATH" } or { credential = "NAME" }"#;
    let wrong = |what: &str| Complaint::new(what, HELP);
    let (form, name) = match value {
        Value::String(_, text) if text.is_empty() => return Err(wrong("is empty")),
        Value::String(_, text) => return Ok(Spec::Inline(SecretString::from(text.as_str()))),
        Value::Dict(_, forms) if forms.len() == 1 => forms.iter().next().ok_or_else(|| wrong("is empty"))?,
        Value::Dict(_, forms) if forms.is_empty() => return Err(wrong("must name one place, found none")),
        Value::Dict(..) => return Err(wrong("must name one place, found several")),
        Value::Array(_, pair) => match pair.as_slice() {
            [Value::String(_, form), name] => (form, name),
            _ => return Err(wrong("must be a string or one of the three forms, found a list")),
        },
        _ => return Err(wrong(&format!("must be a string or one of the three forms, found {}", type_name(value)))),
    };
    let known = ["env", "file", "credential"];
    if !known.contains(&form.as_str()) {
        let help = nearest(form, known).map_or_else(|| HELP.to_owned(), |near| format!("did you mean `{near}`?"));
        return Err(Complaint::new(format!("has the unknown form `{form}`"), help));
    }
    let name =
        name.as_str().filter(|name| !name.is_empty()).ok_or_else(|| wrong(&format!("must give `{form}` a string")))?;
    let plain_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '@' | ':');
    match form.as_str() {
        "file" => Ok(Spec::File(PathBuf::from(path(name)?))),
        // A secret pasted in place of a name must not be printed as the name.
        "env" if !is_variable(name) => Err(wrong("must name a variable in `env`, in capital letters")),
        _ if !name.chars().all(plain_name) || name.starts_with('.') => {
            Err(wrong(&format!("has no plain name in `{form}`")))
        }
        "env" => Ok(Spec::Env(name.to_owned())),
        _ => Ok(Spec::Credential(name.to_owned())),
    }
}

fn is_variable(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_uppercase() || c == '_';
    name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit())
}
