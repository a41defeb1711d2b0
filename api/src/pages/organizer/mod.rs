//! The organizer's pages: log in, events, the control page of one, its sales and orders, dead jobs.

mod account;
mod control;
mod create;
mod jobs;
mod orders;
mod sales;

use crate::access::Access::{Admin, Anyone, Organizer};
use crate::table::Table;

/// Adds the routes.
#[rustfmt::skip]
pub(super) fn routes(t: &mut Table) {
    t.get(Anyone, "/organizer/login", account::login_page);
    t.post(Anyone, "/organizer/login", account::login);
    t.get(Anyone, "/organizer/register", account::register_page);
    t.post(Anyone, "/organizer/register", account::register);
    t.post(Anyone, "/organizer/logout", account::logout);
    // Who is not logged in is sent to the login, which a problem's page could not do.
    t.get(Anyone, "/organizer", account::home);
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
