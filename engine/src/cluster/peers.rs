//! What nodes say to each other: a request of one event, and what the one that is asked knows.
//!
//! Postcard counts variants instead of naming them. So whoever changes [`Request`], [`Reply`] or anything in them in
//! another way than by a new last variant gives the route that carries them another version: during an upgrade nodes of
//! both programs run beside each other.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use usher_core::EventId;

use super::NodeLease;
use crate::event::{AskError, OpenError, Request, Told};

/// The answer of the node that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// What the event said.
    Told(Told),
    /// What came of the ask instead.
    Refused(AskError),
    /// The event cannot be opened there, nor anywhere.
    Closed(OpenError),
    /// The event is not this node's: nothing was done.
    NotOwner,
}

/// No reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForwardError {
    /// It never left, or was turned away at the door: nothing was done.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It left, and nothing came back: perhaps it was done.
    #[error("no answer: {0}")]
    Unanswered(String),
}

impl Reply {
    /// As bytes.
    ///
    /// # Errors
    /// Never for what this program makes.
    pub fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_stdvec(self)
    }

    /// Reads it.
    ///
    /// # Errors
    /// It is none, or that of another version.
    pub fn decode(bytes: &[u8]) -> Result<Self, postcard::Error> {
        postcard::from_bytes(bytes)
    }
}

/// A request as bytes.
///
/// # Errors
/// Never for what this program makes.
pub fn encode_request(request: &Request) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_stdvec(request)
}

/// Reads a request.
///
/// # Errors
/// It is none, or that of another version.
pub fn decode_request(bytes: &[u8]) -> Result<Request, postcard::Error> {
    postcard::from_bytes(bytes)
}

/// Hands a request to another node and brings its reply. Within two seconds there is an answer.
pub type Forward =
    Arc<dyn Fn(NodeLease, EventId, Request) -> BoxFuture<'static, Result<Reply, ForwardError>> + Send + Sync>;

#[cfg(test)]
mod tests {
    use usher_core::{Ask, BuyerId, Command, HoldId, PlaceHold, Rejection, SeatIdx};

    use super::*;

    #[test]
    fn what_nodes_say_to_each_other_survives_the_way() {
        let asks =
            vec![Ask::Seats(vec![SeatIdx(3)]), Ask::Best { quantity: 2, tier: None, section: None, accessible: true }];
        let place = PlaceHold { hold: HoldId(u128::MAX), buyer: BuyerId(7), asks, seed: u64::MAX };
        for request in [Request::Command(Command::PlaceHold(place)), Request::LookHold(HoldId(9))] {
            assert_eq!(decode_request(&encode_request(&request).unwrap()).unwrap(), request);
        }
        let refused = AskError::Rejected(Rejection::SeatsTaken { seats: vec![SeatIdx(1)] });
        for reply in [Reply::Refused(refused), Reply::NotOwner, Reply::Closed(OpenError::Refused("damaged".to_owned()))]
        {
            assert_eq!(Reply::decode(&reply.encode().unwrap()).unwrap(), reply);
        }
    }
}
