//! Keys as files: the ticket signing keys as `ticket-<key id>.key`, each the 32 secret bytes in base64 on one line, and
//! others as plain bytes.
//!
//! Nodes may share the folder. It is made with its first key when there is none. A key is replaced by adding one with a higher id; an old
//! one is kept for as long as its tickets are to be valid.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{failed, open_folder, put_new, read};
use crate::ids;
use crate::store::StoreError;
use crate::tickets::SigningKeys;

/// The keys of a folder, which is created with a first key when it has none.
///
/// # Errors
/// When the folder cannot be used or a key file is damaged.
pub fn open_or_create(folder: &Path) -> Result<SigningKeys, StoreError> {
    open_folder(folder)?;
    if secrets(folder)?.is_empty() {
        // Of two processes that start at once, the first to link its key wins and both read that one.
        put_new(folder, &name(1), STANDARD.encode(ids::secret()).as_bytes())?;
    }
    SigningKeys::new(&secrets(folder)?).ok_or_else(|| damaged(folder, "has no ticket key although one was just made"))
}

/// The 32 secret bytes of a file, which is made with fresh ones when there is none.
///
/// # Errors
/// When the folder cannot be used or the file is damaged.
pub fn secret_or_create(folder: &Path, name: &str) -> Result<[u8; 32], StoreError> {
    open_folder(folder)?;
    let path = folder.join(name);
    let found = match read(&path)? {
        Some(found) => found,
        None => {
            // As above, the first to link wins.
            put_new(folder, name, &ids::secret())?;
            read(&path)?.unwrap_or_default()
        }
    };
    found.try_into().map_err(|_| damaged(&path, "is not 32 bytes long"))
}

/// Adds a key that signs from the next start on; answers its id.
///
/// # Errors
/// When the folder cannot be used, a key file is damaged, or all ids are used up.
pub fn rotate(folder: &Path) -> Result<u16, StoreError> {
    open_folder(folder)?;
    let newest = secrets(folder)?.last_key_value().map_or(0, |(id, _)| *id);
    let next = newest.checked_add(1).ok_or(StoreError::Conflict("all ids of ticket keys are used up"))?;
    match put_new(folder, &name(next), STANDARD.encode(ids::secret()).as_bytes())? {
        true => Ok(next),
        false => Err(StoreError::Conflict("another process added a ticket key at the same time")),
    }
}

fn name(id: u16) -> String {
    format!("ticket-{id}.key")
}

fn secrets(folder: &Path) -> Result<BTreeMap<u16, [u8; 32]>, StoreError> {
    let mut secrets = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, error))? {
        let path = entry.map_err(|error| failed(folder, error))?.path();
        let file_name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(id) = file_name.strip_prefix("ticket-").and_then(|rest| rest.strip_suffix(".key")) else { continue };
        let id = id.parse().map_err(|_| damaged(&path, "is not named ticket-<number up to 65535>.key"))?;
        let text = read(&path)?.unwrap_or_default();
        let secret = STANDARD.decode(text.trim_ascii()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        secrets.insert(id, secret.ok_or_else(|| damaged(&path, "does not hold 32 bytes in base64"))?);
    }
    Ok(secrets)
}

fn damaged(path: &Path, what: &str) -> StoreError {
    StoreError::Damaged(format!("{} {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use usher_core::{EventId, Place, SeatIdx, TicketId};

    use super::*;
    use crate::tickets::verify;

    fn sign(keys: &SigningKeys) -> String {
        keys.sign(EventId(1), TicketId(2), Place::Seat(SeatIdx(3)), 1)
    }

    #[test]
    fn the_first_start_makes_a_key_and_later_starts_keep_it() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("data/keys");
        let code = sign(&open_or_create(&folder).unwrap());
        assert!(verify(&code, open_or_create(&folder).unwrap().public()).is_ok());
    }

    #[test]
    fn a_rotated_key_signs_and_the_old_one_still_verifies() {
        let folder = tempfile::tempdir().unwrap();
        let old = sign(&open_or_create(folder.path()).unwrap());
        assert_eq!(rotate(folder.path()).unwrap(), 2);
        let keys = open_or_create(folder.path()).unwrap();
        assert_eq!(verify(&sign(&keys), keys.public()).unwrap().key_id, 2);
        assert_eq!(verify(&old, keys.public()).unwrap().key_id, 1);
    }

    #[test]
    fn processes_that_start_at_once_share_one_secret() {
        let folder = tempfile::tempdir().unwrap();
        let open = || secret_or_create(folder.path(), "cookie.key").unwrap();
        let secrets: Vec<_> = std::thread::scope(|scope| {
            let starting: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            starting.into_iter().map(|started| started.join().unwrap()).collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
        fs::write(folder.path().join("cookie.key"), "short").unwrap();
        assert!(secret_or_create(folder.path(), "cookie.key").is_err());
    }

    #[test]
    fn a_damaged_key_is_named_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        open_or_create(folder.path()).unwrap();
        fs::write(folder.path().join("ticket-1.key"), "short").unwrap();
        let error = open_or_create(folder.path()).unwrap_err().to_string();
        assert!(error.contains("ticket-1.key does not hold 32 bytes"), "{error}");
    }
}
