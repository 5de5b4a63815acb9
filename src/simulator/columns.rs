//! The columns of a row, in byte order, each with what writes its value.

use super::{
    facts::{Facts, InsertId, Oddity, Origin},
    json::{hex, number, raw, string, time, uuid},
    random::mix,
};

type Column = (&'static str, fn(&Facts<'_>, &mut Vec<u8>));

/// All 55, as they are since about 2023.
#[rustfmt::skip]
pub const COLUMNS: [Column; 55] = [
    ("$insert_id", insert_id), ("$insert_key", null), ("$schema", schema), ("adid", null),
    ("amplitude_attribution_ids", attribution_ids), ("amplitude_event_type", null),
    ("amplitude_id", |facts, out| number(out, 1_000_000_000_000 + mix(&[facts.person, 7]) % 90_000_000_000)),
    ("app", |facts, out| number(out, facts.project.id)),
    ("city", |facts, out| place(facts, out, 0)),
    ("client_event_time", |facts, out| time(out, facts.event_time)),
    ("client_upload_time", |facts, out| time(out, facts.client_upload_time)),
    ("country", |facts, out| place(facts, out, 2)), ("data", data), ("data_type", |_, out| string(out, "event")),
    ("device_brand", null), ("device_carrier", null), ("device_family", |facts, out| by_origin(facts, out, "Mac", "Apple iPhone")),
    ("device_id", device_id), ("device_manufacturer", null), ("device_model", null),
    ("device_type", |facts, out| by_origin(facts, out, "Mac", "Apple iPhone 15 Pro")),
    ("dma", |facts, out| place(facts, out, 3)), ("event_id", |facts, out| number(out, facts.event_id)),
    ("event_properties", event_properties), ("event_time", |facts, out| time(out, facts.event_time)),
    ("event_type", |facts, out| string(out, EVENTS[facts.event % EVENTS.len()])),
    ("global_user_properties", |facts, out| raw(out, if facts.noise.is_multiple_of(2) { "{}" } else { "null" })),
    ("group_properties", |_, out| raw(out, "{}")), ("groups", groups), ("idfa", null), ("ip_address", ip_address),
    ("is_attribution_event", |facts, out| raw(out, if facts.old { "false" } else { "null" })),
    ("language", |facts, out| by_origin(facts, out, "English", "German")), ("library", library),
    ("location_lat", |facts, out| place_number(facts, out, 4)), ("location_lng", |facts, out| place_number(facts, out, 5)),
    ("os_name", |facts, out| by_origin(facts, out, "Chrome", "ios")), ("os_version", |facts, out| by_origin(facts, out, "143", "18.2")),
    ("partner_id", null), ("paying", |facts, out| raw(out, if facts.person.is_multiple_of(5) { "true" } else { "null" })),
    ("plan", plan), ("platform", |facts, out| by_origin(facts, out, "Web", "iOS")),
    ("processed_time", |facts, out| time(out, facts.processed_time)), ("region", |facts, out| place(facts, out, 1)),
    ("sample_rate", null), ("server_received_time", |facts, out| time(out, facts.server_received_time)),
    ("server_upload_time", |facts, out| time(out, facts.server_upload_time)), ("session_id", session_id),
    ("source_id", null), ("start_version", |facts, out| on_ios(facts, out, "3.1.0")), ("user_creation_time", null),
    ("user_id", user_id), ("user_properties", user_properties),
    ("uuid", |facts, out| uuid(out, facts.uuid.0, facts.uuid.1, if facts.old { 1 } else { 4 })),
    ("version_name", |facts, out| on_ios(facts, out, "3.4.1")),
];

/// Positions in `COLUMNS` of the 49 columns of 2020: without `$insert_key`, `data_type`, `global_user_properties`, `partner_id`,
/// `plan` and `source_id`.
pub const COLUMNS_2020: [usize; 49] = [
    0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 27, 28, 29, 30, 31, 32, 33,
    34, 35, 36, 37, 39, 41, 42, 43, 44, 45, 46, 47, 49, 50, 51, 52, 53, 54,
];

