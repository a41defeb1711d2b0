//! Everything the journal says to the cluster, prepared once.

use std::sync::Arc;

use scylla::statement::prepared::PreparedStatement;

use crate::adapters::cql::{Cluster, CqlError, How};

#[derive(Debug)]
pub(super) struct Statements {
    /// A partition's head and its last entry, by consensus.
    pub(super) head_serial: PreparedStatement,
    /// The same, as a quorum has it.
    pub(super) head: PreparedStatement,
    /// One entry, by consensus.
    pub(super) row_serial: PreparedStatement,
    /// Entries of a partition after one and up to another.
    pub(super) rows: PreparedStatement,
    /// The two halves of an append.
    pub(super) move_head: PreparedStatement,
    pub(super) insert: PreparedStatement,
    pub(super) open: PreparedStatement,
    pub(super) raise: PreparedStatement,
    pub(super) seal: PreparedStatement,
    pub(super) list_event: PreparedStatement,
    pub(super) events: PreparedStatement,
    pub(super) snapshot: PreparedStatement,
    pub(super) snapshot_serial: PreparedStatement,
    pub(super) point_to_snapshot: PreparedStatement,
    pub(super) put_chunk: PreparedStatement,
    pub(super) chunk: PreparedStatement,
    pub(super) drop_older_chunks: PreparedStatement,
    pub(super) drop_chunks: PreparedStatement,
}

/// In reverse order, so that it gives the static columns beside the last entry, and also when there is no entry: a
/// condition on `seq` would give nothing then.
const HEAD: &str = "SELECT epoch, head_seq, head_hash, sealed, seq, hash FROM journal_entries \
     WHERE event_id = ? AND segment = ? ORDER BY seq DESC LIMIT 1";
const ROW: &str = "SELECT hash FROM journal_entries WHERE event_id = ? AND segment = ? AND seq = ?";
const ROWS: &str = "SELECT seq, prev_hash, hash, bytes FROM journal_entries \
     WHERE event_id = ? AND segment = ? AND seq > ? AND seq <= ? LIMIT ?";
const MOVE_HEAD: &str = "UPDATE journal_entries SET head_seq = ?, head_hash = ? WHERE event_id = ? AND segment = ? \
     IF head_seq = ? AND head_hash = ? AND epoch = ? AND sealed = false";
const INSERT: &str = "INSERT INTO journal_entries (event_id, segment, seq, prev_hash, hash, bytes) \
     VALUES (?, ?, ?, ?, ?, ?)";
const OPEN: &str = "UPDATE journal_entries SET epoch = ?, head_seq = ?, head_hash = ?, sealed = false \
     WHERE event_id = ? AND segment = ? IF epoch = null";
const RAISE: &str = "UPDATE journal_entries SET epoch = ? WHERE event_id = ? AND segment = ? \
     IF epoch = ? AND sealed = false";
const SEAL: &str = "UPDATE journal_entries SET sealed = true WHERE event_id = ? AND segment = ? \
     IF head_seq = ? AND head_hash = ? AND epoch = ? AND sealed = false";
const LIST_EVENT: &str = "INSERT INTO journal_events (bucket, event_id) VALUES (?, ?)";
const EVENTS: &str = "SELECT event_id FROM journal_events WHERE bucket = ? AND event_id > ? LIMIT ?";
const SNAPSHOT: &str = "SELECT seq, hash, generation, chunks_count, digest FROM snapshots WHERE event_id = ?";
const POINT_TO_SNAPSHOT: &str = "UPDATE snapshots SET seq = ?, hash = ?, generation = ?, chunks_count = ?, digest = ? \
     WHERE event_id = ? IF generation = ?";
const PUT_CHUNK: &str = "INSERT INTO snapshot_chunks (event_id, seq, generation, chunk, bytes) VALUES (?, ?, ?, ?, ?)";
const CHUNK: &str = "SELECT bytes FROM snapshot_chunks \
     WHERE event_id = ? AND seq = ? AND generation = ? AND chunk = ?";
const DROP_OLDER_CHUNKS: &str = "DELETE FROM snapshot_chunks WHERE event_id = ? AND seq < ?";
const DROP_CHUNKS: &str = "DELETE FROM snapshot_chunks WHERE event_id = ? AND seq = ? AND generation = ?";

impl Statements {
    pub(super) async fn prepare(cluster: &Arc<Cluster>) -> Result<Self, CqlError> {
        let prepare = async |cql, how| cluster.prepare(cql, how).await;
        Ok(Self {
            head_serial: prepare(HEAD, How::ReadSerial).await?,
            head: prepare(HEAD, How::Read).await?,
            row_serial: prepare(ROW, How::ReadSerial).await?,
            rows: prepare(ROWS, How::Read).await?,
            move_head: prepare(MOVE_HEAD, How::Conditional).await?,
            insert: prepare(INSERT, How::Conditional).await?,
            open: prepare(OPEN, How::Conditional).await?,
            raise: prepare(RAISE, How::Conditional).await?,
            seal: prepare(SEAL, How::Conditional).await?,
            list_event: prepare(LIST_EVENT, How::Write).await?,
            events: prepare(EVENTS, How::Read).await?,
            snapshot: prepare(SNAPSHOT, How::Read).await?,
            snapshot_serial: prepare(SNAPSHOT, How::ReadSerial).await?,
            point_to_snapshot: prepare(POINT_TO_SNAPSHOT, How::Conditional).await?,
            put_chunk: prepare(PUT_CHUNK, How::Write).await?,
            chunk: prepare(CHUNK, How::Read).await?,
            drop_older_chunks: prepare(DROP_OLDER_CHUNKS, How::Write).await?,
            drop_chunks: prepare(DROP_CHUNKS, How::Write).await?,
        })
    }
}
