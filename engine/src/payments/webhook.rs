//! Webhooks as bytes: is it from the provider, is it fresh, and what is it about?
//!
//! The signature covers the raw body, so it is checked before anything is parsed. Only a small envelope is read, for
//! the object is fetched again before anything is done: a webhook is a hint. The crate's typed parser was refused,
//! because it rejects signed events of another API version.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use usher_core::UnixMillis;

/// How far a signature's time may be from ours, either way. Stripe's own default.
pub const TOLERANCE_MS: u64 = 300_000;
/// The largest body that is read. Stripe's largest events are a few ten KB.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Signatures of one header that are looked at: one per live secret, and Stripe allows two at once.
const SIGNATURES_MAX: usize = 8;

/// The secret of one webhook endpoint. During a change of secrets two are valid.
#[derive(Clone)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    /// From its text, such as `whsec_…`.
    #[must_use]
    pub fn new(secret: String) -> Self {
        Self(secret)
    }

    /// The value of a `Stripe-Signature` header for a body sent at `at`.
    #[must_use]
    pub fn sign(&self, body: &[u8], at: UnixMillis) -> String {
        let at_s = at.0.div_euclid(1_000);
        let mac: [u8; 32] = self.mac(&at_s.to_string(), body).finalize().into_bytes().into();
        let mut header = format!("t={at_s},v1=");
        for byte in mac {
            header.push_str(&format!("{byte:02x}"));
        }
        header
    }

    fn mac(&self, at_s: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(at_s.as_bytes());
        mac.update(b".");
        mac.update(body);
        mac
    }
}

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// Why a webhook is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No header, or one that is not `t=…,v1=…`.
    #[error("the signature header cannot be read")]
    Unreadable,
    /// No signature fits any secret.
    #[error("no signature matches")]
    Mismatch,
    /// Signed at a time too far from ours.
    #[error("signed too long ago or too far ahead")]
    Stale,
}

/// Checks a `Stripe-Signature` header against the raw body.
///
/// # Errors
/// Any signature that fits any secret is enough; without one it is a mismatch, whatever the time says.
pub fn verify(body: &[u8], header: &str, secrets: &[WebhookSecret], now: UnixMillis) -> Result<(), SignatureError> {
    let mut at_s = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) => at_s = Some(value),
            Some(("v1", value)) if signatures.len() < SIGNATURES_MAX => signatures.extend(from_hex(value)),
            Some(_) | None => {}
        }
    }
    let at_s = at_s.ok_or(SignatureError::Unreadable)?;
    let signed_s: i64 = at_s.parse().map_err(|_| SignatureError::Unreadable)?;
    let fits = secrets.iter().any(|secret| {
        let mac = secret.mac(at_s, body);
        // Constant time per signature; how many there are is no secret.
        signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
    });
    if !fits {
        return Err(SignatureError::Mismatch);
    }
    let away_s = (now.0.div_euclid(1_000)).abs_diff(signed_s);
    if away_s > TOLERANCE_MS / 1_000 { Err(SignatureError::Stale) } else { Ok(()) }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// What a webhook is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `evt_…`.
    pub id: String,
    /// Such as `payment_intent.succeeded`.
    pub kind: String,
    /// Real money.
    pub livemode: bool,
    /// When the provider made it, in its whole seconds.
    pub created_s: i64,
    /// The object's id; some objects, such as a balance, have none.
    pub object: Option<String>,
    /// The intent concerned: the object itself, or the one a refund or charge belongs to.
    pub intent: Option<String>,
}

/// A signed body that is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an event: {0}")]
pub struct EnvelopeError(String);

#[derive(serde::Deserialize)]
struct RawEvent {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    livemode: bool,
    created: i64,
    data: RawData,
}

#[derive(serde::Deserialize)]
struct RawData {
    object: RawObject,
}

#[derive(serde::Deserialize)]
struct RawObject {
    id: Option<String>,
    object: Option<String>,
    payment_intent: Option<RawReference>,
}

/// An id, or the object in full when the account expands it.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum RawReference {
    Id(String),
    Expanded { id: String },
}

