//! Carrying out a conditional write of the stores until it is certain what became of it.
//!
//! What is done after a lost answer is decided by [`crate::journal::append_protocol`], the same that makes appends
//! certain and that the simulator drives: look by consensus, and where nothing has happened send the identical write
//! again, to another node. A write names itself (its row's `writer`, its step), so that a look knows it.
//!
//! Believing the look alone and not sending again was refused: a request that hangs in a node's queue can still be
//! carried out after the look, and the caller, who was told *no*, would take its own write for another's.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use scylla::statement::prepared::PreparedStatement;
use tokio::time::timeout;
use usher_core::UnixMillis;

use super::CqlError;
use super::metrics::WRITE_DOUBTS;
use super::routing::Elsewhere;
use crate::clock::Clock;
use crate::journal::append_protocol::{Append, Found, Next, Sent};

/// The pause after the first doubt, and how often it doubles.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_DOUBLINGS_MAX: u32 = 4;
/// Of the whole time, one try has two fifths: a node that hangs costs one, and there is time for another and a look.
const TRY_FIFTHS: u32 = 2;
/// What the protocol tells writes by; a store's look says itself whose write it sees.
const MINE: [u8; 32] = [1; 32];
const OTHERS: [u8; 32] = [0; 32];
/// Rows have no owner and no epoch.
const EPOCH: u64 = 0;

/// One try: which nodes to leave out, and how long to wait.
pub(super) struct Try {
    pub(super) route: Arc<Elsewhere>,
    pub(super) within: Duration,
}

impl Try {
    /// The statement, sent so.
    pub(super) fn of(&self, statement: &PreparedStatement) -> PreparedStatement {
        let mut statement = statement.clone();
        statement.set_load_balancing_policy(Some(Arc::clone(&self.route) as _));
        statement.set_request_timeout(Some(self.within));
        statement
    }
}

/// What a look by consensus says of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It was carried out.
    Mine,
    /// Nothing was: its condition still holds.
    Free,
    /// Another's was: its condition never holds again.
    Others,
    /// So much has been written since that nobody can say any more whether it was among it.
    Past,
}

/// A write that can be sent any number of times and be known again.
pub(super) trait Conditional: Sync {
    /// Sends it; whether its condition held, or nobody knows.
    fn send(&self, how: &Try) -> impl Future<Output = Result<bool, CqlError>> + Send;

    /// Looks for it by consensus, which also ends what is under way.
    fn look(&self) -> impl Future<Output = Result<Seen, CqlError>> + Send;
}

/// Sends it until it is certain whether it was carried out, for at most `whole`.
///
/// # Errors
/// Nobody can say.
pub(super) async fn carry_out(write: &impl Conditional, whole: Duration) -> Result<bool, CqlError> {
    let clock = Clock::system();
    let deadline = clock.now().plus_ms(u64::try_from(whole.as_millis()).unwrap_or(u64::MAX));
    let route = Arc::new(Elsewhere::default());
    let mut protocol = Append::new(MINE, EPOCH, deadline);
    let (mut next, mut doubts_count) = (protocol.start(), 0);
    let mut was_unanswered = false;
    loop {
        let left = remaining(&clock, deadline);
        next = match next {
            Next::Send => {
                let how = Try { route: Arc::clone(&route), within: left.min(whole * TRY_FIFTHS / 5) };
                protocol.sent(match write.send(&how).await {
                    Ok(true) => Sent::Applied,
                    Ok(false) => Sent::Refused,
                    Err(error) => {
                        tracing::debug!(%error, "a conditional write was not answered, looking for it");
                        counter!(WRITE_DOUBTS).increment(1);
                        was_unanswered = true;
                        Sent::Uncertain(error.to_string())
                    }
                })
            }
            Next::ReadBack => {
                let found = match timeout(left, write.look()).await {
                    Ok(Ok(Seen::Mine)) => Found::Batch { hash: MINE },
                    Ok(Ok(Seen::Others)) => Found::Batch { hash: OTHERS },
                    Ok(Ok(Seen::Free)) => Found::Free { epoch: EPOCH },
                    // It was sent once, and that was refused: what is there now does not matter.
                    Ok(Ok(Seen::Past)) if !was_unanswered => Found::Batch { hash: OTHERS },
                    Ok(Ok(Seen::Past)) => {
                        return Err(CqlError::Unavailable("others have written since; the outcome is lost".to_owned()));
                    }
                    Ok(Err(error)) => Found::Uncertain(error.to_string()),
                    Err(_) => Found::Uncertain("no answer in time".to_owned()),
                };
                if !matches!(found, Found::Batch { .. }) {
                    pause(doubts_count, left).await;
                    doubts_count += 1;
                }
                protocol.found(clock.now(), found)
            }
            Next::Committed => return Ok(true),
            Next::Fenced => return Ok(false),
            Next::Unknown(why) => return Err(CqlError::Unavailable(why)),
        };
    }
}

fn remaining(clock: &Clock, deadline: UnixMillis) -> Duration {
    Duration::from_millis(deadline.ms_since(clock.now()))
}

/// Waits a little before asking again; longer each time, and never longer than there is left.
pub(super) async fn pause(doubts_count: u32, left: Duration) {
    let pause = PAUSE_MIN * 2u32.pow(doubts_count.min(PAUSE_DOUBLINGS_MAX));
    tokio::time::sleep(pause.min(left)).await;
}
