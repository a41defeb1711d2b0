//! What a failed call to Redis means.

use deadpool_redis::PoolError;
use deadpool_redis::redis::{ErrorKind, RedisError, ServerErrorKind};

/// Of a call that came to nothing. Whether Redis did what it was asked is unknown, and must not matter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum No {
    /// It was not asked, since it is in trouble.
    #[error("it does not work; it is looked at again every few seconds")]
    HeldBack,
    /// It has no such consumer group: it was emptied, or is new.
    #[error("it has been emptied")]
    Emptied,
    /// What was to be made is there already.
    #[error("it is there already")]
    There,
    /// It answers, and says no: a setting is wrong, there or here.
    #[error("it refuses: {0}")]
    Refused(String),
    /// It gives no answer that means anything; it may later.
    #[error("it does not answer: {0}")]
    Failed(String),
}

impl No {
    pub(super) fn of(error: &RedisError) -> Self {
        match error.code() {
            Some("NOGROUP") => return Self::Emptied,
            Some("BUSYGROUP") => return Self::There,
            _ => {}
        }
        let is_refused_kind = matches!(
            error.kind(),
            ErrorKind::AuthenticationFailed
                | ErrorKind::InvalidClientConfig
                | ErrorKind::Server(ServerErrorKind::NoPerm)
        );
        // No login, and a database that is not there, have no kind of their own.
        let is_refusal = is_refused_kind
            || matches!(error.code(), Some("NOAUTH" | "WRONGPASS"))
            || error.to_string().contains("switch database");
        if is_refusal { Self::Refused(error.to_string()) } else { Self::Failed(error.to_string()) }
    }

    pub(super) fn of_pool(error: &PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::of(error),
            PoolError::Timeout(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_) => Self::Failed(error.to_string()),
        }
    }

    /// As a label.
    pub(super) fn result(&self) -> &'static str {
        match self {
            Self::HeldBack => "held_back",
            Self::Emptied => "emptied",
            Self::There => "there",
            Self::Refused(_) | Self::Failed(_) => "failed",
        }
    }
}
