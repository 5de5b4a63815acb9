//! The names that the Python program used: they work on their own where the file says nothing.

use figment::value::Value;
use secrecy::SecretString;

use super::inputs::Environment;
use super::layers::{Layer, Layers, Origin, SEEDS};
use super::problem::{Problem, Report};
use super::secrets;
use super::variables::file_form;

/// The source that the seed names make.
pub(super) const DEFAULT_SOURCE: &str = "default";

/// Fills the layer of the seeds. The other layers are there already, so that it is known which sources there are.
pub(super) fn fill(layers: &mut Layers, environment: &Environment<'_>, report: &mut Report) {
    let keys = [("api_key", "AMP_API_KEY"), ("secret_key", "AMP_SECRET_KEY")];
    let names = layers.names("source");
    let only = match names.len() {
        0 => Some(DEFAULT_SOURCE),
        1 => names.first().map(String::as_str),
        _ => None,
    };
    let mut layer = Layer::default();
    if let Some(source) = only {
        for (key, variable) in keys {
            seed(&mut layer, &format!("source.{source}.{key}"), variable, environment, report);
        }
    }
    if let Some(bucket) = environment.get("AWS_BUCKET_NAME") {
        let origin =
            Origin::Variable { name: "AWS_BUCKET_NAME".to_owned(), dotenv: bucket.dotenv.map(ToOwned::to_owned) };
        layer.set("lake.type", "s3", origin.clone());
        layer.set("lake.bucket", bucket.value, origin);
    }
    layers.0[SEEDS] = layer;
}

fn seed(layer: &mut Layer, path: &str, name: &str, environment: &Environment<'_>, report: &mut Report) {
    let file = format!("{name}_FILE");
    let (value, name, variable) = match (environment.get(name), environment.get(&file)) {
        (None, None) => return,
        (Some(_), Some(_)) => return report.error(given_twice(name)),
        (Some(inline), None) => (Value::from(inline.value), name.to_owned(), inline),
        (None, Some(path)) => (file_form(environment, path.value), file, path),
    };
    layer.set(path, value, Origin::Variable { name, dotenv: variable.dotenv.map(ToOwned::to_owned) });
}

/// A secret's variable and its `_FILE` form are both set.
pub(super) fn given_twice(name: &str) -> Problem {
    Problem::new("E111", format!("a secret is given twice: {name} and {name}_FILE")).help("unset one of the two")
}

/// What the seed and `.env` say about AWS. `.env` never enters the process's environment, so it is carried here.
#[derive(Default)]
pub(super) struct Aws {
    pub credentials: Option<(SecretString, SecretString)>,
    pub session_token: Option<SecretString>,
    pub region: Option<String>,
}

/// The seed's AWS keys, when the standard names are not set in the environment.
pub(super) fn aws(environment: &Environment<'_>, report: &mut Report) -> Aws {
    let set = |name: &str| environment.inputs.env.get(name).is_some_and(|value| !value.is_empty());
    let region = environment.only_in_dotenv("AWS_REGION").or_else(|| environment.only_in_dotenv("AWS_DEFAULT_REGION"));
    let region = region.filter(|_| !set("AWS_REGION") && !set("AWS_DEFAULT_REGION")).map(str::to_owned);
    if set("AWS_ACCESS_KEY_ID") || set("AWS_SECRET_ACCESS_KEY") {
        return Aws { region, ..Aws::default() };
    }
    let dotenv = |name: &str| environment.only_in_dotenv(name).map(SecretString::from);
    if let (Some(id), Some(key)) = (dotenv("AWS_ACCESS_KEY_ID"), dotenv("AWS_SECRET_ACCESS_KEY")) {
        return Aws { credentials: Some((id, key)), session_token: dotenv("AWS_SESSION_TOKEN"), region };
    }
    let id = secrets::variable("AWS_ACCESS_KEY", environment, report);
    let key = secrets::variable("AWS_SECRET_KEY", environment, report);
    if id.is_some() != key.is_some() {
        let (here, missing) =
            if id.is_some() { ("AWS_ACCESS_KEY", "AWS_SECRET_KEY") } else { ("AWS_SECRET_KEY", "AWS_ACCESS_KEY") };
        report.error(
            Problem::new("E110", format!("{here} is set and {missing} is not\n  looked at: {missing}, {missing}_FILE (not set), in the environment and in .env"))
                .help(format!("set {missing} too, or unset {here} to use the AWS chain")),
        );
    }
    Aws { credentials: id.zip(key), session_token: None, region }
}
