//! Snapshots as bytes: `[version][SHA-256 of the rest][postcard of the state]`.
//!
//! A snapshot only shortens a replay, so one that cannot be read is not a fault of the journal: the reader drops it and
//! replays from the first entry. Whoever changes what a snapshot contains raises [`SNAPSHOT_VERSION`]; there is no
//! reading of older versions, because replay gives the same state.

use sha2::{Digest, Sha256};
use usher_core::inventory::Snapshot;

/// How snapshots are encoded today.
pub const SNAPSHOT_VERSION: u8 = 1;

const DIGEST_BYTES: usize = 32;

/// Bytes that are no snapshot of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Written by another version of the program.
    #[error("snapshot version {0}, not {SNAPSHOT_VERSION}")]
    OtherVersion(u8),
    /// Not what was written.
    #[error("snapshot is damaged: {0}")]
    Damaged(String),
}

/// Encodes a state.
///
/// # Panics
/// Never: a snapshot is plain data, which postcard can always encode into memory.
#[must_use]
pub fn encode(snapshot: &Snapshot) -> Vec<u8> {
    let mut bytes = vec![SNAPSHOT_VERSION];
    bytes.extend([0; DIGEST_BYTES]);
    let mut bytes = postcard::to_extend(snapshot, bytes).expect("plain data always encodes into memory");
    let (head, content) = bytes.split_at_mut(1 + DIGEST_BYTES);
    head[1..].copy_from_slice(&Sha256::digest(content));
    bytes
}

/// Decodes what [`encode`] made.
///
/// # Errors
/// The bytes are of another version, or not whole.
pub fn decode(bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
    let (&version, rest) = bytes.split_first().ok_or_else(|| SnapshotError::Damaged("it is empty".to_owned()))?;
    if version != SNAPSHOT_VERSION {
        return Err(SnapshotError::OtherVersion(version));
    }
    let (digest, content) =
        rest.split_at_checked(DIGEST_BYTES).ok_or_else(|| SnapshotError::Damaged("it is too short".to_owned()))?;
    if Sha256::digest(content).as_slice() != digest {
        return Err(SnapshotError::Damaged("its digest does not fit".to_owned()));
    }
    postcard::from_bytes(content).map_err(|error| SnapshotError::Damaged(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(content: &[u8]) -> Vec<u8> {
        [&[SNAPSHOT_VERSION][..], &Sha256::digest(content), content].concat()
    }

    #[test]
    fn another_version_is_told_from_damage() {
        assert_eq!(decode(&[SNAPSHOT_VERSION + 1, 0]), Err(SnapshotError::OtherVersion(SNAPSHOT_VERSION + 1)));
        assert!(matches!(decode(&[]), Err(SnapshotError::Damaged(_))));
        assert!(matches!(decode(&[SNAPSHOT_VERSION, 0]), Err(SnapshotError::Damaged(_))));
    }

    #[test]
    fn a_changed_byte_is_damage_before_anything_is_decoded() {
        let mut bytes = sealed(&[1, 2, 3]);
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(decode(&bytes), Err(SnapshotError::Damaged("its digest does not fit".to_owned())));
    }
}
