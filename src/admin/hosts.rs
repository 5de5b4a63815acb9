//! Which names the read-only listener answers to: a web page must not reach it by a name that its owner points at
//! 127.0.0.1 (DNS rebinding).

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

use super::refusal::Refusal;

/// Lets only those requests through whose `Host` may be meant. A listener that is open to a network is reached by
/// names that only the network knows, so there none is refused.
pub(super) fn guard(routes: Router, bound: SocketAddr) -> Router {
    if !bound.ip().is_loopback() {
        return routes;
    }
    routes.layer(middleware::from_fn(check))
}

async fn check(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    match host {
        Some(host) if is_local(host) => next.run(request).await,
        _ => Refusal::new(StatusCode::MISDIRECTED_REQUEST, "E706", "not a name of this machine").into_response(),
    }
}

/// `localhost` or a loopback address, with or without a port.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for good in ["localhost", "LOCALHOST:9797", "127.0.0.1", "127.0.0.1:9797", "[::1]:9797", "[::1]"] {
            assert!(is_local(good), "{good}");
        }
        for bad in ["", "evil.example", "evil.example:9797", "127.0.0.1.evil.example", "10.0.0.1:9797", "[::2]", "::"] {
            assert!(!is_local(bad), "{bad}");
        }
    }
}
