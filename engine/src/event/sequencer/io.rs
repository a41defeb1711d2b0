//! What goes into a sequencer and what comes out.

use usher_core::UnixMillis;

use super::{ReloadReason, Request, SnapshotDue, Told};
use crate::event::load::{Doubt, LoadError, Loaded};
use crate::event::{AskError, Standing, View};
use crate::journal::{AppendError, SealedEntry, Tenure};

/// What happens to a sequencer.
pub enum Input<T> {
    /// Somebody asks.
    Arrived {
        /// What the answer is sent with.
        token: T,
        /// What is asked.
        request: Request,
    },
    /// Everything that was queued when [`Output::FlushSoon`] came has arrived.
    Flush,
    /// An append came back.
    Appended {
        /// The entry's number.
        seq: u64,
        /// How it went.
        outcome: Result<(), AppendError>,
    },
    /// A reload came back.
    Loaded(Box<Loaded>),
    /// A reload failed.
    LoadFailed(LoadError),
    /// The time asked for by [`Output::WakeAt`] has come.
    Tick,
    /// An operator says: try again, and forget what went wrong.
    Reset,
    /// The event's history turned out to be damaged; everybody is told so.
    Condemned(AskError),
    /// Another node runs the event now; everybody is told to ask again.
    StepDown,
    /// The event is being unloaded; whoever still comes is told that nothing was done.
    Close,
}

/// What a sequencer wants done, in this order.
pub enum Output<T> {
    /// Come back with [`Input::Flush`] after feeding in what is queued already.
    FlushSoon,
    /// Append this and come back with [`Input::Appended`].
    Append {
        /// The entry.
        sealed: SealedEntry,
        /// Commands whose facts it carries.
        commands_count: usize,
    },
    /// Answer somebody.
    Reply {
        /// What the answer is sent with.
        token: T,
        /// The answer.
        outcome: Result<Told, AskError>,
    },
    /// Show readers this state and tell followers its number.
    Publish(View),
    /// Keep this state.
    Snapshot(Box<SnapshotDue>),
    /// Wait, take the journal over or go on under `resume`, load, and come back with [`Input::Loaded`] or [`Input::LoadFailed`]. Until then
    /// nothing needs to be fed in, and timers may be dropped.
    Reload {
        /// Why.
        reason: ReloadReason,
        /// The pause before.
        after_ms: u64,
        /// The entry whose fate is to be found out.
        doubt: Option<Doubt>,
        /// The right to go on that certainly still stands: taking over writes, and there is no room to.
        resume: Option<Tenure>,
    },
    /// The event now runs like this.
    Stands(Standing),
    /// A command is refused from now on.
    Quarantined {
        /// How many are.
        quarantined_count: usize,
    },
    /// Come back with [`Input::Tick`] at this time; replaces an earlier wish.
    WakeAt(UnixMillis),
}
