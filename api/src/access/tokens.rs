//! Tokens: secrets that clients carry.
//!
//! A buyer's token is signed, not stored: `byr_….signature`, so that a crowd of buyers costs no memory. Sessions, API
//! keys and order secrets are 256 random bits; the first two are stored only as their SHA-256.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use usher_core::BuyerId;

/// How an API key begins.
pub const API_KEY_PREFIX: &str = "usk_";
/// Keeps signatures of buyers apart from anything else signed with the same key.
const BUYER_DOMAIN: &[u8] = b"usher buyer 1\0";

/// A secret that is shown to its owner once.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretToken(pub String);

impl std::fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretToken(…)")
    }
}

impl SecretToken {
    /// 256 random bits behind a prefix.
    #[must_use]
    pub fn fresh(prefix: &str) -> Self {
        Self(format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode(usher_engine::ids::secret())))
    }
}

/// What is stored of a token.
#[must_use]
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The secret that opens one order, as shown in links and mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderAccess(pub String);

impl OrderAccess {
    /// The text form of the stored secret.
    #[must_use]
    pub fn of(secret: &[u8; 32]) -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(secret))
    }

    /// Whether it opens the order with that secret; takes the same time for every wrong one.
    #[must_use]
    pub fn opens(&self, secret: &[u8; 32]) -> bool {
        Self::of(secret).0.as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

/// The token of a buyer.
#[must_use]
pub fn sign_buyer(key: &[u8; 32], buyer: BuyerId) -> String {
    let signature = buyer_mac(key, buyer).finalize().into_bytes();
    format!("{buyer}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// The buyer of a token that this house signed.
#[must_use]
pub fn verify_buyer(key: &[u8; 32], token: &str) -> Option<BuyerId> {
    let (buyer, signature) = token.split_once('.')?;
    let buyer = buyer.parse().ok()?;
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
    buyer_mac(key, buyer).verify_slice(&signature).ok()?;
    Some(buyer)
}

fn buyer_mac(key: &[u8; 32], buyer: BuyerId) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(BUYER_DOMAIN);
    mac.update(&buyer.0.to_be_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buyers_token_names_the_buyer_and_no_changed_one_does() {
        let key = [7; 32];
        let buyer = BuyerId(42);
        let token = sign_buyer(&key, buyer);
        assert_eq!(verify_buyer(&key, &token), Some(buyer));
        assert_eq!(verify_buyer(&[8; 32], &token), None);
        for position in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[position] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert_eq!(verify_buyer(&key, &changed), None, "position {position}");
        }
        for cut in 0..token.len() {
            assert_eq!(verify_buyer(&key, &token[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn an_order_opens_with_its_own_secret_only() {
        let access = OrderAccess::of(&[1; 32]);
        assert!(access.opens(&[1; 32]));
        assert!(!access.opens(&[2; 32]));
        assert!(!OrderAccess(String::new()).opens(&[1; 32]));
    }
}
