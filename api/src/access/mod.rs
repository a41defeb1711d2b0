//! Who may do what: one [`authorize`] in front of everything.
//!
//! A [`Subject`] is what a request proves about its sender: perhaps a buyer, perhaps somebody logged in, often both.
//! Every route declares an [`Access`]; no handler runs before it is checked, and the desk checks again with the object
//! once it is loaded. What is somebody else's is *not found*, so that ids tell nothing.

pub mod csrf;
pub mod logins;
pub mod passwords;
pub mod rate;
pub(crate) mod seal;
pub mod subject;
pub mod tokens;

use usher_core::{BuyerId, OrganizerId};
use usher_engine::accounts::Role;
use usher_engine::catalogue::{EventRecord, EventState};

use crate::problem::{Problem, kinds};

pub use subject::{Login, LoginVia, Subject};
pub use tokens::{OrderAccess, SecretToken};

/// What a route asks of its sender before anything is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing.
    Anyone,
    /// To be a buyer.
    Buyer,
    /// To be logged in; the object must be its own organizer's.
    Organizer,
    /// To be logged in as an admin.
    Admin,
    /// A signature in the request itself, checked by the handler over the raw body (payment provider, sandbox API).
    Signed,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// See what is public about it.
    Look,
    /// Hold and buy places.
    Buy,
    /// See an order with its tickets.
    SeeOrder,
    /// Call an order off.
    CancelOrder,
    /// See and change an organizer's own things.
    Organize,
    /// Run the house.
    Operate,
}

/// What it is to be done to.
#[derive(Debug, Clone, Copy)]
pub enum Object<'a> {
    /// Nothing in particular.
    House,
    /// An event.
    Event(&'a EventRecord),
    /// An order.
    Order {
        /// Who bought.
        buyer: BuyerId,
        /// Whose event it is for.
        organizer: OrganizerId,
        /// The request shows the order's secret.
        access_shown: bool,
    },
}

/// Allows it, or tells why not.
///
/// # Errors
/// *Login required* where logging in could help, *not found* for what is somebody else's, *forbidden* for the rest.
pub fn authorize(subject: &Subject, action: Action, object: Object<'_>) -> Result<(), Problem> {
    match (action, object) {
        (Action::Look, Object::House) => Ok(()),
        (Action::Look, Object::Event(event)) => {
            if event.state != EventState::Draft || owns(subject, event.organizer) {
                Ok(())
            } else {
                not_found()
            }
        }
        (Action::Buy, Object::House) => subject.buyer().map(drop),
        (Action::Buy, Object::Event(event)) => {
            subject.buyer()?;
            authorize(subject, Action::Look, Object::Event(event))
        }
        (Action::SeeOrder | Action::CancelOrder | Action::Look, Object::Order { buyer, organizer, access_shown }) => {
            let its_buyer = subject.buyer == Some(buyer) || access_shown;
            let its_seller = action != Action::CancelOrder && owns(subject, organizer);
            if its_buyer || its_seller { Ok(()) } else { Err(Problem::of(&kinds::UNKNOWN_ORDER)) }
        }
        (Action::SeeOrder | Action::CancelOrder, Object::House) => Ok(()),
        (Action::Organize, Object::House) => subject.login().map(drop),
        (Action::Organize, Object::Event(event)) => {
            subject.login()?;
            if owns(subject, event.organizer) { Ok(()) } else { not_found() }
        }
        (Action::Organize, Object::Order { organizer, .. }) => {
            subject.login()?;
            if owns(subject, organizer) { Ok(()) } else { Err(Problem::of(&kinds::UNKNOWN_ORDER)) }
        }
        (Action::Operate, _) => match subject.login()?.role {
            Role::Admin => Ok(()),
            Role::Organizer => Err(Problem::of(&kinds::FORBIDDEN)),
        },
        (Action::SeeOrder | Action::CancelOrder, Object::Event(_)) | (Action::Buy, Object::Order { .. }) => {
            Err(Problem::of(&kinds::FORBIDDEN))
        }
    }
}

/// The check that stands before a handler of a route of that class.
///
/// # Errors
/// As [`authorize`].
pub fn authorize_route(subject: &Subject, access: Access) -> Result<(), Problem> {
    match access {
        Access::Anyone | Access::Signed => authorize(subject, Action::Look, Object::House),
        Access::Buyer => authorize(subject, Action::Buy, Object::House),
        Access::Organizer => authorize(subject, Action::Organize, Object::House),
        Access::Admin => authorize(subject, Action::Operate, Object::House),
    }
}

fn owns(subject: &Subject, organizer: OrganizerId) -> bool {
    subject.login.as_ref().is_some_and(|login| match login.role {
        Role::Admin => true,
        Role::Organizer => login.organizer == organizer,
    })
}

fn not_found() -> Result<(), Problem> {
    Err(Problem::of(&kinds::NOT_FOUND))
}
