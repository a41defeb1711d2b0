//! What buyers do: look around, hold places, check out, fetch tickets.

mod browse;
mod checkout;
mod holds;
mod order_sheet;
mod orders;
mod places;

pub use browse::{
    AreaAvailability, Availability, BrowseQuery, EventCard, EventSheet, LimitsSheet, SeatMap, TierSheet, availability,
    browse, event, seat_map,
};
pub use checkout::{CheckoutSheet, ContactForm, PaymentSheet, checkout};
pub use holds::{AskForm, BuyerSheet, HoldSheet, extend_hold, hold, new_buyer, place_hold, release_hold};
pub use order_sheet::{OrderLineSheet, OrderSheet, RefundSheet, TicketSheet, cancel_reason_code};
pub use orders::{TICKET_VERSION, cancel_order, my_orders, order, order_pdf, ticket, tickets};
pub use places::{PlaceKind, PlaceSheet};
