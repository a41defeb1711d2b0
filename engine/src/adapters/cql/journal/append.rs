//! Sending an entry until it is certain what became of it.

use std::sync::Arc;

use metrics::counter;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::{Consistency, SerialConsistency};
use tokio::time::timeout;
use usher_core::{EventId, UnixMillis};

use super::head::{Head, hash_of};
use super::{CqlJournal, ENTRY_BYTES_MAX, bigint, key, segment_of};
use crate::adapters::cql::conditional::Try;
use crate::adapters::cql::metrics::{DOUBTS, REFUSALS};
use crate::adapters::cql::routing::Elsewhere;
use crate::adapters::cql::{CqlError, is_applied};
use crate::journal::append_protocol::{Append, Found, Next, Sent};
use crate::journal::{AppendError, SealedEntry};

/// What a look at the row's partition says.
enum Looked {
    Found(Found),
    /// The partition is ours and free at this place, but its end is not where the entry follows: no try of it can have
    /// been carried out, nor can any be.
    Misplaced {
        head_seq: u64,
    },
}

impl CqlJournal {
    pub(super) async fn append_entry(
        &self,
        event: EventId,
        sealed: &SealedEntry,
        deadline: UnixMillis,
    ) -> Result<(), AppendError> {
        let SealedEntry { entry, hash, bytes, .. } = sealed;
        if bytes.len() > ENTRY_BYTES_MAX {
            let what = format!("entry {} has {} bytes, more than {ENTRY_BYTES_MAX}", entry.seq, bytes.len());
            return Err(AppendError::NotWritten(what));
        }
        if entry.seq == 0 {
            return Err(AppendError::NotWritten("entries are numbered from 1".to_owned()));
        }
        let route = Arc::new(Elsewhere::default());
        self.open_segment(event, sealed, deadline, &route).await?;
        if self.remaining(deadline).is_zero() {
            return Err(AppendError::NotWritten("time was up before it was sent".to_owned()));
        }
        let mut append = Append::new(*hash, entry.epoch, deadline);
        let mut next = append.start();
        let mut doubts_count = 0;
        loop {
            next = match next {
                Next::Send => {
                    let sent = self.send(event, sealed, deadline, &route).await;
                    append.sent(sent)
                }
                Next::ReadBack => match self.look_at(event, sealed, deadline).await {
                    Looked::Misplaced { head_seq } => {
                        let what = format!("entry {} does not follow the head {head_seq}", entry.seq);
                        return Err(AppendError::NotWritten(what));
                    }
                    Looked::Found(found) => {
                        if !matches!(found, Found::Batch { .. }) {
                            self.pause(doubts_count, deadline).await;
                            doubts_count += 1;
                        }
                        append.found(self.clock.now(), found)
                    }
                },
                Next::Committed => return Ok(()),
                Next::Fenced => return Err(AppendError::Fenced),
                Next::Unknown(why) => return Err(AppendError::Unknown(why)),
            };
        }
    }

    /// One try: the head moves and the entry lies behind it, or neither.
    async fn send(&self, event: EventId, sealed: &SealedEntry, deadline: UnixMillis, route: &Arc<Elsewhere>) -> Sent {
        let SealedEntry { entry, prev_hash, hash, bytes } = sealed;
        let (event, segment) = (key(event), bigint(segment_of(entry.seq)));
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.append_statement(self.statements.move_head.clone());
        batch.append_statement(self.statements.insert.clone());
        batch.set_consistency(Consistency::Quorum);
        batch.set_serial_consistency(Some(SerialConsistency::Serial));
        batch.set_execution_profile_handle(self.statements.move_head.get_execution_profile_handle().cloned());
        batch.set_load_balancing_policy(Some(Arc::clone(route) as _));
        batch.set_request_timeout(Some(self.times.try_max.min(self.remaining(deadline))));
        let (seq, epoch) = (bigint(entry.seq), bigint(entry.epoch));
        let (prev_hash, hash) = (prev_hash.as_slice(), hash.as_slice());
        let head = (seq, hash, &event, segment, seq - 1, prev_hash, epoch);
        let row = (&event, segment, seq, prev_hash, hash, bytes.as_slice());
        let answer = self.cluster.session().batch(&batch, (head, row)).await;
        match answer.map_err(CqlError::from).and_then(is_applied) {
            Ok(true) => Sent::Applied,
            Ok(false) => {
                counter!(REFUSALS).increment(1);
                Sent::Refused
            }
            Err(error) => {
                counter!(DOUBTS).increment(1);
                Sent::Uncertain(error.to_string())
            }
        }
    }

    /// The serial read after a refusal or a doubt. The row that comes with a refused batch is the partition's first,
    /// not the one asked for.
    async fn look_at(&self, event: EventId, sealed: &SealedEntry, deadline: UnixMillis) -> Looked {
        let looked = timeout(self.remaining(deadline), self.look(event, sealed)).await;
        match looked {
            Ok(Ok(looked)) => looked,
            Ok(Err(error)) => Looked::Found(Found::Uncertain(error.to_string())),
            Err(_) => Looked::Found(Found::Uncertain("no answer in time".to_owned())),
        }
    }

    async fn look(&self, event: EventId, sealed: &SealedEntry) -> Result<Looked, CqlError> {
        let SealedEntry { entry, prev_hash, .. } = sealed;
        let segment = segment_of(entry.seq);
        let Some(head) = self.head_serial(event, segment).await? else {
            return Ok(Looked::Found(Found::Free { epoch: 0 }));
        };
        match head.last {
            Some((seq, hash)) if seq == entry.seq => Ok(Looked::Found(Found::Batch { hash })),
            Some((seq, _)) if seq > entry.seq => {
                let at = (key(event), bigint(segment), bigint(entry.seq));
                let answer = self.cluster.session().execute_unpaged(&self.statements.row_serial, at).await?;
                let row = answer.into_rows_result()?;
                let (hash,) = row
                    .maybe_first_row::<(Vec<u8>,)>()?
                    .ok_or_else(|| CqlError::Damaged(format!("entry {} is missing", entry.seq)))?;
                Ok(Looked::Found(Found::Batch { hash: hash_of(&hash)? }))
            }
            Some(_) | None => {
                let Head { epoch, seq: head_seq, hash, .. } = head;
                let follows = head_seq + 1 == entry.seq && hash == *prev_hash;
                if epoch == entry.epoch && !follows {
                    return Ok(Looked::Misplaced { head_seq });
                }
                Ok(Looked::Found(Found::Free { epoch }))
            }
        }
    }

    /// A conditional statement by itself; whether it was carried out, or nobody knows.
    pub(super) async fn attempt(
        &self,
        statement: &PreparedStatement,
        values: impl scylla::serialize::row::SerializeRow,
        route: &Arc<Elsewhere>,
    ) -> Result<bool, CqlError> {
        let statement = Try { route: Arc::clone(route), within: self.times.try_max }.of(statement);
        is_applied(self.cluster.session().execute_unpaged(&statement, values).await?)
    }
}
