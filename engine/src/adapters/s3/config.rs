//! Where the bucket is and how patient its clients are.

use std::fmt;
use std::time::Duration;

/// The longest that a link opens a ticket. Whoever has the link has the ticket, so it is good for one click and no
/// more.
pub const LINK_FOR_MAX: Duration = Duration::from_secs(300);

/// How a bucket is named in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// In the host's name: `bucket.host/key`.
    VirtualHost,
    /// In the path: `host/bucket/key`.
    Path,
}

/// How buyers come to their tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Downloads {
    /// From the bucket, by a signed link.
    Link {
        /// Where buyers reach the bucket, when that is not the endpoint. A link is signed for one host.
        endpoint: Option<String>,
        /// How long it opens; never longer than [`LINK_FOR_MAX`].
        valid_for: Duration,
    },
    /// Through the house, when buyers cannot reach the bucket.
    Through,
}

/// What signs requests.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Credentials {
    /// The access key's id.
    pub access_key: String,
    /// The secret.
    pub secret_key: String,
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// How to reach the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Config {
    /// `http://` or `https://`, host and port; AWS itself when absent.
    pub endpoint: Option<String>,
    /// Where the bucket is; other servers than AWS take what they are set to.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// In front of every key, such as `tickets/`.
    pub prefix: String,
    /// How the bucket is named.
    pub addressing: Addressing,
    /// What signs.
    pub credentials: S3Credentials,
    /// How buyers come to their tickets.
    pub downloads: Downloads,
    /// How long a connection may take to come about.
    pub connect_within: Duration,
    /// How long one attempt may take.
    pub attempt_within: Duration,
    /// How long a call may take with all its attempts and the pauses between them.
    pub call_within: Duration,
    /// Attempts of one call, the first included.
    pub attempts_max: u32,
}
