//! The address that is asked, and why there can be none.

use std::net::IpAddr;

use reqwest::Url;

/// Why there can be no client for a source.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The base URL is no origin that can be asked.
    #[error("base_url {0}")]
    BaseUrl(&'static str),
    /// A key cannot be sent in Basic authentication.
    #[error("api_key must not contain a colon, which is where Basic authentication splits")]
    Colon,
    /// TLS, or the proxies of the environment.
    #[error("the HTTP client cannot start: {0}")]
    Start(String),
}

/// `{base_url}/api/2/export`.
pub fn export(base_url: &str) -> Result<Url, ClientError> {
    let base = Url::parse(base_url).map_err(|_| ClientError::BaseUrl("cannot be read: write https://host"))?;
    if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
        return Err(ClientError::BaseUrl("must be https://host or http://host"));
    }
    if !base.username().is_empty() || base.password().is_some() {
        return Err(ClientError::BaseUrl("must not hold a user or a password: use api_key and secret_key"));
    }
    if base.query().is_some() || base.fragment().is_some() {
        return Err(ClientError::BaseUrl("must not hold a `?` or a `#`"));
    }
    Url::parse(&format!("{}/api/2/export", base.as_str().trim_end_matches('/')))
        .map_err(|_| ClientError::BaseUrl("cannot be read: write https://host"))
}

/// Whether the host is this machine, spelled so that no name server is asked.
pub fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_export_lies_under_the_base_url() {
        for base in ["https://amplitude.com", "https://amplitude.com/"] {
            assert_eq!(export(base).unwrap().as_str(), "https://amplitude.com/api/2/export");
        }
        assert_eq!(export("http://proxy:8099/us").unwrap().as_str(), "http://proxy:8099/us/api/2/export");
    }

    #[test]
    fn a_base_url_that_hides_something_is_refused() {
        for base in [
            "amplitude.com",
            "ftp://amplitude.com",
            "https://u:p@amplitude.com",
            "https://a.com/?x=1",
            "https://a.com#x",
        ] {
            assert!(export(base).is_err(), "{base}");
        }
    }

    #[test]
    fn only_this_machine_is_this_machine() {
        for (base, expected) in [
            ("http://127.0.0.1:8099", true),
            ("http://[::1]:1", true),
            ("http://localhost", true),
            ("http://localhost.example", false),
            ("https://amplitude.com", false),
        ] {
            assert_eq!(is_this_machine(&export(base).unwrap()), expected, "{base}");
        }
    }
}
