//! One step of an event's views: changes and checkpoint, both or neither.
//!
//! The changes of a step are kept first, under the step's own id. Then one conditional write moves the checkpoint from
//! where the projector read to where the step ends, and names the step: that is the moment when it happens. Only then
//! are the views written, and last the kept changes removed. Whoever reads the checkpoint first makes sure that its
//! step is finished, from the kept changes. So a crash leaves either changes that no checkpoint names, and nothing has
//! happened, or a step that the next reader finishes; a second projector that read the same checkpoint is refused.
//!
//! Writing a step twice, or after a later one, changes nothing: the time of its writes is its entry's number and no
//! clock's, and a view is overwritten to a value, never counted up.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use scylla::client::session::Session as Driver;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::{CqlValue, Row};
use usher_core::{EventId, HoldId};
use uuid::Uuid;

use super::conditional::{Conditional, Seen, Try, carry_out};
use super::lists::{BucketIndex, DAY_MS, List, ListSpec, MINUTE_MS, Pointer};
use super::values::{Columns, Name, Value, id, json, json_of, number, text};
use super::{Cluster, CqlError, How, is_applied};
use crate::ids;
use crate::orders::{OrderRecord, ViewChanges};
use crate::store::StoreError;

static LIST_OF_EVENT: ListSpec = ListSpec {
    table: "orders_of_event",
    owner: Some("event"),
    at: "begun_at",
    id: "buyer_order",
    id_is_text: false,
    bucket_ms: 10 * MINUTE_MS,
    is_worked_off: false,
};
static LIST_OF_BUYER: ListSpec = ListSpec {
    table: "orders_of_buyer",
    owner: Some("buyer"),
    at: "begun_at",
    id: "buyer_order",
    id_is_text: false,
    bucket_ms: 365 * DAY_MS,
    is_worked_off: false,
};
/// Bytes of one piece of a step's changes.
const PIECE_BYTES_MAX: usize = 256 * 1_024;
/// Writes under way at once.
const TOGETHER_MAX: usize = 64;
/// Partitions that an event's holds are spread over.
const SHARDS_COUNT: u8 = 16;

/// Writes the views.
pub(super) struct Steps {
    read_checkpoint: PreparedStatement,
    look_at_checkpoint: PreparedStatement,
    move_checkpoint: PreparedStatement,
    put_piece: PreparedStatement,
    read_pieces: PreparedStatement,
    remove_pieces: PreparedStatement,
    put_hold: PreparedStatement,
    drop_hold: PreparedStatement,
    drop_holds: PreparedStatement,
    put_order: PreparedStatement,
    put_ticket: PreparedStatement,
    put_sales: PreparedStatement,
    request_max: Duration,
    pub(super) of_event: List,
    pub(super) of_buyer: List,
}

/// Where an event's views end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Checkpoint {
    seq: u64,
    step: Option<Uuid>,
}

/// The moment at which a step happens.
struct CheckpointMove<'a> {
    steps: &'a Steps,
    driver: &'a Driver,
    event: EventId,
    base: u64,
    seq: u64,
    step: Uuid,
}

impl Conditional for CheckpointMove<'_> {
    async fn send(&self, how: &Try) -> Result<bool, CqlError> {
        let expected = (self.base > 0).then_some(signed(self.base)?);
        let values = (signed(self.seq)?, self.step, self.event.0.to_be_bytes(), expected);
        is_applied(self.driver.execute_unpaged(&how.of(&self.steps.move_checkpoint), values).await?)
    }

    async fn look(&self) -> Result<Seen, CqlError> {
        let now = self.steps.checkpoint(self.driver, self.event).await?;
        Ok(match now.step {
            Some(step) if step == self.step => Seen::Mine,
            Some(_) | None if now.seq == self.base => Seen::Free,
            // Another's instead of this one, or after it.
            Some(_) | None => Seen::Past,
        })
    }
}

