//! The organizer's pages: log in, events, the control page of one, its sales and orders, dead jobs.

mod account;
mod control;
mod create;
mod jobs;
mod orders;
mod sales;

use crate::access::Access::{Admin, Anyone, Organizer};
use crate::table::Table;

/// Where one logs in.
pub(super) const LOGIN: &str = "/organizer/login";
/// Where one is once logged in.
pub(super) const HOME: &str = "/organizer";

/// The login that leads on to that page.
pub(super) fn login_address(next: &str) -> String {
    if next == HOME {
        return LOGIN.to_owned();
    }
    let query = serde_urlencoded::to_string([("next", next)]).unwrap_or_default();
    format!("{LOGIN}?{query}")
}

/// The page to go on to: one of the organizer's or the operator's own, whatever the address says.
pub(super) fn next_page(asked: &str) -> &str {
    let own = asked.starts_with("/organizer/") || asked.starts_with("/admin/");
    if own && !asked.contains(['\\', '\r', '\n']) && !asked.contains("//") { asked } else { HOME }
}

/// Adds the routes.
#[rustfmt::skip]
pub(super) fn routes(t: &mut Table) {
    t.get(Anyone, "/organizer/login", account::login_page);
    t.post(Anyone, "/organizer/login", account::login);
    t.get(Anyone, "/organizer/register", account::register_page);
    t.post(Anyone, "/organizer/register", account::register);
    t.post(Anyone, "/organizer/logout", account::logout);
    t.get(Organizer, "/organizer", account::home);
    t.get(Organizer, "/organizer/events/new", create::page);
    t.post(Organizer, "/organizer/events/new", create::create);
    t.get(Organizer, "/organizer/events/{event}", control::page);
    t.post(Organizer, "/organizer/events/{event}/prices", control::prices);
    t.post(Organizer, "/organizer/events/{event}/delete", control::delete);
    t.post(Organizer, "/organizer/events/{event}/steps/{step}", control::step);
    t.get(Organizer, "/organizer/events/{event}/sales", sales::page);
    t.get(Organizer, "/organizer/events/{event}/orders", orders::page);
    t.post(Organizer, "/organizer/events/{event}/orders/{order}/refund", orders::refund);
    t.get(Admin, "/admin/jobs", jobs::page);
    t.post(Admin, "/admin/jobs/{job}/replay", jobs::replay);
}
