//! The JSON schema of the file, from the table of keys.

use serde_json::{Map, Value, json};

use super::key_table::{KEYS, Key, Kind};
use super::keys::{in_section, is_named, sections};
use crate::model::Format;

const NAME: &str = "^[a-z](?:_?[a-z0-9])*_?$";

/// The schema (draft 2020-12) of `ampd.toml`.
pub fn schema() -> Value {
    let mut properties: Map<String, Value> = in_section("").map(|key| (key.name.to_owned(), property(key))).collect();
    for section in sections() {
        let table = table(section);
        let schema = if is_named(section) {
            json!({ "type": "object", "patternProperties": { NAME: table }, "additionalProperties": false })
        } else {
            table
        };
        properties.insert(section.to_owned(), schema);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ampd.toml",
        "description": "The configuration of ampd",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "$defs": { "secret": secret() },
    })
}

fn table(section: &str) -> Value {
    let properties: Map<String, Value> =
        KEYS.iter().filter(|key| key.section == section).map(|key| (key.name.to_owned(), property(key))).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn property(key: &Key) -> Value {
    let mut schema = match key.kind {
        Kind::Secret => json!({ "$ref": "#/$defs/secret" }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Int(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Kind::Size(..) => json!({ "type": ["string", "integer"], "minimum": 0 }),
        Kind::Id => json!({ "type": ["string", "integer"] }),
        Kind::Choice(words) => json!({ "type": "string", "enum": words }),
        Kind::Format => json!({ "type": "string", "enum": Format::built().map(Format::extension).collect::<Vec<_>>() }),
        Kind::List => json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 }),
        Kind::Words(words) => json!({ "type": "array", "items": { "type": "string", "enum": words } }),
        Kind::Tags => json!({ "type": "object", "additionalProperties": { "type": "string" }, "maxProperties": 10 }),
        Kind::Prefix | Kind::PathOrNone | Kind::Listen => json!({ "type": "string" }),
        _ => json!({ "type": "string", "minLength": 1 }),
    };
    schema["description"] = json!(key.doc);
    if let Some(default) = key.default {
        schema["default"] = match key.kind {
            Kind::Bool => json!(default == "true"),
            Kind::Int(..) => json!(default.parse::<u64>().unwrap_or_default()),
            _ => json!(default),
        };
    }
    schema
}

fn secret() -> Value {
    let one = |form: &str| json!({ "type": "object", "properties": { form: { "type": "string", "minLength": 1 } }, "required": [form], "additionalProperties": false });
    json!({ "oneOf": [{ "type": "string", "minLength": 1 }, one("env"), one("file"), one("credential")] })
}
