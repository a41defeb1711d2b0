//! What a node remembers of jobs: which it has, by which entries, and when the durable rows must be looked through.
//!
//! The stream deals out what is due at once. Whatever it does not know of (a job put off, a lease that ended with its
//! worker, an entry that Redis lost) is in the durable rows alone and found by a sweep through them. Times that this
//! node knows make a sweep punctual; for all others there is one each so often.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use usher_core::UnixMillis;

/// Times remembered; what is due at a forgotten one waits for the next sweep.
pub(super) const DUES_MAX: usize = 1_024;

/// The id of an entry in the stream.
pub(super) type EntryId = String;

/// A job that this node has.
#[derive(Debug)]
struct Taken {
    /// The entry that dealt it; none when a sweep found it.
    entry: Option<EntryId>,
    leased_until: UnixMillis,
}

/// One node's knowledge of jobs.
#[derive(Debug)]
pub(super) struct Ledger {
    sweep_every_ms: u64,
    swept_at: Option<UnixMillis>,
    /// Wishes for a sweep, counted, so that one that comes during a sweep outlives it.
    wished_count: u64,
    fulfilled_count: u64,
    taken: HashMap<String, Taken>,
    dues: BTreeSet<UnixMillis>,
}

impl Ledger {
    /// Of a node that starts: it wants a sweep, since it knows nothing.
    pub(super) fn new(sweep_every: Duration) -> Self {
        let sweep_every_ms = u64::try_from(sweep_every.as_millis()).unwrap_or(u64::MAX);
        let (taken, dues) = (HashMap::new(), BTreeSet::new());
        Self { sweep_every_ms, swept_at: None, wished_count: 0, fulfilled_count: 0, taken, dues }
    }

    /// Something may have been lost: sweep before anything else.
    pub(super) fn want_sweep(&mut self) {
        self.wished_count += 1;
    }

    /// Whether the durable rows are to be looked through now.
    pub(super) fn is_sweep_due(&self, now: UnixMillis) -> bool {
        // A clock that was set back must not silence it.
        let is_long_ago = |at: UnixMillis| at > now || now.ms_since(at) >= self.sweep_every_ms;
        self.wished_count > self.fulfilled_count
            || self.swept_at.is_none_or(is_long_ago)
            || self.dues.first().is_some_and(|due| *due <= now)
            || self.taken.values().any(|taken| taken.leased_until <= now)
    }

    /// A sweep is about to look at what is due now. Another is wanted until [`Ledger::swept_all`] gets what this gives.
    pub(super) fn sweeps(&mut self, now: UnixMillis) -> u64 {
        self.want_sweep();
        self.swept_at = Some(now);
        self.dues = self.dues.split_off(&now.plus_ms(1));
        self.taken.retain(|_, taken| taken.leased_until > now);
        self.wished_count
    }

    /// That sweep has found all there was.
    pub(super) fn swept_all(&mut self, wish: u64) {
        self.fulfilled_count = self.fulfilled_count.max(wish);
    }

    /// There is something to be found at this time.
    pub(super) fn due_at(&mut self, at: UnixMillis) {
        self.dues.insert(at);
        if self.dues.len() > DUES_MAX {
            self.dues.pop_last();
        }
    }

    /// This node has the job.
    pub(super) fn took(&mut self, id: &str, entry: Option<EntryId>, leased_until: UnixMillis) {
        self.taken.insert(id.to_owned(), Taken { entry, leased_until });
    }

    /// An entry names a job that runs. Gives the entry back if it may go, since the job has another: one that belongs to
    /// a job of another node stays, to be looked at when that node should be done.
    pub(super) fn entry_of_running(&mut self, id: &str, entry: EntryId) -> Option<EntryId> {
        let taken = self.taken.get_mut(id)?;
        match &taken.entry {
            None => {
                taken.entry = Some(entry);
                None
            }
            Some(known) => (*known != entry).then_some(entry),
        }
    }

    /// The node is done with the job, for good or for now; the entry that may go.
    pub(super) fn let_go(&mut self, id: &str) -> Option<EntryId> {
        self.taken.remove(id).and_then(|taken| taken.entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swept(at: i64) -> Ledger {
        let mut ledger = Ledger::new(Duration::from_millis(1_000));
        let wish = ledger.sweeps(UnixMillis(at));
        ledger.swept_all(wish);
        ledger
    }

    fn due(ledger: &Ledger, at: i64) -> bool {
        ledger.is_sweep_due(UnixMillis(at))
    }

    #[test]
    fn a_node_sweeps_when_it_starts_and_then_each_so_often() {
        assert!(due(&Ledger::new(Duration::from_millis(1_000)), 0));
        let ledger = swept(100);
        assert!(!due(&ledger, 100) && !due(&ledger, 1_099) && due(&ledger, 1_100));
        assert!(due(&ledger, 99), "the clock was set back");
    }

    #[test]
    fn a_sweep_that_found_as_much_as_it_could_take_is_followed_by_another() {
        let mut ledger = swept(100);
        let wish = ledger.sweeps(UnixMillis(200));
        assert!(due(&ledger, 200));
        ledger.swept_all(wish);
        assert!(!due(&ledger, 200));
    }

    #[test]
    fn what_is_lost_during_a_sweep_is_swept_for_again() {
        let mut ledger = swept(100);
        let wish = ledger.sweeps(UnixMillis(200));
        ledger.want_sweep();
        ledger.swept_all(wish);
        assert!(due(&ledger, 200));
    }

    #[test]
    fn known_times_and_the_ends_of_leases_make_a_sweep_due() {
        let mut ledger = swept(100);
        ledger.due_at(UnixMillis(300));
        ledger.took("a", None, UnixMillis(400));
        assert!(!due(&ledger, 299) && due(&ledger, 300));
        let wish = ledger.sweeps(UnixMillis(300));
        ledger.swept_all(wish);
        assert!(!due(&ledger, 399) && due(&ledger, 400));
        assert_eq!(ledger.let_go("a"), None);
        assert!(!due(&ledger, 400));
    }

    #[test]
    fn as_many_times_are_remembered_as_may_be_and_the_latest_are_forgotten() {
        let mut ledger = swept(0);
        (0..3_000).rev().for_each(|at| ledger.due_at(UnixMillis(at)));
        assert_eq!(ledger.dues.len(), DUES_MAX);
        assert_eq!(ledger.dues.first(), Some(&UnixMillis(0)));
    }

    #[test]
    fn an_entry_goes_when_its_job_has_another_and_stays_when_another_node_has_the_job() {
        let mut ledger = swept(0);
        assert_eq!(ledger.entry_of_running("of another node", "1-0".to_owned()), None);
        ledger.took("a", None, UnixMillis(9));
        assert_eq!(ledger.entry_of_running("a", "2-0".to_owned()), None, "the job has it now");
        assert_eq!(ledger.entry_of_running("a", "2-0".to_owned()), None);
        assert_eq!(ledger.entry_of_running("a", "3-0".to_owned()), Some("3-0".to_owned()));
        assert_eq!(ledger.let_go("a"), Some("2-0".to_owned()));
    }
}
