//! Answers that say no, in the form of every error of ampd.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::wire::{Refused, Trouble};
use crate::engine::Gone;

/// Why a request is not done.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    trouble: Box<Trouble>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let trouble = Trouble { code: code.to_owned(), message: message.into(), ..Trouble::default() };
        Self { status, trouble: Box::new(trouble) }
    }

    /// What went wrong with what the daemon was asked to do.
    pub(super) fn of(trouble: Trouble) -> Self {
        Self { status: StatusCode::CONFLICT, trouble: Box::new(trouble) }
    }

    /// The request cannot be understood.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "E706", message)
    }

    /// Orders that cannot be carried out; none of the request's was.
    pub(super) fn of_orders(refused: Vec<Refused>) -> Self {
        let message = refused.first().map_or_else(String::new, |first| first.why.clone());
        Self::of(Trouble { code: "E705".to_owned(), message, refused, ..Trouble::default() })
    }

    pub(super) fn no_such_source(name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "E706", format!("there is no source `{name}`"))
    }

    /// The daemon has no engine for the moment.
    pub(super) fn not_now() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "E702", "the daemon is taking over another configuration, or stops")
    }
}

impl From<Gone> for Refusal {
    fn from(_: Gone) -> Self {
        Self::not_now()
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), "E706", rejection.body_text())
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), "E706", rejection.body_text())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self.trouble)).into_response()
    }
}
