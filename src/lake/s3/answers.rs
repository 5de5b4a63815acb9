//! What the store's refusals mean, in words that say what to do.

use std::error::Error;
use std::io;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId as _;

use super::LakeError;

/// Longest part of a store's own message that is shown.
const MESSAGE_MAX: usize = 160;

/// The providers of the default chain, in its order, after the seed's pair.
const NO_CREDENTIALS: &str = "no AWS credentials were found; looked at: AWS_ACCESS_KEY and AWS_SECRET_KEY, environment \
    (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), profile (~/.aws), web identity token, ECS container, EC2 instance metadata";

/// What was asked.
pub(super) struct Asked<'a> {
    pub(super) operation: &'static str,
    pub(super) key: &'a str,
    pub(super) bucket: &'a str,
    pub(super) region: Option<&'a str>,
}

impl Asked<'_> {
    /// The error to tell of a request that failed.
    pub(super) fn failed<E>(&self, error: &SdkError<E, HttpResponse>) -> LakeError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let Some(response) = error.raw_response() else { return self.no_answer(error) };
        let status = response.status().as_u16();
        let code = error.code().unwrap_or_default();
        let elsewhere = response.headers().get("x-amz-bucket-region").filter(|region| Some(*region) != self.region);
        let hint = self.hint(status, code, elsewhere);
        let mut text = format!("S3 answered {status}");
        let message = error.message().filter(|_| !names_keys(code)).map(cut).unwrap_or_default();
        for (before, part, after) in [
            (" ", cut(code), ""),
            (" to ", self.operation.to_owned(), ""),
            (" of ", self.key.to_owned(), ""),
            (": ", message, ""),
            ("; ", hint, ""),
            (" (request id ", error.request_id().map(cut).unwrap_or_default(), ")"),
        ] {
            if !part.is_empty() {
                text.extend([before, &part, after]);
            }
        }
        match code {
            "BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch" => {
                LakeError::Integrity(text)
            }
            "RequestTimeout"
            | "SlowDown"
            | "InternalError"
            | "OperationAborted"
            | "NoSuchUpload"
            | "ConditionalRequestConflict" => LakeError::Unavailable(text),
            _ if status >= 500 && status != 501 || matches!(status, 200 | 408 | 409 | 425 | 429) => {
                LakeError::Unavailable(text)
            }
            _ => LakeError::Refused(text),
        }
    }

    /// No answer came, or none was asked for.
    fn no_answer<E: Error + 'static>(&self, error: &SdkError<E, HttpResponse>) -> LakeError {
        let why = chain(error);
        let lower = why.to_lowercase();
        let what = format!("{} of {}", self.operation, self.key);
        if lower.contains("credentials") {
            if !lower.contains("no credentials") {
                return LakeError::Refused(format!("the AWS credentials could not be loaded: {}", cut(&why)));
            }
            return LakeError::Refused(NO_CREDENTIALS.to_owned());
        }
        LakeError::Unavailable(match error {
            SdkError::TimeoutError(_) => format!("S3 did not answer {what} in time: {}", cut(&why)),
            SdkError::DispatchFailure(_) => format!("no connection to S3 for {what}: {}", cut(&why)),
            _ => format!("{what} failed: {}", cut(&why)),
        })
    }

    fn hint(&self, status: u16, code: &str, elsewhere: Option<&str>) -> String {
        let bucket = self.bucket;
        if let Some(region) = elsewhere {
            return format!("bucket {bucket} is in {}: set lake.region to it", cut(region));
        }
        match (code, status) {
            ("NoSuchBucket", _) => format!("there is no bucket {bucket}: create it or correct lake.bucket"),
            ("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException", _)
            | (_, 301 | 307) => format!("bucket {bucket} is in another region: set lake.region"),
            ("InvalidAccessKeyId", _) => "the store does not know this access key id".to_owned(),
            ("SignatureDoesNotMatch", _) => "the secret access key does not belong to the access key id".to_owned(),
            ("ExpiredToken" | "InvalidToken" | "TokenRefreshRequired", _) => {
                "the session token is expired or wrong: get new credentials".to_owned()
            }
            ("RequestTimeTooSkewed", _) => "this machine's clock is wrong: synchronise it".to_owned(),
            ("NotImplemented", _) | (_, 501) => "the store lacks something that was asked for".to_owned(),
            (_, 401 | 403) => {
                format!(
                    "the credentials may not do this in bucket {bucket}: s3:GetObject, PutObject, DeleteObject, AbortMultipartUpload and ListBucket are needed"
                )
            }
            _ => String::new(),
        }
    }
}

/// Codes whose message some stores fill with the access key.
fn names_keys(code: &str) -> bool {
    matches!(code, "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken" | "NotSignedUp")
}

/// A body that ended early or did not match its checksum.
pub(super) fn broke_off(key: &str, error: &io::Error) -> LakeError {
    let why = format!("{error}: {}", error.get_ref().map(|inner| chain(inner)).unwrap_or_default());
    let text = format!("reading {key} broke off: {}", cut(&why));
    if why.to_lowercase().contains("checksum") { LakeError::Integrity(text) } else { LakeError::Unavailable(text) }
}

/// An `ETag` without its quotes.
pub(super) fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

/// An error with its causes, innermost last, each once.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}

/// A foreign text made short, printable and harmless: anything that looks like a key is blotted out.
fn cut(text: &str) -> String {
    let mut shown = String::new();
    for word in text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || c == '+')) {
        let looks_like_a_key = word.len() >= 16
            && word.bytes().any(|b| b.is_ascii_uppercase())
            && word.bytes().any(|b| b.is_ascii_digit())
            && !word.contains('-');
        match word.chars().next_back() {
            Some(end) if looks_like_a_key && !end.is_ascii_alphanumeric() => shown.extend(['*', '*', '*', end]),
            _ if looks_like_a_key => shown.push_str("***"),
            _ => shown.push_str(word),
        }
    }
    let mut shown: String = shown.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if shown.len() > MESSAGE_MAX {
        shown.truncate(shown.floor_char_boundary(MESSAGE_MAX));
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_key_is_blotted_out() {
        assert_eq!(cut("Forbidden: No such key: GK31c2f218a2e44f485b94239e."), "Forbidden: No such key: ***.");
        assert_eq!(cut("AKIAIOSFODNN7EXAMPLE"), "***");
        let arn = "User: arn:aws:iam::123456789012:user/etl is not authorized to perform: s3:PutObject";
        assert_eq!(cut(arn), arn);
        assert!(cut(&"é".repeat(400)).len() < 170);
    }
}