const EVENTS: [&str; 8] = [
    "[Amplitude] Page Viewed",
    "Button Clicked",
    "Property Drop Purchased",
    "session_start",
    "Search Performed",
    "Checkout Completed",
    "session_end",
    "Größe gewählt",
];

/// City, region, country, market area, latitude, longitude; an empty text is null.
const PLACES: [[&str; 6]; 4] = [
    ["San Francisco", "California", "United States", "San Francisco-Oakland-San Jose, CA", "37.7749", "-122.4194"],
    ["Berlin", "Land Berlin", "Germany", "", "52.52", "13.405"],
    ["São Paulo", "São Paulo", "Brazil", "", "-23.5505", "-46.6333"],
    ["東京", "Tokyo", "Japan", "", "35.6895", "139.6917"],
];

fn null(_: &Facts<'_>, out: &mut Vec<u8>) {
    raw(out, "null");
}

fn insert_id(facts: &Facts<'_>, out: &mut Vec<u8>) {
    match facts.insert_id {
        InsertId::Uuid(high, low) => uuid(out, high, low, 4),
        InsertId::Counter(count) => {
            raw(out, "\"Property Drop Purchased:");
            number(out, count);
            out.push(b'"');
        }
        InsertId::Null => null(facts, out),
    }
}

fn schema(facts: &Facts<'_>, out: &mut Vec<u8>) {
    raw(out, if facts.old { "12" } else { "null" });
}

fn attribution_ids(facts: &Facts<'_>, out: &mut Vec<u8>) {
    if !facts.noise.is_multiple_of(50) {
        return null(facts, out);
    }
    raw(out, "[\"");
    hex(out, facts.noise, 16);
    raw(out, "\"]");
}

/// A value on the web, another on a phone, null from a server.
fn by_origin(facts: &Facts<'_>, out: &mut Vec<u8>, web: &str, ios: &str) {
    match facts.origin {
        Origin::Web => string(out, web),
        Origin::Ios => string(out, ios),
        Origin::HttpApi => raw(out, "null"),
    }
}

fn on_ios(facts: &Facts<'_>, out: &mut Vec<u8>, value: &str) {
    if facts.origin == Origin::Ios { string(out, value) } else { null(facts, out) }
}

