//! What a failed call to the store means.
//!
//! Messages are put together from the status, the code and the store's words alone: the SDK's own show headers, and with
//! them the signature.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::store::StoreError;
use crate::tickets::LookError;

/// Of a call that was not answered with success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum No {
    /// There is no such object. A `HEAD` has no body, so a bucket that is not there looks the same.
    Missing,
    /// The key has its object already.
    There,
    /// The store answers, and repeating will not help until somebody changes something.
    Refused(String),
    /// No answer, or one that says that the store is unwell or busy.
    Failed(String),
}

impl No {
    pub(super) fn of<E>(error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let Some(status) = error.raw_response().map(|response| response.status().as_u16()) else {
            return Self::Failed(chain(error));
        };
        let (code, message) = match error.as_service_error() {
            Some(said) => (said.code().unwrap_or_default(), said.message().unwrap_or_default()),
            None => ("", "an answer that cannot be read"),
        };
        Self::told(status, code, message)
    }

    fn told(status: u16, code: &str, message: &str) -> Self {
        let words = || match (code, message) {
            // A `HEAD` has no body to say it.
            ("", "") => format!("{status} {}", hint(status)).trim_end().to_owned(),
            (_, _) => format!("{status} {code} {message}").trim_end().to_owned(),
        };
        match (status, code) {
            (404, "NoSuchKey" | "NotFound" | "") => Self::Missing,
            (412, _) => Self::There,
            // Another writer of the key is at work: 409. Too fast, or too slow: 408, 429.
            (408 | 409 | 429, _) => Self::Failed(words()),
            (300..=499, _) => Self::Refused(words()),
            (_, _) => Self::Failed(words()),
        }
    }

    /// As a label.
    pub(super) fn result(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::There => "there",
            Self::Refused(_) | Self::Failed(_) => "failed",
        }
    }

    /// What is wrong with the store, unless it answers as it should.
    pub(super) fn trouble(&self) -> Option<&str> {
        match self {
            Self::Missing | Self::There => None,
            Self::Refused(what) | Self::Failed(what) => Some(what),
        }
    }
}

impl From<No> for StoreError {
    fn from(no: No) -> Self {
        match no {
            No::Missing => Self::Unavailable("the bucket is not there".to_owned()),
            No::There => Self::Conflict("the ticket is there already"),
            No::Refused(what) | No::Failed(what) => Self::Unavailable(format!("ticket store: {what}")),
        }
    }
}

impl From<No> for LookError {
    fn from(no: No) -> Self {
        match no {
            No::Missing => Self::Refused("404: there is no such bucket, or no such access key".to_owned()),
            No::There => Self::Refused("412: an answer to another question".to_owned()),
            No::Refused(what) => Self::Refused(what),
            No::Failed(what) => Self::Silent(what),
        }
    }
}

/// What a status mostly means where nothing else is said.
fn hint(status: u16) -> &'static str {
    match status {
        301 | 307 => "the bucket is in another region",
        400 => "the region or the way of naming the bucket may be wrong",
        403 => "the keys are wrong, or may not do this",
        _ => "",
    }
}

/// The error's words with those of its causes: the SDK's own say only "dispatch failure".
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !words.ends_with(&said) {
            words = format!("{words}: {said}");
        }
        cause = inner.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_ticket_is_told_apart_from_a_missing_bucket_and_a_wrong_key() {
        assert_eq!(No::told(404, "NoSuchKey", "m"), No::Missing);
        assert_eq!(No::told(404, "NoSuchBucket", "m"), No::Refused("404 NoSuchBucket m".to_owned()));
        assert_eq!(No::told(404, "InvalidAccessKeyId", ""), No::Refused("404 InvalidAccessKeyId".to_owned()));
        assert_eq!(No::told(403, "SignatureDoesNotMatch", "m").result(), "failed");
        assert_eq!(No::told(301, "PermanentRedirect", "m").result(), "failed");
        assert_eq!(No::told(403, "", ""), No::Refused("403 the keys are wrong, or may not do this".to_owned()));
    }

    #[test]
    fn what_may_pass_is_told_apart_from_what_needs_somebody() {
        for (status, passes) in [(400, false), (403, false), (409, true), (429, true), (500, true), (503, true)] {
            let no = No::told(status, "Code", "m");
            assert_eq!(matches!(no, No::Failed(_)), passes, "{status}");
            assert_eq!(matches!(LookError::from(no), LookError::Silent(_)), passes, "{status}");
        }
        assert_eq!(No::told(412, "PreconditionFailed", "m"), No::There);
    }
}