impl Envelope {
    /// Reads the few fields that matter and ignores all others.
    ///
    /// # Errors
    /// The body is no JSON, or has no id, type, mode or time.
    pub fn parse(body: &[u8]) -> Result<Self, EnvelopeError> {
        let raw: RawEvent = serde_json::from_slice(body).map_err(|error| EnvelopeError(error.to_string()))?;
        let object = raw.data.object;
        let intent = if object.object.as_deref() == Some("payment_intent") {
            object.id.clone()
        } else {
            object.payment_intent.map(|reference| match reference {
                RawReference::Id(id) | RawReference::Expanded { id } => id,
            })
        };
        Ok(Self {
            id: raw.id,
            kind: raw.kind,
            livemode: raw.livemode,
            created_s: raw.created,
            object: object.id,
            intent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn secret(text: &str) -> WebhookSecret {
        WebhookSecret::new(text.to_owned())
    }

    #[test]
    fn a_signature_known_from_outside_is_accepted() {
        // printf '1800000000.{"a":1}' | openssl dgst -sha256 -hmac whsec_test
        let header = "t=1800000000,v1=7de5e6bbc99c65ef0ddccacd4308ba03a5a12eb8859a0db070c5ca731c4fdc19";
        let known = secret("whsec_test").sign(b"{\"a\":1}", NOW);
        assert_eq!(known, header);
        assert_eq!(verify(b"{\"a\":1}", &known, &[secret("whsec_test")], NOW), Ok(()));
    }

    #[test]
    fn the_time_may_differ_by_three_hundred_seconds_and_not_by_one_more() {
        let header = secret("a").sign(b"x", NOW);
        for (away_ms, expected) in [
            (300_000, Ok(())),
            (-300_000, Ok(())),
            (301_000, Err(SignatureError::Stale)),
            (-301_000, Err(SignatureError::Stale)),
        ] {
            let now = UnixMillis(NOW.0 + away_ms);
            assert_eq!(verify(b"x", &header, &[secret("a")], now), expected, "{away_ms}");
        }
    }

    #[test]
    fn any_of_several_secrets_and_any_of_several_signatures_will_do() {
        let (old, new) = (secret("old"), secret("new"));
        let header = old.sign(b"x", NOW);
        assert_eq!(verify(b"x", &header, &[new.clone(), old], NOW), Ok(()));
        let (_, of_new) = new.sign(b"x", NOW).split_once(',').map(|(t, v)| (t.to_owned(), v.to_owned())).unwrap();
        let both = format!("{header},{of_new},v0=ignored");
        assert_eq!(verify(b"x", &both, &[new], NOW), Ok(()));
    }

    #[test]
    fn every_flipped_bit_of_body_or_signature_is_refused() {
        let secrets = [secret("a")];
        let body = b"{\"id\":\"evt_1\"}".to_vec();
        let header = secrets[0].sign(&body, NOW);
        for bit in 0..body.len() * 8 {
            let mut forged = body.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(verify(&forged, &header, &secrets, NOW), Err(SignatureError::Mismatch));
        }
        let digits = header.find("v1=").unwrap() + 3;
        for at in digits..header.len() {
            let mut forged = header.clone().into_bytes();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(verify(&body, &forged, &secrets, NOW), Err(SignatureError::Mismatch));
        }
    }

    #[test]
    fn a_wrong_signature_is_a_mismatch_even_when_it_is_stale_too() {
        let header = secret("other").sign(b"x", UnixMillis(0));
        assert_eq!(verify(b"x", &header, &[secret("a")], NOW), Err(SignatureError::Mismatch));
        assert_eq!(verify(b"x", "", &[secret("a")], NOW), Err(SignatureError::Unreadable));
        assert_eq!(verify(b"x", "t=soon,v1=00", &[secret("a")], NOW), Err(SignatureError::Unreadable));
        assert_eq!(verify(b"x", "t=1800000000", &[secret("a")], NOW), Err(SignatureError::Mismatch));
        assert_eq!(verify(b"x", &header, &[], NOW), Err(SignatureError::Mismatch));
    }

    #[test]
    fn an_envelope_names_the_intent_however_the_event_refers_to_it() {
        let event = |object: &str| {
            let body = format!(
                r#"{{"id":"evt_1","object":"event","type":"t","livemode":false,"created":7,"data":{{"object":{object}}},"new_field":{{}}}}"#
            );
            Envelope::parse(body.as_bytes()).unwrap()
        };
        let of_intent = event(r#"{"id":"pi_1","object":"payment_intent","amount":5}"#);
        assert_eq!((of_intent.object.as_deref(), of_intent.intent.as_deref()), (Some("pi_1"), Some("pi_1")));
        let of_refund = event(r#"{"id":"re_1","object":"refund","payment_intent":"pi_1"}"#);
        assert_eq!((of_refund.object.as_deref(), of_refund.intent.as_deref()), (Some("re_1"), Some("pi_1")));
        assert_eq!(event(r#"{"id":"ch_1","object":"charge","payment_intent":{"id":"pi_2"}}"#).intent.unwrap(), "pi_2");
        let of_balance = event(r#"{"object":"balance"}"#);
        assert_eq!((of_balance.object, of_balance.intent, of_balance.created_s), (None, None, 7));
        assert!(Envelope::parse(b"[]").is_err());
    }
}
