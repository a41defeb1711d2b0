//! What a node's queue does beside its workers: it tells Redis, and listens there while workers are idle.
//!
//! Listening takes no entry. To take them there and then was refused: they would wait on a node whose workers have found
//! something else meanwhile, while those of another are idle.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::streams::StreamReadReply;

use super::{Parts, locked};
use crate::adapters::redis::failure::No;

/// How long one wait for an entry lasts.
const BLOCKS: Duration = Duration::from_secs(1);
/// How often consumers that are gone are looked for.
const FORGET_EVERY: Duration = Duration::from_secs(600);

/// Tells Redis what is to be told.
pub(super) async fn tell(parts: Arc<Parts>) {
    loop {
        let batch = parts.outgoing.next().await;
        let told = parts.stream.write(&batch.added, &batch.done).await;
        // What was not told of is in the durable rows, and entries that stay are found to be nothing.
        if told.is_err() && !batch.added.is_empty() {
            locked(&parts.ledger).want_sweep();
            parts.bell.notify_one();
        }
        parts.outgoing.settle(&batch);
    }
}

/// Rings when an entry is added while workers are idle.
pub(super) async fn listen(parts: Arc<Parts>) {
    let mut connection = None;
    let mut forgot_at: Option<Instant> = None;
    loop {
        parts.idle.notified().await;
        if parts.stream.redis().health().is_down() {
            connection = None;
            continue;
        }
        if forgot_at.is_none_or(|at| at.elapsed() > FORGET_EVERY) {
            forgot_at = Some(Instant::now());
            // Next time, then.
            let _ = parts.stream.forget_consumers().await;
        }
        match wait(&parts, &mut connection).await {
            Ok(true) => parts.bell.notify_one(),
            Ok(false) => {}
            // The next claim finds out what is wrong.
            Err(_) => connection = None,
        }
    }
}

async fn wait(parts: &Parts, connection: &mut Option<MultiplexedConnection>) -> Result<bool, No> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(parts.stream.redis().own_connection(BLOCKS).await?),
    };
    let added: Result<Option<StreamReadReply>, _> = parts.stream.wait(BLOCKS).query_async(connection).await;
    added.map(|added| added.is_some()).map_err(|error| No::of(&error))
}