impl Steps {
    pub(super) async fn prepare(cluster: &Arc<Cluster>, index: &Arc<BucketIndex>) -> Result<Self, CqlError> {
        let write = async |cql: &str| cluster.prepare(cql, How::Write).await;
        let read = "SELECT seq, step FROM view_checkpoints WHERE event = ?";
        let move_to = "UPDATE view_checkpoints SET seq = ?, step = ? WHERE event = ? IF seq = ?";
        let pieces = "SELECT bytes FROM view_steps WHERE event = ? AND seq = ? AND step = ?";
        Ok(Self {
            read_checkpoint: cluster.prepare(read, How::ReadSerial).await?,
            look_at_checkpoint: cluster.prepare(read, How::Read).await?,
            move_checkpoint: cluster.prepare(move_to, How::Conditional).await?,
            put_piece: write("INSERT INTO view_steps (event, seq, step, piece, bytes) VALUES (?, ?, ?, ?, ?)").await?,
            read_pieces: cluster.prepare(pieces, How::Read).await?,
            remove_pieces: write("DELETE FROM view_steps WHERE event = ? AND seq <= ?").await?,
            put_hold: write(
                "INSERT INTO view_holds (event, shard, hold, record) VALUES (?, ?, ?, ?) USING TIMESTAMP ?",
            )
            .await?,
            drop_hold: write("DELETE FROM view_holds USING TIMESTAMP ? WHERE event = ? AND shard = ? AND hold = ?")
                .await?,
            drop_holds: write("DELETE FROM view_holds USING TIMESTAMP ? WHERE event = ? AND shard = ?").await?,
            put_order: write("INSERT INTO view_orders (buyer_order, record) VALUES (?, ?) USING TIMESTAMP ?").await?,
            put_ticket: write(
                "INSERT INTO view_tickets (ticket, buyer_order, line) VALUES (?, ?, ?) USING TIMESTAMP ?",
            )
            .await?,
            request_max: cluster.request_max(),
            put_sales: write("INSERT INTO view_sales (event, record) VALUES (?, ?) USING TIMESTAMP ?").await?,
            of_event: List::prepare(cluster, &LIST_OF_EVENT, index).await?,
            of_buyer: List::prepare(cluster, &LIST_OF_BUYER, index).await?,
        })
    }

    /// The last entry that the views are being brought to, and whether they contain it already. Helps nobody and holds
    /// nobody up.
    pub(super) async fn glance(&self, driver: &Driver, event: EventId) -> Result<(u64, bool), CqlError> {
        let checkpoint = Self::checkpoint_by(&self.look_at_checkpoint, driver, event).await?;
        let Some(step) = checkpoint.step else { return Ok((checkpoint.seq, true)) };
        let key = (event.0.to_be_bytes(), signed(checkpoint.seq)?, step);
        let pieces = driver.execute_unpaged(&self.read_pieces, key).await?.into_rows_result()?;
        Ok((checkpoint.seq, pieces.rows_num() == 0))
    }

    /// The last entry that the views contain; they contain it when this returns.
    pub(super) async fn settled(&self, driver: &Driver, event: EventId) -> Result<u64, CqlError> {
        let checkpoint = self.checkpoint(driver, event).await?;
        if let Some(step) = checkpoint.step {
            let key = (event.0.to_be_bytes(), signed(checkpoint.seq)?, step);
            let answer = driver.execute_unpaged(&self.read_pieces, key).await?.into_rows_result()?;
            let mut changes = Vec::new();
            for row in answer.rows::<(Vec<u8>,)>()? {
                changes.extend(row?.0);
            }
            if !changes.is_empty() {
                tracing::info!(%event, seq = checkpoint.seq, "finishing a step that was cut off");
                let changes = std::str::from_utf8(&changes).map_err(|error| CqlError::Damaged(error.to_string()))?;
                self.finish(driver, event, checkpoint.seq, &json_of(changes)?).await?;
            }
        }
        Ok(checkpoint.seq)
    }

    /// Brings the views from `base` to `seq`.
    pub(super) async fn apply(
        &self,
        driver: &Driver,
        event: EventId,
        (base, seq): (u64, u64),
        changes: &ViewChanges,
    ) -> Result<(), StoreError> {
        if seq < base {
            return Err(StoreError::Conflict("the views are past this entry already"));
        }
        let step = Uuid::from_u128(ids::fresh());
        let bytes = json(changes)?.into_bytes();
        for (piece, bytes) in (0i64..).zip(bytes.chunks(PIECE_BYTES_MAX)) {
            let values = (event.0.to_be_bytes(), signed(seq)?, step, piece, bytes.to_vec());
            driver.execute_unpaged(&self.put_piece, values).await.map_err(CqlError::from)?;
        }
        let moves = CheckpointMove { steps: self, driver, event, base, seq, step };
        if !carry_out(&moves, self.request_max).await? {
            return Err(StoreError::Conflict("another brought these views forward"));
        }
        Ok(self.finish(driver, event, seq, changes).await?)
    }

