//! What an entry looks like as bytes, and how it is chained to the one before.
//!
//! `[version][vocabulary][postcard of seq, epoch, at, facts]`. The version says how the bytes are laid out; the
//! vocabulary says which words a reader must know: each kind of fact (and each reason or place inside one) belongs to
//! the vocabulary in which it appeared, and an entry names the latest one it uses. So an older program still reads what
//! a newer one wrote as long as nothing new was said, and refuses the rest by name instead of calling it damage.
//!
//! The hash is SHA-256 over the previous hash and all these bytes, the same in every version: damage is told before
//! anything is decoded.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use usher_core::{CancelReason, Fact, HoldLine, Place, UnixMillis};

use super::{Entry, EntryHash, SealedEntry};

/// How entries are laid out today.
pub const ENTRY_VERSION: u8 = 1;

/// The latest vocabulary this program knows. Raised when [`Fact`], or an enum inside one, gains a variant.
pub const VOCABULARY: u8 = 1;

/// What the first entry chains to.
pub const FIRST_PREV_HASH: EntryHash = [0; 32];

/// Bytes that are not an entry this program can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The bytes are not what was sealed.
    #[error("{0}")]
    Damaged(String),
    /// Sealed by a newer program.
    #[error("{0}")]
    TooNew(String),
}

#[derive(Serialize)]
struct ContentOut<'a> {
    seq: u64,
    epoch: u64,
    at: UnixMillis,
    facts: &'a [Fact],
}

#[derive(Deserialize)]
struct ContentIn {
    seq: u64,
    epoch: u64,
    at: UnixMillis,
    facts: Vec<Fact>,
}

impl SealedEntry {
    /// Encodes an entry and chains it to the one before ([`FIRST_PREV_HASH`] for the first).
    ///
    /// # Panics
    /// Never: every fact is plain data, which postcard can always encode into memory.
    #[must_use]
    pub fn seal(entry: Entry, prev_hash: EntryHash) -> Self {
        let vocabulary = entry.facts.iter().map(vocabulary_of).max().unwrap_or(1);
        let content = ContentOut { seq: entry.seq, epoch: entry.epoch, at: entry.at, facts: &entry.facts };
        let bytes = postcard::to_extend(&content, vec![ENTRY_VERSION, vocabulary])
            .expect("plain data always encodes into memory");
        Self { hash: chained(&prev_hash, &bytes), entry, prev_hash, bytes }
    }

    /// Verifies and decodes what [`SealedEntry::seal`] made.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] when the hash does not fit or the bytes do not decode, [`OpenError::TooNew`] when they
    /// are whole but of a version or vocabulary that this program does not know.
    pub fn open(bytes: Vec<u8>, prev_hash: EntryHash, hash: EntryHash) -> Result<Self, OpenError> {
        if chained(&prev_hash, &bytes) != hash {
            return Err(OpenError::Damaged("its hash does not fit its bytes".to_owned()));
        }
        let [version, vocabulary, content @ ..] = bytes.as_slice() else {
            return Err(OpenError::Damaged("it is too short".to_owned()));
        };
        if *version > ENTRY_VERSION {
            return Err(OpenError::TooNew(format!("layout {version}, known up to {ENTRY_VERSION}")));
        }
        if *vocabulary > VOCABULARY {
            return Err(OpenError::TooNew(format!("vocabulary {vocabulary}, known up to {VOCABULARY}")));
        }
        if *version == 0 || *vocabulary == 0 {
            return Err(OpenError::Damaged("it names no version".to_owned()));
        }
        let (content, rest) = postcard::take_from_bytes::<ContentIn>(content)
            .map_err(|error| OpenError::Damaged(format!("it does not decode: {error}")))?;
        if !rest.is_empty() {
            return Err(OpenError::Damaged(format!("{} bytes follow its end", rest.len())));
        }
        let entry = Entry { seq: content.seq, epoch: content.epoch, at: content.at, facts: content.facts };
        Ok(Self { entry, prev_hash, hash, bytes })
    }
}

