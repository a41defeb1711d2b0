//! Seating plans by the digest of their JSON, in pieces that a server takes.
//!
//! Content named by its digest can be written any number of times, so these are plain writes; the row that says how
//! many pieces there are comes last.

use std::sync::Arc;

use futures_util::future::try_join_all;
use scylla::client::session::Session as Driver;
use scylla::statement::prepared::PreparedStatement;

use super::{Cluster, CqlError, How};

/// Bytes of a piece: well below what servers call a large cell.
const PIECE_BYTES_MAX: usize = 256 * 1_024;
/// Pieces under way at once.
const TOGETHER_MAX: usize = 8;

pub(super) struct Plans {
    put: PreparedStatement,
    read: PreparedStatement,
    put_piece: PreparedStatement,
    read_piece: PreparedStatement,
}

impl Plans {
    pub(super) async fn prepare(cluster: &Arc<Cluster>) -> Result<Self, CqlError> {
        let put_piece = "INSERT INTO plan_pieces (digest, piece, bytes) VALUES (?, ?, ?)";
        Ok(Self {
            put: cluster.prepare("INSERT INTO plans (digest, pieces_count) VALUES (?, ?)", How::Write).await?,
            read: cluster.prepare("SELECT pieces_count FROM plans WHERE digest = ?", How::Read).await?,
            put_piece: cluster.prepare(put_piece, How::Write).await?,
            read_piece: cluster
                .prepare("SELECT bytes FROM plan_pieces WHERE digest = ? AND piece = ?", How::Read)
                .await?,
        })
    }

    pub(super) async fn put(&self, driver: &Driver, digest: [u8; 32], json: Vec<u8>) -> Result<(), CqlError> {
        let pieces: Vec<(i64, &[u8])> = (0..).zip(json.chunks(PIECE_BYTES_MAX)).collect();
        for some in pieces.chunks(TOGETHER_MAX) {
            let put = |(piece, bytes): &(i64, &[u8])| {
                let values = (digest.to_vec(), *piece, bytes.to_vec());
                async move { driver.execute_unpaged(&self.put_piece, values).await }
            };
            try_join_all(some.iter().map(put)).await?;
        }
        let pieces_count = i64::try_from(pieces.len()).map_err(|error| CqlError::Damaged(error.to_string()))?;
        driver.execute_unpaged(&self.put, (digest, pieces_count)).await?;
        Ok(())
    }

    pub(super) async fn read(&self, driver: &Driver, digest: [u8; 32]) -> Result<Option<Vec<u8>>, CqlError> {
        let answer = driver.execute_unpaged(&self.read, (digest,)).await?.into_rows_result()?;
        let Some((pieces_count,)) = answer.maybe_first_row::<(i64,)>()? else { return Ok(None) };
        let (numbers, mut json) = ((0..pieces_count).collect::<Vec<i64>>(), Vec::new());
        for some in numbers.chunks(TOGETHER_MAX) {
            for piece in try_join_all(some.iter().map(|piece| self.piece(driver, digest, *piece))).await? {
                json.extend(piece);
            }
        }
        Ok(Some(json))
    }

    async fn piece(&self, driver: &Driver, digest: [u8; 32], piece: i64) -> Result<Vec<u8>, CqlError> {
        let answer = driver.execute_unpaged(&self.read_piece, (digest, piece)).await?.into_rows_result()?;
        let bytes = answer.maybe_first_row::<(Vec<u8>,)>()?;
        bytes.map(|(bytes,)| bytes).ok_or_else(|| CqlError::Damaged(format!("piece {piece} of a plan is missing")))
    }
}