    async fn checkpoint(&self, driver: &Driver, event: EventId) -> Result<Checkpoint, CqlError> {
        Self::checkpoint_by(&self.read_checkpoint, driver, event).await
    }

    async fn checkpoint_by(read: &PreparedStatement, driver: &Driver, event: EventId) -> Result<Checkpoint, CqlError> {
        let answer = driver.execute_unpaged(read, (event.0.to_be_bytes(),)).await?;
        let Some(row) = answer.into_rows_result()?.maybe_first_row::<Row>()? else {
            return Ok(Checkpoint { seq: 0, step: None });
        };
        let mut columns = Columns::of(row);
        Ok(Checkpoint { seq: columns.count()?, step: Some(columns.uuid()?) })
    }

    /// Writes what a step that has happened says, then forgets it.
    async fn finish(&self, driver: &Driver, event: EventId, seq: u64, changes: &ViewChanges) -> Result<(), CqlError> {
        // What a step drops before it puts is of the half before.
        let (before, at) = (CqlValue::BigInt(2 * signed(seq)?), CqlValue::BigInt(2 * signed(seq)? + 1));
        let ViewChanges { put_holds, drop_holds, drop_all_holds, put_orders, put_tickets, sales } = changes;
        let mut writes: Vec<(&PreparedStatement, Vec<Value>)> = Vec::new();
        if *drop_all_holds {
            let shards = (0..SHARDS_COUNT).map(|shard| vec![Some(before.clone()), id(event.0), number(shard.into())]);
            writes.extend(shards.map(|values| (&self.drop_holds, values)));
        }
        for held in put_holds {
            let mut values = hold_key(event, held.hold);
            values.extend([text(&json(held)?), Some(at.clone())]);
            writes.push((&self.put_hold, values));
        }
        for hold in drop_holds {
            // Of two writes at one time a removal wins, so it counts as the later one.
            let values = std::iter::once(Some(at.clone())).chain(hold_key(event, *hold)).collect();
            writes.push((&self.drop_hold, values));
        }
        for order in put_orders {
            writes.push((&self.put_order, vec![id(order.order.0), text(&json(order)?), Some(at.clone())]));
        }
        for (ticket, order, line) in put_tickets {
            let values = vec![id(ticket.0), id(order.0), number((*line).into()), Some(at.clone())];
            writes.push((&self.put_ticket, values));
        }
        if let Some(sales) = sales {
            writes.push((&self.put_sales, vec![id(event.0), text(&json(sales)?), Some(at)]));
        }
        for some in writes.chunks(TOGETHER_MAX) {
            try_join_all(some.iter().map(|(statement, values)| driver.execute_unpaged(statement, values))).await?;
        }
        for some in put_orders.chunks(TOGETHER_MAX) {
            try_join_all(some.iter().map(|order| self.list_order(driver, order, seq))).await?;
        }
        driver.execute_unpaged(&self.remove_pieces, (event.0.to_be_bytes(), signed(seq)?)).await?;
        Ok(())
    }

    async fn list_order(&self, driver: &Driver, order: &OrderRecord, seq: u64) -> Result<(), CqlError> {
        let pointer =
            |owner| Pointer { list: 0, owner: Some(owner), at: order.begun_at.0, id: Name::Id(order.order.0) };
        self.of_event.put(driver, &pointer(Name::Id(order.event.0)), signed(seq)?).await?;
        self.of_buyer.put(driver, &pointer(Name::Id(order.buyer.0)), signed(seq)?).await
    }
}

/// Where a hold of an event is.
pub(super) fn hold_key(event: EventId, hold: HoldId) -> Vec<Value> {
    let shard = hold.0.to_be_bytes()[15] % SHARDS_COUNT;
    vec![id(event.0), number(shard.into()), id(hold.0)]
}

fn signed(seq: u64) -> Result<i64, CqlError> {
    i64::try_from(seq).map_err(|error| CqlError::Damaged(error.to_string()))
}
