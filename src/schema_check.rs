//! For tests: whether a value fits a JSON schema, as far as the schemas under `docs/schema/` go.

use serde_json::Value;

const KNOWN: [&str; 15] = [
    "$schema",
    "$id",
    "$defs",
    "$ref",
    "title",
    "description",
    "type",
    "const",
    "enum",
    "pattern",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "minimum",
];

/// What does not fit, each with its path.
pub(crate) fn problems(schema: &str, value: &Value) -> Vec<String> {
    let root: Value = serde_json::from_str(schema).expect("the schema is JSON");
    let mut found = Vec::new();
    check(&root, &root, value, "$", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let map = schema.as_object().expect("a schema is an object");
    assert!(map.keys().all(|key| KNOWN.contains(&key.as_str())), "{path}: a keyword this checker does not know");
    if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(reference.trim_start_matches('#')).expect("the reference leads somewhere");
        return check(root, target, value, path, found);
    }
    let allowed = match map.get("type") {
        Some(Value::String(name)) => vec![name.as_str()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !allowed.is_empty() && !allowed.iter().any(|name| is(name, value)) {
        return found.push(format!("{path} is no {allowed:?}"));
    }
    if map.get("const").is_some_and(|constant| constant != value)
        || map.get("enum").and_then(Value::as_array).is_some_and(|allowed| !allowed.contains(value))
        || map.get("minimum").and_then(Value::as_f64).zip(value.as_f64()).is_some_and(|(least, is)| is < least)
    {
        found.push(format!("{path} is not one of the values allowed"));
    }
    if let Some(object) = value.as_object() {
        for key in map.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(key) {
                found.push(format!("{path}.{key} is missing"));
            }
        }
        let properties = map.get("properties").and_then(Value::as_object);
        for (key, member) in object {
            match properties.and_then(|properties| properties.get(key)) {
                Some(schema) => check(root, schema, member, &format!("{path}.{key}"), found),
                // Readers allow more; what we write ourselves is documented.
                None if map.get("additionalProperties") == Some(&Value::Bool(true)) => {}
                None => found.push(format!("{path}.{key} is not documented")),
            }
        }
    }
    if let Some((items, values)) = map.get("items").zip(value.as_array()) {
        for (at, item) in values.iter().enumerate() {
            check(root, items, item, &format!("{path}[{at}]"), found);
        }
    }
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    }
}
