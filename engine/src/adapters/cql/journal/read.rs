//! Reading entries and listing events, as a quorum has them.

use futures_util::future::try_join_all;
use scylla::response::query_result::QueryRowsResult;
use usher_core::EventId;

use super::head::{hash_of, number, of_event};
use super::{CqlJournal, bigint, damaged, key, segment_end, segment_of};
use crate::adapters::cql::CqlError;
use crate::journal::chain::{Chain, Row};
use crate::journal::{JournalError, SealedEntry};

/// Entries asked for at once: an answer holds at most 25 MiB of them.
const ROWS_AT_ONCE: u64 = 25;
/// Partitions that the list of events is spread over. An event takes some 50 bytes: two million of them make 100 MB, so
/// the list holds 32 million.
const BUCKETS_COUNT: i32 = 16;

impl CqlJournal {
    pub(super) async fn read_entries(
        &self,
        event: EventId,
        after_seq: u64,
        entries_max: usize,
    ) -> Result<Vec<SealedEntry>, JournalError> {
        let mut entries = Vec::new();
        let mut segment = after_seq / super::SEGMENT_ENTRIES;
        let mut chain: Option<Chain> = None;
        while entries.len() < entries_max {
            let head = self.head(event, segment).await.map_err(of_event(event, after_seq + 1))?;
            let Some(head) = head.filter(|head| head.seq > after_seq) else { break };
            let chain = match &mut chain {
                Some(chain) => chain,
                None => chain.insert(self.chain_after(event, after_seq).await?),
            };
            let end = head.seq.min(segment_end(segment));
            while chain.seq() < end && entries.len() < entries_max {
                let wanted = (entries_max - entries.len()).try_into().unwrap_or(u64::MAX).min(ROWS_AT_ONCE);
                let rows = self.rows(event, segment, (chain.seq(), end), wanted).await?;
                if rows.is_empty() {
                    return Err(damaged(event, chain.seq() + 1, "it is missing"));
                }
                for row in rows {
                    entries.push(chain.pass(row)?);
                }
            }
            if chain.seq() == head.seq && chain.hash() != head.hash {
                return Err(damaged(event, head.seq, "it is not the entry that was acknowledged"));
            }
            if chain.seq() < segment_end(segment) {
                break;
            }
            segment += 1;
        }
        Ok(entries)
    }

    async fn chain_after(&self, event: EventId, seq: u64) -> Result<Chain, JournalError> {
        if seq == 0 {
            return Ok(Chain::start(event));
        }
        let before = self.row(event, seq).await?.ok_or_else(|| damaged(event, seq, "it is missing"))?;
        Ok(Chain::after(event, seq, before.hash))
    }

    pub(super) async fn row(&self, event: EventId, seq: u64) -> Result<Option<Row>, JournalError> {
        Ok(self.rows(event, segment_of(seq), (seq - 1, seq), 1).await?.pop())
    }

    /// Rows after one number and up to another.
    async fn rows(
        &self,
        event: EventId,
        segment: u64,
        (after_seq, up_to): (u64, u64),
        rows_max: u64,
    ) -> Result<Vec<Row>, JournalError> {
        let limit = i32::try_from(rows_max).unwrap_or(i32::MAX);
        let values = (key(event), bigint(segment), bigint(after_seq), bigint(up_to), limit);
        let answer = self.cluster.session().execute_unpaged(&self.statements.rows, values).await;
        let rows = answer.map_err(CqlError::from)?.into_rows_result().map_err(CqlError::from)?;
        rows_of(&rows).map_err(of_event(event, after_seq + 1))
    }

    pub(super) async fn list_event(&self, event: EventId) -> Result<(), CqlError> {
        self.cluster.session().execute_unpaged(&self.statements.list_event, (bucket(event), key(event))).await?;
        Ok(())
    }

    pub(super) async fn list_events(
        &self,
        after: Option<EventId>,
        events_max: usize,
    ) -> Result<Vec<EventId>, CqlError> {
        // An empty blob sorts before every id.
        let after = after.map_or(Vec::new(), key);
        let buckets = (0..BUCKETS_COUNT).map(|bucket| self.list_bucket(bucket, &after, events_max));
        let mut events: Vec<EventId> = try_join_all(buckets).await?.into_iter().flatten().collect();
        events.sort_unstable();
        events.truncate(events_max);
        Ok(events)
    }

    async fn list_bucket(&self, bucket: i32, after: &[u8], events_max: usize) -> Result<Vec<EventId>, CqlError> {
        let values = (bucket, after, i32::try_from(events_max).unwrap_or(i32::MAX));
        let rows = self.cluster.session().execute_unpaged(&self.statements.events, values).await?.into_rows_result()?;
        rows.rows::<(Vec<u8>,)>()?
            .map(|row| {
                let (id,) = row?;
                let id = id.try_into().map_err(|_| CqlError::Damaged("an event's id has not 16 bytes".to_owned()))?;
                Ok(EventId(u128::from_be_bytes(id)))
            })
            .collect()
    }
}

/// Ids begin with the time, so their end spreads them.
fn bucket(event: EventId) -> i32 {
    let last = event.0.to_be_bytes()[15];
    i32::from(last) % BUCKETS_COUNT
}

fn rows_of(rows: &QueryRowsResult) -> Result<Vec<Row>, CqlError> {
    rows.rows::<(i64, Vec<u8>, Vec<u8>, Vec<u8>)>()?
        .map(|row| {
            let (seq, prev_hash, hash, bytes) = row?;
            Ok(Row { seq: number(seq)?, prev_hash: hash_of(&prev_hash)?, hash: hash_of(&hash)?, bytes })
        })
        .collect()
}
