//! Seals: how one node proves to another that it is of the same house.
//!
//! Method, path, body, time and the sender's name are signed with a key that follows from the one that all nodes share.
//! A seal is good for half a minute each way and is not remembered: who can listen between the nodes can ask once
//! more, within that time, for what was asked. Commands of buyers say then what they said the first time; a pause or a
//! price that was taken back comes again. The network between nodes has to be their own.

use actix_web::HttpRequest;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use usher_core::UnixMillis;

use crate::problem::{Problem, kinds};

/// Who sends.
pub(crate) const NODE: &str = "usher-node";
/// When, in milliseconds since 1970.
pub(crate) const TIME: &str = "usher-node-time";
/// The seal, in hexadecimal.
pub(crate) const SEAL: &str = "usher-node-seal";
/// How far the sender's clock may be from this one's.
const SKEW_MAX_MS: u64 = 30_000;
/// Keeps these signatures apart from anything else signed with the same key.
const DOMAIN: &[u8] = b"usher node 1\0";

/// What is sealed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sealed<'a> {
    /// Method.
    pub(crate) method: &'a str,
    /// Path, as it is sent.
    pub(crate) path: &'a str,
    /// Who sends.
    pub(crate) node: &'a str,
    /// When.
    pub(crate) at: UnixMillis,
    /// Body.
    pub(crate) body: &'a [u8],
}

impl Sealed<'_> {
    fn mac(&self, key: &[u8; 32]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(DOMAIN);
        // Each with its length, so that nothing can be moved from one to the next.
        for part in [self.method.as_bytes(), self.path.as_bytes(), self.node.as_bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.update(&self.at.0.to_be_bytes());
        mac.update(&Sha256::digest(self.body));
        mac
    }

    /// The seal.
    #[must_use]
    pub(crate) fn seal(&self, key: &[u8; 32]) -> String {
        crate::desk::hex(&self.mac(key).finalize().into_bytes())
    }

    fn is_sealed_by(&self, key: &[u8; 32], seal: &str) -> bool {
        let digit = |at: usize| seal.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let bytes: Option<Vec<u8>> = (0..seal.len()).step_by(2).map(digit).collect();
        bytes.is_some_and(|bytes| self.mac(key).verify_slice(&bytes).is_ok())
    }
}

/// Checks that another node of this house sent the request, a moment ago.
///
/// # Errors
/// *Not found*: to everybody else there is nothing here.
pub(crate) fn check(request: &HttpRequest, body: &[u8], key: &[u8; 32], now: UnixMillis) -> Result<(), Problem> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let sent = header(NODE).zip(header(SEAL)).zip(header(TIME).and_then(|time| time.parse().ok()));
    let Some(((node, seal), at)) = sent else { return Err(Problem::of(&kinds::NOT_FOUND)) };
    let sealed = Sealed { method: request.method().as_str(), path: request.path(), node, at: UnixMillis(at), body };
    if !sealed.is_sealed_by(key, seal) {
        return Err(Problem::of(&kinds::NOT_FOUND));
    }
    if now.0.abs_diff(at) > SKEW_MAX_MS {
        tracing::error!(node, "another node's clock is more than half a minute away from this one's");
        return Err(Problem::of(&kinds::NOT_FOUND));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn sent(key: &[u8; 32], at: UnixMillis, change: impl Fn(&mut [String; 4])) -> (HttpRequest, Vec<u8>) {
        let path = "/internal/v1/events/evt_1/ask";
        let seal = Sealed { method: "POST", path, node: "a", at, body: b"ask" }.seal(key);
        let mut parts = ["a".to_owned(), path.to_owned(), seal, "ask".to_owned()];
        change(&mut parts);
        let [node, path, seal, body] = parts;
        let request = TestRequest::post().uri(&path).insert_header((NODE, node)).insert_header((SEAL, seal));
        (request.insert_header((TIME, at.0)).to_http_request(), body.into_bytes())
    }

    fn is_let_in(key: &[u8; 32], (request, body): (HttpRequest, Vec<u8>)) -> bool {
        check(&request, &body, key, NOW).is_ok()
    }

    #[test]
    fn only_what_was_sealed_with_the_houses_key_a_moment_ago_is_let_in() {
        let key = [7; 32];
        assert!(is_let_in(&key, sent(&key, NOW, |_| {})));
        assert!(!is_let_in(&[8; 32], sent(&key, NOW, |_| {})));
        for part in 0..4 {
            assert!(!is_let_in(&key, sent(&key, NOW, |parts| parts[part].push('0'))), "part {part}");
        }
        for (away_ms, expected) in [(30_000, true), (30_001, false), (-30_000, true), (-30_001, false)] {
            assert_eq!(is_let_in(&key, sent(&key, UnixMillis(NOW.0 + away_ms), |_| {})), expected, "{away_ms}");
        }
        let bare = TestRequest::post().uri("/internal/v1/events/evt_1/ask").to_http_request();
        assert!(check(&bare, b"ask", &key, NOW).is_err());
    }
}