fn chained(prev_hash: &EntryHash, bytes: &[u8]) -> EntryHash {
    Sha256::new().chain_update(prev_hash).chain_update(bytes).finalize().into()
}

/// The vocabulary in which a fact, and all that is inside it, can be said. New variants get the next number here and
/// raise [`VOCABULARY`].
fn vocabulary_of(fact: &Fact) -> u8 {
    match fact {
        Fact::Published { .. }
        | Fact::Opened
        | Fact::Paused
        | Fact::Resumed
        | Fact::Closed
        | Fact::EventCancelled
        | Fact::PricesChanged { .. }
        | Fact::SeatsBlocked { .. }
        | Fact::SeatsUnblocked { .. }
        | Fact::HoldExtended { .. }
        | Fact::HoldReleased { .. }
        | Fact::HoldExpired { .. }
        | Fact::CheckoutBegun { .. }
        | Fact::CheckoutLapsed { .. }
        | Fact::OrderConfirmed { .. }
        | Fact::CaptureRecorded { .. }
        | Fact::PaymentFailed { .. }
        | Fact::RefundBegun { .. }
        | Fact::RefundPaid { .. } => 1,
        Fact::HoldPlaced { lines, .. } => lines.iter().map(vocabulary_of_line).max().unwrap_or(1),
        Fact::OrderCancelled { reason, .. } => match reason {
            CancelReason::Buyer
            | CancelReason::Lapsed
            | CancelReason::PlacesGone
            | CancelReason::AmountMismatch
            | CancelReason::CaptureFailed
            | CancelReason::EventCancelled => 1,
        },
    }
}

fn vocabulary_of_line(line: &HoldLine) -> u8 {
    match line.place {
        Place::Seat(_) | Place::Ga(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry { seq: 7, epoch: 2, at: UnixMillis(1_000), facts: vec![Fact::Opened, Fact::Paused] }
    }

    fn rehashed(bytes: Vec<u8>) -> Result<SealedEntry, OpenError> {
        let hash = chained(&FIRST_PREV_HASH, &bytes);
        SealedEntry::open(bytes, FIRST_PREV_HASH, hash)
    }

    #[test]
    fn a_sealed_entry_opens_to_itself() {
        let sealed = SealedEntry::seal(entry(), [9; 32]);
        assert_eq!(SealedEntry::open(sealed.bytes.clone(), [9; 32], sealed.hash), Ok(sealed));
    }

    #[test]
    fn every_flipped_bit_is_damage() {
        let sealed = SealedEntry::seal(entry(), FIRST_PREV_HASH);
        for bit in 0..sealed.bytes.len() * 8 {
            let mut bytes = sealed.bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let opened = SealedEntry::open(bytes, FIRST_PREV_HASH, sealed.hash);
            assert!(matches!(opened, Err(OpenError::Damaged(_))), "bit {bit}");
        }
    }

    #[test]
    fn another_previous_hash_is_damage() {
        let sealed = SealedEntry::seal(entry(), FIRST_PREV_HASH);
        let opened = SealedEntry::open(sealed.bytes, [1; 32], sealed.hash);
        assert!(matches!(opened, Err(OpenError::Damaged(_))));
    }

    #[test]
    fn a_later_layout_or_vocabulary_is_too_new_and_not_damage() {
        let sealed = SealedEntry::seal(entry(), FIRST_PREV_HASH);
        for byte in [0, 1] {
            let mut bytes = sealed.bytes.clone();
            bytes[byte] += 1;
            assert!(matches!(rehashed(bytes), Err(OpenError::TooNew(_))), "byte {byte}");
        }
    }

    #[test]
    fn bytes_after_the_end_and_a_lost_end_are_damage() {
        let mut longer = SealedEntry::seal(entry(), FIRST_PREV_HASH).bytes;
        let shorter = longer[..longer.len() - 1].to_vec();
        longer.push(0);
        for bytes in [longer, shorter, vec![1], vec![], vec![0, 1, 0, 0, 0, 0]] {
            assert!(matches!(rehashed(bytes), Err(OpenError::Damaged(_))));
        }
    }
}
