//! The rules of the texts: addresses, buckets, prefixes, listeners, levels. Errors say the rule, never the text.

use std::net::SocketAddr;

use tracing_subscriber::EnvFilter;

/// An `http` or `https` address, without the slash at its end.
pub(super) fn url(text: &str) -> Result<String, String> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .ok_or("must begin with https:// or http://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if rest.contains('@') {
        return Err("must not hold a user or a password".to_owned());
    }
    if rest.contains(['?', '#']) {
        return Err("must not hold a query or a fragment".to_owned());
    }
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '\\' | '"' | '<' | '>' | '{' | '}' | '|' | '^' | '`');
    if !rest.chars().all(plain) || path.split('/').any(|part| part == "..") {
        return Err("holds characters that an address cannot hold".to_owned());
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let host_is_good = if host.starts_with('[') {
        host.trim_matches(['[', ']']).parse::<std::net::Ipv6Addr>().is_ok()
    } else {
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
    };
    if !host_is_good {
        return Err("has no host".to_owned());
    }
    if port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0)) {
        return Err("has a port that is no number from 1 to 65535".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// A bucket's name: light rules, since stores differ.
pub(super) fn bucket(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if text.contains("://") || text.contains('/') {
        return Err("must be the bucket's name alone, without `s3://` and without a prefix".to_owned());
    }
    if !(3..=63).contains(&text.len()) || !text.chars().all(allowed) {
        return Err("must be 3 to 63 letters, digits, dots, dashes and underscores".to_owned());
    }
    Ok(text.to_owned())
}

/// A key prefix without slashes at its ends.
pub(super) fn prefix(text: &str) -> Result<String, String> {
    let trimmed = text.trim_matches('/');
    if trimmed.contains("://") {
        return Err("must be a prefix of keys, not an address".to_owned());
    }
    if !trimmed.is_empty() && trimmed.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("must not hold empty parts, `.` or `..`".to_owned());
    }
    if trimmed.len() > 512 || trimmed.chars().any(|c| c.is_control() || matches!(c, '#' | '\\')) {
        return Err("must be at most 512 bytes without control characters, `#` and backslashes".to_owned());
    }
    Ok(trimmed.to_owned())
}

/// `host:port` of a listener; "" for none.
pub(super) fn listen(text: &str) -> Result<String, String> {
    let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let address = local.as_deref().unwrap_or(text);
    if text.is_empty() || address.parse::<SocketAddr>().is_ok() {
        Ok(address.to_owned())
    } else {
        Err("must be an address and a port".to_owned())
    }
}

/// A level's name, or a filter of `tracing`.
pub(super) fn level(text: &str) -> Result<String, String> {
    let names = ["off", "error", "warn", "info", "debug", "trace"];
    let is_filter = text.contains(['=', ',']);
    let good = if is_filter { EnvFilter::builder().parse(text).is_ok() } else { names.contains(&text) };
    good.then(|| text.to_owned()).ok_or_else(|| "is no level and no filter".to_owned())
}

/// Object tags: S3 takes at most ten.
pub(super) fn tag(name: &str, value: &str) -> Result<(), String> {
    if name.is_empty() || name.chars().count() > 128 || value.chars().count() > 256 {
        return Err("must have names of 1 to 128 and values of at most 256 characters".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_a_host_and_nothing_secret() {
        for good in
            ["https://amplitude.com", "http://127.0.0.1:8099/", "http://[::1]:9000", "https://proxy.example/a/b"]
        {
            assert!(url(good).is_ok(), "{good}");
        }
        for bad in [
            "amplitude.com",
            "ftp://x",
            "https://",
            "https://u:p@x",
            "https://x?q",
            "https://x#f",
            "http://x:0",
            "http://x y",
            "http://x/../y",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert_eq!(url("http://127.0.0.1:8099/").unwrap(), "http://127.0.0.1:8099");
    }

    #[test]
    fn prefixes_lose_their_outer_slashes_and_never_climb() {
        assert_eq!(prefix("/a/b/").unwrap(), "a/b");
        assert_eq!(prefix("").unwrap(), "");
        for bad in ["a/../b", "..", "a//b", "s3://x/y", "a#b"] {
            assert!(prefix(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn listeners_and_levels() {
        assert_eq!(listen("localhost:9797").unwrap(), "127.0.0.1:9797");
        assert!(listen("9797").is_err() && listen("").is_ok() && listen("[::1]:80").is_ok());
        assert!(level("inof").is_err() && level("debug").is_ok() && level("ampd=trace,info").is_ok());
    }
}
