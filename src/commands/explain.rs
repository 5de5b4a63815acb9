//! `ampd explain` and `ampd version`.

use serde_json::json;

use super::output::Output;
use crate::cli::{ExplainArgs, Global};
use crate::exit::Exit;
use crate::explain;
use crate::model::Format;
use crate::problem::Failure;

/// Explains one code, or lists them all.
pub fn run(global: &Global, args: &ExplainArgs) -> Result<Exit, Failure> {
    let output = Output::stdout(global.form());
    if let Some(code) = &args.code {
        let code = code.trim().to_uppercase();
        let entry = explain::find(&code).ok_or_else(|| {
            Failure::usage(format!("there is no error `{code}`")).help("`ampd explain` lists them all")
        })?;
        output.text(&entry.to_text());
        output.object(&json!({
            "code": entry.code, "title": entry.title, "happened": entry.happened,
            "by_itself": entry.by_itself, "to_do": entry.to_do, "exit_code": entry.exit.code(),
        }));
    } else {
        for entry in explain::entries() {
            output.text(&format!("{}  {}", entry.code, entry.title));
        }
        let codes: Vec<_> = explain::entries().map(|entry| json!({"code": entry.code, "title": entry.title})).collect();
        output.object(&json!({ "codes": codes }));
    }
    output.finish()?;
    Ok(Exit::Done)
}

/// The version and what was built in.
pub fn version(global: &Global) -> Result<Exit, Failure> {
    let output = Output::stdout(global.form());
    let version = env!("CARGO_PKG_VERSION");
    let formats: Vec<&str> = Format::built().map(Format::extension).collect();
    output.text(&format!("ampd {version}\nformats: {}\nlakes: local, s3", formats.join(", ")));
    output.object(&json!({"version": version, "formats": formats, "lakes": ["local", "s3"]}));
    output.finish()?;
    Ok(Exit::Done)
}
