//! A partition's static columns: who may write, and where it ends.

use scylla::response::query_result::QueryResult;
use scylla::statement::prepared::PreparedStatement;
use usher_core::EventId;

use super::{CqlJournal, bigint, key};
use crate::adapters::cql::CqlError;
use crate::journal::{EntryHash, JournalError};

/// What a partition says of itself, once it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) epoch: u64,
    /// The event's last entry, which may be the last of the partition before.
    pub(super) seq: u64,
    pub(super) hash: EntryHash,
    pub(super) sealed: bool,
    /// The last entry that lies in it.
    pub(super) last: Option<(u64, EntryHash)>,
}

type HeadColumns = (Option<i64>, Option<i64>, Option<Vec<u8>>, Option<bool>, Option<i64>, Option<Vec<u8>>);

impl CqlJournal {
    /// The head as consensus has it: what was under way is decided when it returns.
    pub(super) async fn head_serial(&self, event: EventId, segment: u64) -> Result<Option<Head>, CqlError> {
        self.read_head(&self.statements.head_serial, event, segment).await
    }

    /// The head as a quorum has it.
    pub(super) async fn head(&self, event: EventId, segment: u64) -> Result<Option<Head>, CqlError> {
        self.read_head(&self.statements.head, event, segment).await
    }

    async fn read_head(
        &self,
        statement: &PreparedStatement,
        event: EventId,
        segment: u64,
    ) -> Result<Option<Head>, CqlError> {
        let answer = self.cluster.session().execute_unpaged(statement, (key(event), bigint(segment))).await?;
        head_of(answer)
    }
}

fn head_of(answer: QueryResult) -> Result<Option<Head>, CqlError> {
    let rows = answer.into_rows_result()?;
    let Some((epoch, head_seq, head_hash, sealed, seq, hash)) = rows.maybe_first_row::<HeadColumns>()? else {
        return Ok(None);
    };
    let incomplete = || CqlError::Damaged("a partition of the journal has entries and no head".to_owned());
    let Some(epoch) = epoch else {
        return if seq.is_some() { Err(incomplete()) } else { Ok(None) };
    };
    Ok(Some(Head {
        epoch: number(epoch)?,
        seq: number(head_seq.ok_or_else(incomplete)?)?,
        hash: hash_of(&head_hash.ok_or_else(incomplete)?)?,
        sealed: sealed.ok_or_else(incomplete)?,
        last: seq.zip(hash).map(|(seq, hash)| Ok::<_, CqlError>((number(seq)?, hash_of(&hash)?))).transpose()?,
    }))
}

pub(super) fn number(bigint: i64) -> Result<u64, CqlError> {
    u64::try_from(bigint).map_err(|_| CqlError::Damaged(format!("{bigint} in the journal counts nothing")))
}

pub(super) fn hash_of(bytes: &[u8]) -> Result<EntryHash, CqlError> {
    bytes.try_into().map_err(|_| CqlError::Damaged(format!("a hash in the journal has {} bytes", bytes.len())))
}

/// What cannot be understood of an event's partition is damage of that event.
pub(super) fn of_event(event: EventId, seq: u64) -> impl Fn(CqlError) -> JournalError {
    move |error| match error {
        CqlError::Damaged(what) => JournalError::Damaged { event, seq, what },
        CqlError::Unavailable(_) | CqlError::Crowded | CqlError::Settings(_) | CqlError::Schema(_) => error.into(),
    }
}
