//! The S3 client: region, credentials, time-outs, retries.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    AppName, BehaviorVersion, Builder, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    StalledStreamProtectionConfig,
};
use secrecy::ExposeSecret as _;

use super::{LakeError, PAGE, Store};
use crate::config;
use crate::lake::Buffers;

/// TCP and TLS.
const CONNECT: Duration = Duration::from_secs(5);
/// Until the first byte of an answer to a small request, and without any byte in a stream.
const IDLE: Duration = Duration::from_secs(30);
/// Requests per operation, the SDK's own repeats included.
const ATTEMPTS: u32 = 3;
/// A line slower than this (128 KiB/s) is a broken one.
const SLOWEST_BYTES_PER_SECOND: u64 = 128 << 10;
/// S3 takes no smaller part, but for the last.
const PART_MIN: u64 = 5 << 20;
/// S3 takes no longer single PUT.
const PART_MAX: u64 = 5 << 30;

/// Makes what requests and uploads share.
pub(super) async fn store(section: &config::S3, lake: &config::Lake) -> Result<Store, LakeError> {
    let mut section = section.clone();
    section.part_size = section.part_size.clamp(PART_MIN, PART_MAX);
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(region(&section))
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts(0))
        // Wanted explicitly: only the checksums that we computed ourselves, in a header, never an `aws-chunked` trailer.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        // Who reads data (`verify --deep`) computes its checksums anyhow and compares them with the manifest's; a
        // store's own opinion is asked by HEAD, where a wrong one can be told from a broken transfer.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(IDLE).build());
    let loader = match AppName::new("ampd") {
        Ok(name) => loader.app_name(name),
        Err(_) => loader,
    };
    let loader = match section.seed_credentials.take() {
        Some((id, secret)) => {
            let (id, secret) = (id.expose_secret(), secret.expose_secret());
            let token = section.seed_session_token.take().map(|token| token.expose_secret().to_owned());
            loader.credentials_provider(Credentials::new(id, secret, token, None, "AWS_ACCESS_KEY and AWS_SECRET_KEY"))
        }
        None => loader,
    };
    let shared = loader.load().await;
    if shared.region().is_none() {
        return Err(LakeError::Refused(
            "no AWS region was found: set lake.region (or AWS_REGION, or region in the AWS profile)".to_owned(),
        ));
    }
    let mut client = Builder::from(&shared).force_path_style(section.path_style);
    client.set_endpoint_url(section.endpoint.clone().or_else(|| shared.endpoint_url().map(str::to_owned)));
    let room = usize::try_from(section.part_size).unwrap_or(usize::MAX);
    Ok(Store {
        client: Client::from_conf(client.build()),
        bucket: section.bucket.clone(),
        prefix: if section.prefix.is_empty() {
            String::new()
        } else {
            format!("{}/", section.prefix.trim_matches('/'))
        },
        place: place(&section),
        private: section.endpoint.as_deref().is_none_or(is_private),
        single_writer: lake.single_writer,
        uploads: aws_sdk_s3::Config::builder().timeout_config(timeouts(section.part_size)),
        buffers: Arc::new(Buffers::new(lake.max_parallel.max(2), room)),
        page: PAGE,
        section,
    })
}

/// Whether nobody stands between: the line is TLS, or never leaves this machine.
fn is_private(endpoint: &str) -> bool {
    let Some(authority) = endpoint.strip_prefix("http://") else { return endpoint.starts_with("https://") };
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host == "localhost"
        || host.starts_with("localhost:")
        || host.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback())
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The configured region; else the environment's and the profile's; at another endpoint than AWS `us-east-1`, which such
/// stores take, without asking the machine's metadata service for one.
fn region(section: &config::S3) -> RegionProviderChain {
    let configured = section.region.clone().map(Region::new);
    let chain = RegionProviderChain::first_try(configured);
    if section.endpoint.is_some() {
        chain
            .or_else(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::new())
            .or_else("us-east-1")
    } else {
        chain.or_default_provider()
    }
}

/// Time-outs of a request with this many bytes of body. The SDK's read time-out runs from the beginning of the request
/// to the first byte of the answer, so a body must have time to be sent; a stalled one is found earlier by the
/// stalled-stream protection.
fn timeouts(body: u64) -> TimeoutConfig {
    let sending = Duration::from_secs(body / SLOWEST_BYTES_PER_SECOND);
    let attempt = 2 * IDLE + sending;
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .read_timeout(IDLE + sending)
        .operation_attempt_timeout(attempt)
        .operation_timeout(attempt * ATTEMPTS)
        .build()
}

/// `s3://bucket/prefix`, with the endpoint where it is not AWS. An endpoint's user information is left out.
fn place(section: &config::S3) -> String {
    let mut place = format!("s3://{}", section.bucket);
    if !section.prefix.is_empty() {
        place = format!("{place}/{}", section.prefix);
    }
    match section.endpoint.as_deref().map(|endpoint| endpoint.rsplit('@').next().unwrap_or_default()) {
        Some(endpoint) => format!("{place} at {endpoint}"),
        None => place,
    }
}

#[cfg(test)]
mod tests {
    use super::is_private;

    #[test]
    fn only_tls_and_this_machine_are_private() {
        for endpoint in [
            "https://s3.example.com",
            "http://127.0.0.1:9000",
            "http://[::1]:9000/x",
            "http://localhost",
            "http://[::1]",
        ] {
            assert!(is_private(endpoint), "{endpoint}");
        }
        for endpoint in [
            "http://minio:9000",
            "http://10.0.0.1:9000",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com:9000",
            "http://127.0.0.1@10.0.0.1:9000",
            "http://localhost:9000@10.0.0.1",
            "ftp://127.0.0.1",
            "",
        ] {
            assert!(!is_private(endpoint), "{endpoint}");
        }
    }
}
