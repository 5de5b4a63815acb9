//! Who asks, and for what.

use std::collections::HashMap;

use axum::http::{HeaderMap, header};
use base64::Engine as _;

use super::{
    hour::Hour,
    options::{Options, Project},
    refusal::{self, Refusal},
};

/// The API takes at most so many hours.
const WINDOW_HOURS_MAX: i64 = 365 * 24;

/// The project whose keys were sent, to the right region.
pub fn authenticate<'a>(headers: &HeaderMap, options: &'a Options) -> Result<&'a Project, Refusal> {
    let Some(header) = headers.get(header::AUTHORIZATION) else {
        return Err(Box::new(refusal::error(401, "unauthorized", "No credentials were sent")));
    };
    let pair = header
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, encoded)| base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok())
        .and_then(|decoded| String::from_utf8(decoded).ok());
    let pair = pair.as_deref().and_then(|pair| pair.split_once(':'));
    let known = |project: &&Project| {
        pair == Some((project.api_key.as_str(), project.secret_key.as_str())) && project.region == options.region
    };
    options.projects.iter().find(known).ok_or_else(|| Box::new(refusal::invalid_key()))
}

/// The first and the last hour asked for.
pub fn window(query: &HashMap<String, String>) -> Result<(Hour, Hour), Refusal> {
    let refuse = |message: String| Box::new(refusal::error(400, "invalid_request", &message));
    let read = |name: &str| match query.get(name) {
        None => Err(refuse(format!("the parameter `{name}` is missing"))),
        Some(text) => {
            Hour::parse(text).ok_or_else(|| refuse(format!("the parameter `{name}` is not of the form YYYYMMDDTHH")))
        }
    };
    let (first, last) = (read("start")?, read("end")?);
    if last < first {
        return Err(refuse("the parameter `end` lies before `start`".into()));
    }
    if last.number() - first.number() >= WINDOW_HOURS_MAX {
        return Err(refuse("the parameters `start` and `end` span more than 365 days".into()));
    }
    Ok((first, last))
}
