//! How an append is made certain where the answer may be lost: a conditional write, a serial read of the row it was
//! for, and the identical write again.
//!
//! A state machine without I/O: it says what to do, hears what came of it, and ends in one of three words. The adapter
//! that talks to a CQL cluster and the simulator drive this same code. What it rests on: a write is applied only if its
//! row is free and the epoch is its own; a serial read sees every write that was or will be acknowledged, and closes
//! the way for one that had not got through; the identical row may be sent any number of times.
//!
//! A refusal is never believed by itself: the row that comes with it is not always the one asked for, and an earlier
//! try of the same batch may have been the one that won. Guessing after a timeout was refused: both guesses are wrong
//! half of the time.

use usher_core::UnixMillis;

use super::EntryHash;

/// What came of sending the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The condition held and the row is there.
    Applied,
    /// The condition did not hold.
    Refused,
    /// A timeout of any kind, a broken connection, an overloaded server: perhaps it is there, perhaps it comes to be.
    Uncertain(String),
}

/// What the serial read of the row found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A batch is in the row.
    Batch {
        /// Its hash.
        hash: EntryHash,
    },
    /// The row is free; the partition is owned under this epoch.
    Free {
        /// The current epoch.
        epoch: u64,
    },
    /// The read failed.
    Uncertain(String),
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Send the row, the same bytes as ever, and come back with [`Append::sent`].
    Send,
    /// Read the row serially and come back with [`Append::found`].
    ReadBack,
    /// The end: it is committed.
    Committed,
    /// The end: another owner has the row or the epoch; this batch is not in the journal and never will be.
    Fenced,
    /// The end: time is up and nobody can say. Stop, take over under a new epoch, and look.
    Unknown(String),
}

/// One append on its way to certainty.
#[derive(Debug, Clone)]
pub struct Append {
    hash: EntryHash,
    epoch: u64,
    deadline: UnixMillis,
    last_doubt: String,
}

impl Append {
    /// The append of a batch by the owner under `epoch`. No new try begins after `deadline`.
    #[must_use]
    pub fn new(hash: EntryHash, epoch: u64, deadline: UnixMillis) -> Self {
        Self { hash, epoch, deadline, last_doubt: String::new() }
    }

    /// How it begins.
    #[must_use]
    pub fn start(&self) -> Next {
        Next::Send
    }

    /// What follows from an answer to the row.
    #[must_use]
    pub fn sent(&mut self, sent: Sent) -> Next {
        match sent {
            Sent::Applied => Next::Committed,
            Sent::Refused => Next::ReadBack,
            Sent::Uncertain(why) => {
                self.last_doubt = why;
                Next::ReadBack
            }
        }
    }

    /// What follows from a look at the row.
    #[must_use]
    pub fn found(&mut self, now: UnixMillis, found: Found) -> Next {
        match found {
            Found::Batch { hash } if hash == self.hash => Next::Committed,
            Found::Batch { .. } => Next::Fenced,
            Found::Free { epoch } if epoch != self.epoch => Next::Fenced,
            Found::Free { .. } => self.unless_late(now, Next::Send),
            Found::Uncertain(why) => {
                self.last_doubt = why;
                self.unless_late(now, Next::ReadBack)
            }
        }
    }

    fn unless_late(&self, now: UnixMillis, next: Next) -> Next {
        if now < self.deadline { next } else { Next::Unknown(self.last_doubt.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: EntryHash = [1; 32];
    const OTHER: EntryHash = [2; 32];
    const EARLY: UnixMillis = UnixMillis(10);
    const LATE: UnixMillis = UnixMillis(100);

    fn append() -> Append {
        Append::new(MINE, 7, LATE)
    }

    #[test]
    fn only_the_row_itself_says_what_a_refusal_means() {
        assert_eq!(append().start(), Next::Send);
        assert_eq!(append().sent(Sent::Applied), Next::Committed);
        assert_eq!(append().sent(Sent::Refused), Next::ReadBack);
        assert_eq!(append().sent(Sent::Uncertain("timeout".to_owned())), Next::ReadBack);
    }

    #[test]
    fn a_look_ends_in_certainty_or_in_the_same_row_again() {
        for (found, expected) in [
            (Found::Batch { hash: MINE }, Next::Committed),
            (Found::Batch { hash: OTHER }, Next::Fenced),
            (Found::Free { epoch: 8 }, Next::Fenced),
            (Found::Free { epoch: 7 }, Next::Send),
            (Found::Uncertain("broken".to_owned()), Next::ReadBack),
        ] {
            assert_eq!(append().found(EARLY, found.clone()), expected, "{found:?}");
        }
    }

    #[test]
    fn time_ends_doubt_but_no_certainty() {
        let mut late = append();
        assert_eq!(late.sent(Sent::Uncertain("timeout".to_owned())), Next::ReadBack);
        assert_eq!(late.found(LATE, Found::Free { epoch: 7 }), Next::Unknown("timeout".to_owned()));
        assert_eq!(late.found(LATE, Found::Uncertain("broken".to_owned())), Next::Unknown("broken".to_owned()));
        assert_eq!(late.found(LATE, Found::Batch { hash: MINE }), Next::Committed);
        assert_eq!(late.found(LATE, Found::Free { epoch: 8 }), Next::Fenced);
    }
}
