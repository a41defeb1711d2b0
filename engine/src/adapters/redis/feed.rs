//! The feed between nodes, over a Redis channel.
//!
//! Each node tells what it committed and hears what the others did. Of an event only the newest number is told, at most
//! once each [`TELL_EVERY`], by a task: whoever commits leaves it in a table and goes on. A channel keeps nothing, so
//! whoever was away may have missed some, and a subscription that is made anew says so to its listeners. One is, too,
//! after Redis was in trouble: others may not have got through meanwhile. A stream was refused: what it would keep is in
//! the journal.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_redis::redis::{Msg, Pipeline};
use futures_util::StreamExt;
use metrics::counter;
use tokio::sync::{Notify, broadcast};
use tokio::task::AbortHandle;
use usher_core::EventId;

use super::client::{Ask, Redis};
use super::failure::No;
use super::metrics::FEED_NOTICES;
use crate::feed::{Feed, NOTICES_BEHIND_MAX, Notice};
use crate::ids;

/// How often one event's newest number is told at most.
const TELL_EVERY: Duration = Duration::from_millis(50);
/// Events that wait to be told; of more, the others are only told that they missed some.
const WAITING_MAX: usize = 10_000;
/// How often a silent subscription is looked after.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The pause before what failed is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// [`Feed`] over Redis.
pub struct RedisFeed {
    parts: Arc<Parts>,
    background: [AbortHandle; 2],
}

struct Parts {
    redis: Redis,
    channel: String,
    /// Who tells, so that a node does not hear itself.
    node: u128,
    waiting: Mutex<Waiting>,
    wake: Notify,
    heard: broadcast::Sender<Notice>,
}

#[derive(Default)]
struct Waiting {
    newest: HashMap<EventId, u64>,
    missed: bool,
}

impl Waiting {
    /// Keeps the newest of each event, and of too many events that something was.
    fn add(&mut self, event: EventId, seq: u64) {
        let is_full = self.newest.len() >= WAITING_MAX;
        match self.newest.entry(event) {
            Entry::Occupied(mut newest) => *newest.get_mut() = seq.max(*newest.get()),
            Entry::Vacant(_) if is_full => self.missed = true,
            Entry::Vacant(place) => drop(place.insert(seq)),
        }
    }
}

impl RedisFeed {
    /// The feed of one node. Its tasks run where Redis' connections live, until it is dropped.
    #[must_use]
    pub fn open(redis: Redis) -> Self {
        let home = redis.home().clone();
        let parts = Arc::new(Parts {
            channel: redis.key("feed"),
            redis,
            node: ids::fresh(),
            waiting: Mutex::default(),
            wake: Notify::new(),
            heard: broadcast::Sender::new(NOTICES_BEHIND_MAX),
        });
        let telling = home.spawn(tell(Arc::clone(&parts))).abort_handle();
        let listening = home.spawn(listen(Arc::clone(&parts))).abort_handle();
        Self { parts, background: [telling, listening] }
    }
}

impl Drop for RedisFeed {
    fn drop(&mut self) {
        self.background.iter().for_each(AbortHandle::abort);
    }
}

impl Feed for RedisFeed {
    fn committed(&self, event: EventId, seq: u64) {
        self.parts.waiting.lock().unwrap_or_else(PoisonError::into_inner).add(event, seq);
        self.parts.wake.notify_one();
    }

    fn notices(&self) -> broadcast::Receiver<Notice> {
        self.parts.heard.subscribe()
    }
}

/// Tells what waits.
async fn tell(parts: Arc<Parts>) {
    loop {
        parts.wake.notified().await;
        let told = std::mem::take(&mut *parts.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let mut pipeline = Pipeline::new();
        let node = format!("{:032x}", parts.node);
        for (event, seq) in &told.newest {
            let payload = format!("{node} {:032x} {seq}", event.0);
            pipeline.cmd("PUBLISH").arg(&parts.channel).arg(payload).ignore();
        }
        if told.missed {
            pipeline.cmd("PUBLISH").arg(&parts.channel).arg(format!("{node} missed")).ignore();
        }
        let mut pause = TELL_EVERY;
        if !pipeline.is_empty() && parts.redis.ask::<()>("feed", Ask::Several(pipeline)).await.is_err() {
            // They are told later, unless newer ones are.
            let mut waiting = parts.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.missed |= told.missed;
            told.newest.into_iter().for_each(|(event, seq)| waiting.add(event, seq));
            parts.wake.notify_one();
            pause = AGAIN_AFTER;
        }
        tokio::time::sleep(pause).await;
    }
}

/// Hears what others tell, again and again.
async fn listen(parts: Arc<Parts>) {
    loop {
        if !parts.redis.health().is_down() {
            // Why it ended is known to the health of Redis, or will be.
            let _ = hear(&parts).await;
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

/// Hears what others tell, until it cannot.
async fn hear(parts: &Parts) -> Result<(), No> {
    let listening = parts.redis.subscription(&parts.channel).await?;
    // Whatever was told before is past.
    parts.say(Notice::Missed);
    let (_sink, mut messages) = listening.split();
    loop {
        match tokio::time::timeout(LOOK_EVERY, messages.next()).await {
            Ok(Some(message)) => {
                if let Some(notice) = heard(&message, parts.node) {
                    parts.say(notice);
                }
            }
            Ok(None) => return Err(No::Failed("the connection ended".to_owned())),
            Err(_) if parts.redis.health().is_down() => return Err(No::HeldBack),
            Err(_) => {}
        }
    }
}

impl Parts {
    fn say(&self, notice: Notice) {
        counter!(FEED_NOTICES, "notice" => match notice {
            Notice::Committed { .. } => "committed",
            Notice::Missed => "missed",
        })
        .increment(1);
        // Nobody may be listening.
        let _ = self.heard.send(notice);
    }
}

/// What another node told; nothing when it was this one. What cannot be understood may have meant anything.
fn heard(message: &Msg, node: u128) -> Option<Notice> {
    let payload: String = message.get_payload().unwrap_or_default();
    notice(&payload, node)
}

fn notice(payload: &str, node: u128) -> Option<Notice> {
    let number = |word: Option<&str>| u128::from_str_radix(word?, 16).ok();
    let mut words = payload.split(' ');
    if number(words.next()) == Some(node) {
        return None;
    }
    let event = number(words.next());
    let seq = words.next().and_then(|word| word.parse().ok());
    match event.zip(seq) {
        Some((event, seq)) => Some(Notice::Committed { event: EventId(event), seq }),
        None => Some(Notice::Missed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_hears_the_others_and_not_itself() {
        let (event, seq) = (EventId(0xe), 7);
        let told = format!("{:032x} {:032x} {seq}", 1, event.0);
        assert_eq!(notice(&told, 1), None);
        assert_eq!(notice(&told, 2), Some(Notice::Committed { event, seq }));
        for unclear in ["", "nonsense", "00000000000000000000000000000001 missed", "1 e", "1 e x"] {
            assert_eq!(notice(unclear, 2), Some(Notice::Missed), "{unclear}");
        }
    }

    #[test]
    fn the_newest_of_an_event_waits_and_no_more_events_than_may() {
        let mut waiting = Waiting::default();
        for seq in [3, 5, 4] {
            waiting.add(EventId(1), seq);
        }
        assert_eq!((waiting.newest[&EventId(1)], waiting.missed), (5, false));
        (0..20_000).for_each(|event| waiting.add(EventId(event), 1));
        assert_eq!((waiting.newest.len(), waiting.missed), (WAITING_MAX, true));
    }
}
