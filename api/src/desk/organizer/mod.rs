//! What organizers do: their account, their events, plans and prices, the sale, orders and refunds.

mod accounts;
mod event_forms;
mod events;
mod orders;
mod plan;
mod sale;

pub use accounts::{
    AccountSheet, ApiKeyForm, ApiKeySheet, LoginForm, NewApiKeySheet, RegisterForm, SessionSheet, api_keys,
    create_account_as, create_api_key, login, logout, register, revoke_api_key,
};
pub use event_forms::{EventForm, EventPatch, PriceForm};
pub use events::{
    OrganizerEventSheet, check_event, create_event, delete_event, edit_event, my_event, my_events, set_prices,
};
pub use orders::{OrdersQuery, RefundForm, orders, refund};
pub use plan::{GenerateForm, PlanSheet, PlanTemplate, check_generate, generate_plan, upload_plan};
pub use sale::{
    SalesSheet, SeatStatusSheet, SeatsForm, Step, block_seats, copy_owned, copy_state, sales, seats, state_of, step,
    unblock_seats,
};
