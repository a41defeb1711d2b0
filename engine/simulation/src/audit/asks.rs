//! What was asked, and what became of it: which facts the journal may contain, and which it must.
//!
//! A fact is justified by an ask about the same subject that is open, was answered with a yes, or whose answer nobody
//! heard. An ask that was answered *not applied* justifies nothing: that is what the word means.

use std::collections::BTreeMap;

use usher_core::{Command, HoldId, OrderId, RefundId};
use usher_engine::event::AskError;
use usher_engine::event::sequencer::Request;

/// An ask.
pub(crate) type AskId = u64;

/// What an ask is about: asks with equal subjects may have led to the same fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Hold(HoldId),
    Extension(HoldId),
    Release(HoldId),
    Checkout(OrderId),
    Confirmation(OrderId),
    Capture(OrderId),
    Failure(OrderId, u32),
    CaptureFailure(OrderId),
    Cancellation(OrderId),
    Refund(RefundId),
    RefundPaid(RefundId),
    Publication,
    Opening,
    Pause,
    Resumption,
    Closing,
    CallOff,
    Prices,
    Block,
    Unblock,
}

/// The subject of a command; tidying is nobody's ask.
pub(super) fn subject_of(command: &Command) -> Option<Subject> {
    Some(match command {
        Command::Publish { .. } => Subject::Publication,
        Command::Open => Subject::Opening,
        Command::Pause => Subject::Pause,
        Command::Resume => Subject::Resumption,
        Command::Close => Subject::Closing,
        Command::CancelEvent => Subject::CallOff,
        Command::ChangePrices { .. } => Subject::Prices,
        Command::BlockSeats { .. } => Subject::Block,
        Command::UnblockSeats { .. } => Subject::Unblock,
        Command::PlaceHold(place) => Subject::Hold(place.hold),
        Command::ExtendHold { hold, .. } => Subject::Extension(*hold),
        Command::ReleaseHold { hold, .. } => Subject::Release(*hold),
        Command::ExpireDue { .. } => return None,
        Command::BeginCheckout { order, .. } => Subject::Checkout(*order),
        Command::ConfirmOrder { order, .. } => Subject::Confirmation(*order),
        Command::RecordCapture { order, .. } => Subject::Capture(*order),
        Command::RecordPaymentFailure { order, attempt } => Subject::Failure(*order, *attempt),
        Command::RecordCaptureFailure { order } => Subject::CaptureFailure(*order),
        Command::CancelOrder { order, .. } => Subject::Cancellation(*order),
        Command::Refund { refund, .. } => Subject::Refund(*refund),
        Command::RecordRefundPaid { refund, .. } => Subject::RefundPaid(*refund),
    })
}

/// An ask under way.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) request: Request,
    /// The journal's end when it was asked.
    pub(super) head_seq: u64,
}

#[derive(Debug, Default)]
struct Standing {
    open_count: u32,
    /// Asks that may have led to a fact: answered with a yes, or nobody knows.
    possible_count: u32,
    /// The last entry with such a fact.
    done_seq: u64,
    /// What the last one asked for, for facts that must be as asked.
    command: Option<Command>,
}

/// All asks of a world.
#[derive(Debug, Default)]
pub(super) struct Asks {
    asked_count: AskId,
    open: BTreeMap<AskId, Ask>,
    standings: BTreeMap<Subject, Standing>,
}

impl Asks {
    pub(super) fn asked(&mut self, request: &Request, head_seq: u64) -> AskId {
        self.asked_count += 1;
        if let Some(subject) = subject_asked(request) {
            let standing = self.standings.entry(subject).or_default();
            standing.open_count += 1;
            if let Request::Command(command) = request {
                standing.command.get_or_insert_with(|| command.clone());
            }
        }
        self.open.insert(self.asked_count, Ask { request: request.clone(), head_seq });
        self.asked_count
    }

    pub(super) fn unanswered(&mut self, ask: AskId) {
        if let Some(subject) = self.close(ask).and_then(|ask| subject_asked(&ask.request)) {
            self.standings.entry(subject).or_default().possible_count += 1;
        }
    }

    /// Closes an ask that was answered; what it was, and what is wrong with a *not done*.
    pub(super) fn answered(&mut self, ask: AskId, error: Option<&AskError>) -> Option<(Ask, Option<String>)> {
        let ask = self.close(ask)?;
        let Some(subject) = subject_asked(&ask.request) else { return Some((ask, None)) };
        let standing = self.standings.entry(subject).or_default();
        let certainly_not = match error {
            None | Some(AskError::OutcomeUnknown) => false,
            Some(
                AskError::Rejected(_)
                | AskError::Busy { .. }
                | AskError::NotApplied
                | AskError::StorageFull
                | AskError::Quarantined
                | AskError::Unavailable(_),
            ) => true,
        };
        if !certainly_not {
            standing.possible_count += 1;
            return Some((ask, None));
        }
        let alone = standing.open_count == 0 && standing.possible_count == 0;
        let done = alone && standing.done_seq > ask.head_seq;
        let what = done.then(|| format!("{subject:?} was told {error:?}, entry {} has it", standing.done_seq));
        Some((ask, what))
    }

    /// Notes a fact about a subject; tells whether somebody may have asked for it.
    pub(super) fn done(&mut self, subject: Subject, seq: u64) -> bool {
        let standing = self.standings.entry(subject).or_default();
        standing.done_seq = seq;
        standing.open_count + standing.possible_count > 0
    }

    /// Somebody asks, or may have asked, about the subject.
    pub(super) fn is_possible(&self, subject: Subject) -> bool {
        self.standings.get(&subject).is_some_and(|standing| standing.open_count + standing.possible_count > 0)
    }

    /// What was first asked about a subject.
    pub(super) fn command(&self, subject: Subject) -> Option<&Command> {
        self.standings.get(&subject)?.command.as_ref()
    }

    fn close(&mut self, ask: AskId) -> Option<Ask> {
        let ask = self.open.remove(&ask)?;
        if let Some(subject) = subject_asked(&ask.request) {
            self.standings.entry(subject).or_default().open_count -= 1;
        }
        Some(ask)
    }
}

fn subject_asked(request: &Request) -> Option<Subject> {
    match request {
        Request::Command(command) => subject_of(command),
        Request::LookHold(_) | Request::LookOrder(_) => None,
    }
}
