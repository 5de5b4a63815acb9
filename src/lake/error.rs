//! What a lake answers when it does not do what it was asked.

use crate::model::{Fault, FaultKind};

/// Why an operation failed. The texts are for people: what was asked, what came back, what to do; never a credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LakeError {
    /// No answer, or one that may pass by itself: network, 5xx, throttling, a full disk.
    #[error("{0}")]
    Unavailable(String),
    /// An answer that stays until a person changes something: credentials, permissions, bucket, configuration.
    #[error("{0}")]
    Refused(String),
    /// Bytes are not what they should be: a checksum did not match on the way. Repeating is right.
    #[error("{0}")]
    Integrity(String),
}

impl LakeError {
    /// The fault this is for the work that met it.
    pub fn fault(&self) -> Fault {
        let kind = match self {
            Self::Unavailable(_) | Self::Integrity(_) => FaultKind::LakeUnavailable,
            Self::Refused(_) => FaultKind::LakeRefused,
        };
        Fault::new(kind, self)
    }
}

impl From<LakeError> for Fault {
    fn from(error: LakeError) -> Self {
        error.fault()
    }
}
