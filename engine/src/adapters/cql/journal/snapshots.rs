//! Snapshots in pieces, never read torn.
//!
//! The pieces of a new snapshot lie under a generation of their own; then one conditional write makes the event's row
//! point to them, and only if it still points to the one that was there when the writer looked. A reader follows the
//! row, and believes the pieces by their count and digest. What a writer left that died in between is older than the
//! next snapshot and goes with it.

use std::sync::Arc;

use scylla::statement::prepared::PreparedStatement;
use sha2::{Digest, Sha256};
use usher_core::EventId;
use uuid::Uuid;

use super::head::{hash_of, number};
use super::{CqlJournal, bigint, key};
use crate::adapters::cql::CqlError;
use crate::adapters::cql::routing::Elsewhere;
use crate::ids;
use crate::journal::{EntryHash, StoredSnapshot};

/// Bytes of one piece; servers are slow with larger values, and refuse them from 16 MB on.
const CHUNK_BYTES: usize = 512 * 1024;
/// How often a writer looks again because another wrote at the same time, and a reader because pieces were gone.
const ROUNDS_MAX: u32 = 4;

/// What an event's row says of its snapshot.
struct Pointer {
    seq: u64,
    hash: EntryHash,
    generation: Uuid,
    chunks_count: i32,
    digest: Vec<u8>,
}

impl CqlJournal {
    pub(super) async fn keep_snapshot(&self, event: EventId, snapshot: &StoredSnapshot) -> Result<(), CqlError> {
        let mut seen = self.pointer(&self.statements.snapshot_serial, event).await?;
        if seen.as_ref().is_some_and(|seen| seen.seq > snapshot.seq) {
            return Ok(());
        }
        let generation = Uuid::from_u128(ids::fresh());
        let mut chunks_count = 0;
        for bytes in snapshot.bytes.chunks(CHUNK_BYTES) {
            let values = (key(event), bigint(snapshot.seq), generation, chunks_count, bytes);
            self.cluster.session().execute_unpaged(&self.statements.put_chunk, values).await?;
            chunks_count += 1;
        }
        let digest = Sha256::digest(&snapshot.bytes).to_vec();
        let pointer = Pointer { seq: snapshot.seq, hash: snapshot.hash, generation, chunks_count, digest };
        let route = Arc::new(Elsewhere::default());
        for _ in 0..ROUNDS_MAX {
            let seen_generation = seen.as_ref().map(|seen| seen.generation);
            let pointed = self.point(event, &pointer, seen_generation, &route).await;
            // After a doubt as after a refusal: what the row says now is what came of it.
            seen = match pointed {
                Ok(true) => return self.drop_replaced(event, snapshot.seq, seen.as_ref()).await,
                Ok(false) | Err(_) => self.pointer(&self.statements.snapshot_serial, event).await?,
            };
            if seen.as_ref().is_some_and(|seen| seen.generation == generation) {
                return Ok(());
            }
            if seen.as_ref().is_some_and(|seen| seen.seq > snapshot.seq) {
                break;
            }
        }
        self.drop_generation(event, snapshot.seq, generation).await
    }

    pub(super) async fn latest_snapshot(&self, event: EventId) -> Result<Option<StoredSnapshot>, CqlError> {
        for _ in 0..ROUNDS_MAX {
            let Some(pointer) = self.pointer(&self.statements.snapshot, event).await? else { return Ok(None) };
            if let Some(bytes) = self.pieces(event, &pointer).await? {
                return Ok(Some(StoredSnapshot { seq: pointer.seq, hash: pointer.hash, bytes }));
            }
            // Replaced while it was read: there is a later one.
        }
        tracing::warn!(%event, "its snapshot has pieces missing; the whole journal is replayed");
        Ok(None)
    }

    async fn pointer(&self, statement: &PreparedStatement, event: EventId) -> Result<Option<Pointer>, CqlError> {
        let rows = self.cluster.session().execute_unpaged(statement, (key(event),)).await?.into_rows_result()?;
        let row = rows.maybe_first_row::<(i64, Vec<u8>, Uuid, i32, Vec<u8>)>()?;
        row.map(|(seq, hash, generation, chunks_count, digest)| {
            Ok(Pointer { seq: number(seq)?, hash: hash_of(&hash)?, generation, chunks_count, digest })
        })
        .transpose()
    }

    async fn point(
        &self,
        event: EventId,
        to: &Pointer,
        seen: Option<Uuid>,
        route: &Arc<Elsewhere>,
    ) -> Result<bool, CqlError> {
        let Pointer { seq, hash, generation, chunks_count, digest } = to;
        let values = (bigint(*seq), hash.as_slice(), generation, chunks_count, digest.as_slice(), key(event), seen);
        self.attempt(&self.statements.point_to_snapshot, values, route).await
    }

    /// All the bytes, or `None` if they are not all there.
    async fn pieces(&self, event: EventId, pointer: &Pointer) -> Result<Option<Vec<u8>>, CqlError> {
        let mut all = Vec::new();
        for chunk in 0..pointer.chunks_count {
            let values = (key(event), bigint(pointer.seq), pointer.generation, chunk);
            let answer = self.cluster.session().execute_unpaged(&self.statements.chunk, values).await?;
            let rows = answer.into_rows_result()?;
            let Some((bytes,)) = rows.maybe_first_row::<(Vec<u8>,)>()? else { return Ok(None) };
            all.extend(bytes);
        }
        let whole = Sha256::digest(&all).as_slice() == pointer.digest.as_slice();
        Ok(whole.then_some(all))
    }

    async fn drop_replaced(&self, event: EventId, seq: u64, before: Option<&Pointer>) -> Result<(), CqlError> {
        let older = (key(event), bigint(seq));
        self.cluster.session().execute_unpaged(&self.statements.drop_older_chunks, older).await?;
        match before {
            Some(before) if before.seq == seq => self.drop_generation(event, seq, before.generation).await,
            Some(_) | None => Ok(()),
        }
    }

    async fn drop_generation(&self, event: EventId, seq: u64, generation: Uuid) -> Result<(), CqlError> {
        let values = (key(event), bigint(seq), generation);
        self.cluster.session().execute_unpaged(&self.statements.drop_chunks, values).await?;
        Ok(())
    }
}
