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
    pub(super) chunks: PreparedStatement,
    pub(super) drop_older_chunks: PreparedStatement,
    pub(super) drop_chunks: PreparedStatement,
}

/// In reverse order, so that it gives the static columns beside the last entry, and also when there is no entry: a
/// condition on `seq` would give nothing then.
const HEAD: &str = "SELECT epoch, head_seq, head_hash, sealed, seq, hash FROM journal_entries \
     WHERE event_id = ? AND segment = ? ORDER BY seq DESC LIMIT 1";
const SNAPSHOT: &str = "SELECT seq, hash, generation, chunks_count, digest FROM snapshots WHERE event_id = ?";

impl Statements {
    pub(super) async fn prepare(cluster: &Arc<Cluster>) -> Result<Self, CqlError> {
        let prepare = async |cql, how| cluster.prepare(cql, how).await;
        Ok(Self {
            head_serial: prepare(HEAD, How::ReadSerial).await?,
            head: prepare(HEAD, How::Read).await?,
            row_serial: prepare(
                "SELECT hash FROM journal_entries WHERE event_id = ? AND segment = ? AND seq = ?",
                How::ReadSerial,
            )
            .await?,
            rows: prepare(
                "SELECT seq, prev_hash, hash, bytes FROM journal_entries \
                 WHERE event_id = ? AND segment = ? AND seq > ? AND seq <= ? LIMIT ?",
                How::Read,
            )
            .await?,
            move_head: prepare(
                "UPDATE journal_entries SET head_seq = ?, head_hash = ? WHERE event_id = ? AND segment = ? \
                 IF head_seq = ? AND head_hash = ? AND epoch = ? AND sealed = false",
                How::Conditional,
            )
            .await?,
            insert: prepare(
                "INSERT INTO journal_entries (event_id, segment, seq, prev_hash, hash, bytes) VALUES (?, ?, ?, ?, ?, ?)",
                How::Conditional,
            )
            .await?,
            open: prepare(
                "UPDATE journal_entries SET epoch = ?, head_seq = ?, head_hash = ?, sealed = false \
                 WHERE event_id = ? AND segment = ? IF epoch = null",
                How::Conditional,
            )
            .await?,
            raise: prepare(
                "UPDATE journal_entries SET epoch = ? WHERE event_id = ? AND segment = ? IF epoch = ? AND sealed = false",
                How::Conditional,
            )
            .await?,
            seal: prepare(
                "UPDATE journal_entries SET sealed = true WHERE event_id = ? AND segment = ? \
                 IF head_seq = ? AND head_hash = ? AND epoch = ? AND sealed = false",
                How::Conditional,
            )
            .await?,
            list_event: prepare("INSERT INTO journal_events (bucket, event_id) VALUES (?, ?)", How::Write).await?,
            events: prepare("SELECT event_id FROM journal_events WHERE bucket = ? AND event_id > ? LIMIT ?", How::Read).await?,
            snapshot: prepare(SNAPSHOT, How::Read).await?,
            snapshot_serial: prepare(SNAPSHOT, How::ReadSerial).await?,
            point_to_snapshot: prepare(
                "UPDATE snapshots SET seq = ?, hash = ?, generation = ?, chunks_count = ?, digest = ? \
                 WHERE event_id = ? IF generation = ?",
                How::Conditional,
            )
            .await?,
            put_chunk: prepare(
                "INSERT INTO snapshot_chunks (event_id, seq, generation, chunk, bytes) VALUES (?, ?, ?, ?, ?)",
                How::Write,
            )
            .await?,
            chunks: prepare(
                "SELECT bytes FROM snapshot_chunks WHERE event_id = ? AND seq = ? AND generation = ? AND chunk = ?",
                How::Read,
            )
            .await?,
            drop_older_chunks: prepare("DELETE FROM snapshot_chunks WHERE event_id = ? AND seq < ?", How::Write)
                .await?,
            drop_chunks: prepare(
                "DELETE FROM snapshot_chunks WHERE event_id = ? AND seq = ? AND generation = ?",
                How::Write,
            )
            .await?,
        })
    }
}