fn place_text(facts: &Facts<'_>, field: usize) -> Option<&'static str> {
    let index = usize::from(facts.person.to_le_bytes()[0]) % PLACES.len();
    let text = PLACES[index][field];
    (facts.origin != Origin::HttpApi && !text.is_empty()).then_some(text)
}

fn place(facts: &Facts<'_>, out: &mut Vec<u8>, field: usize) {
    match place_text(facts, field) {
        Some(text) => string(out, text),
        None => null(facts, out),
    }
}

fn place_number(facts: &Facts<'_>, out: &mut Vec<u8>, field: usize) {
    raw(out, place_text(facts, field).filter(|_| facts.origin == Origin::Ios).unwrap_or("null"));
}

fn data(facts: &Facts<'_>, out: &mut Vec<u8>) {
    raw(out, if facts.origin == Origin::HttpApi { "{\"path\":\"/batch\"" } else { "{\"path\":\"/2/httpapi\"" });
    if !facts.compact {
        raw(out, ",\"user_properties_updated\":true,\"group_first_event\":{},\"group_ids\":{}");
    }
    if facts.noise.is_multiple_of(40) {
        raw(out, ",\"first_event\":true");
    }
    out.push(b'}');
}

fn device_id(facts: &Facts<'_>, out: &mut Vec<u8>) {
    uuid(out, mix(&[facts.person, 8]), mix(&[facts.person, 9]), 4);
}

fn groups(facts: &Facts<'_>, out: &mut Vec<u8>) {
    if facts.compact || !facts.person.is_multiple_of(4) {
        return raw(out, "{}");
    }
    raw(out, "{\"company\":[\"Example Company ");
    number(out, facts.person % 7);
    raw(out, "\"]}");
}

fn ip_address(facts: &Facts<'_>, out: &mut Vec<u8>) {
    if facts.origin == Origin::HttpApi {
        return null(facts, out);
    }
    raw(out, "\"203.0.113.");
    number(out, 1 + facts.person % 254);
    out.push(b'"');
}

fn library(facts: &Facts<'_>, out: &mut Vec<u8>) {
    match facts.origin {
        Origin::Web => string(out, "amplitude-ts/2.11.4"),
        Origin::HttpApi => string(out, "http/2.0"),
        Origin::Ios => string(out, "amplitude-swift/1.11.7"),
    }
}

fn plan(facts: &Facts<'_>, out: &mut Vec<u8>) {
    let planned = !facts.compact && facts.noise.is_multiple_of(20);
    raw(out, if planned { "{\"branch\":\"main\",\"source\":\"web\",\"version\":\"12\"}" } else { "{}" });
}

fn session_id(facts: &Facts<'_>, out: &mut Vec<u8>) {
    if facts.origin == Origin::HttpApi {
        return raw(out, "-1");
    }
    // A session began at some whole half hour before the event.
    let millis = (facts.event_time / 1000).unsigned_abs();
    number(out, millis - millis % 1_800_000 + facts.person % 60_000);
}

fn user_id(facts: &Facts<'_>, out: &mut Vec<u8>) {
    if !facts.signed_in {
        return null(facts, out);
    }
    raw(out, "\"user");
    number(out, facts.person);
    raw(out, "@example.com\"");
}

/// The keys stand in no order, on purpose: who sorts them changes the row.
fn event_properties(facts: &Facts<'_>, out: &mut Vec<u8>) {
    raw(out, "{\"sequence\":");
    number(out, facts.noise % 10_000);
    match facts.oddity {
        Oddity::None => {}
        Oddity::Unicode => raw(out, r#","note":"Größe 🦀 \ud83d\ude80 中文 \u0000 \"zitiert\" \/ عربى""#),
        Oddity::Number => {
            raw(
                out,
                r#","exact":9007199254740993,"big":18446744073709551616,"price":6396.0,"zero":-0.0,"tiny":1e-320"#,
            );
        }
        Oddity::Hostile if facts.noise.is_multiple_of(2) => raw(out, r#","note":"half a pair \ud83d""#),
        Oddity::Hostile => raw(out, r#","amount":1e400"#),
    }
    if !facts.compact {
        raw(out, ",\"[Amplitude] Page Path\":\"/property/");
        number(out, facts.noise % 997);
        raw(out, "/details\",\"[Amplitude] Page URL\":\"https://www.example.com/property/");
        number(out, facts.noise % 997);
        raw(out, "/details?ref=");
        hex(out, facts.noise, 16);
        raw(out, "\",\"[Amplitude] Page Title\":\"Property details - Example\",\"price\":");
        number(out, facts.noise % 100_000);
        raw(out, ".5,\"currency\":\"EUR\",\"tags\":[\"new\",\"sea view\"]");
        raw(out, ",\"experiment\":{\"name\":\"layout\",\"variant\":\"");
        raw(out, if facts.noise.is_multiple_of(3) { "treatment" } else { "control" });
        raw(out, "\"},\"referrer\":null");
    }
    out.push(b'}');
}

fn user_properties(facts: &Facts<'_>, out: &mut Vec<u8>) {
    raw(out, "{\"plan\":\"");
    raw(out, if facts.person.is_multiple_of(5) { "pro" } else { "free" });
    out.push(b'"');
    if !facts.compact {
        raw(out, ",\"initial_utm_source\":\"newsletter\",\"initial_utm_campaign\":\"spring ");
        number(out, facts.person % 12);
        raw(out, "\",\"initial_referring_domain\":\"www.example.com\",\"initial_utm_medium\":\"EMPTY\"");
        raw(out, ",\"initial_utm_content\":\"EMPTY\",\"initial_utm_term\":\"EMPTY\",\"initial_fbclid\":\"EMPTY\"");
        raw(out, ",\"initial_referrer\":\"https://www.example.com/news/letters?issue=42\",\"locale\":\"en-GB\"");
        raw(out, ",\"initial_gclid\":\"EMPTY\",\"cart_size\":");
        number(out, facts.noise % 9);
        raw(out, ",\"segments\":[\"buyer\",\"returning\"],\"account\":{\"id\":\"");
        hex(out, mix(&[facts.person, 10]), 12);
        raw(out, "\",\"tier\":2}");
    }
    out.push(b'}');
}
