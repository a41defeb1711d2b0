//! New ids: time-ordered for rows, derived from an idempotency key where a repeat must find the first.

use sha2::{Digest, Sha256};

/// A new UUIDv7 as a number, for any of the core's id types.
#[must_use]
pub fn fresh() -> u128 {
    uuid::Uuid::now_v7().as_u128()
}

/// The same id for the same parts, whatever process computes it: the first 16 bytes of SHA-256 over the
/// length-prefixed parts. `domain` keeps ids of different kinds apart.
#[must_use]
pub fn derived(domain: &str, parts: &[&[u8]]) -> u128 {
    let mut hasher = Sha256::new();
    for part in std::iter::once(domain.as_bytes()).chain(parts.iter().copied()) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    u128::from_be_bytes(id)
}

/// 32 bytes from the operating system, for secrets.
///
/// # Panics
/// When the operating system has no randomness to give: nothing secret can be made then.
#[must_use]
pub fn secret() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}
