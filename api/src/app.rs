//! The application: every route on one screen. `Access` says what each asks of its sender.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::{Compress, from_fn};
use actix_web::web::ServiceConfig;
use actix_web::{App, Error, web};

use crate::access::Access::{Admin, Anyone, Buyer, Organizer, Signed};
use crate::middleware::shell::shell;
use crate::problem::{Problem, kinds};
use crate::routes::{accounts, admin, docs, events, holds, internal, ops, orders, organizer, sale, webhooks};
use crate::state::AppState;
use crate::table::Table;
use crate::{extract, pages};

/// Every route but those of the sandbox, which speaks another's API under `/sandbox`.
#[must_use]
#[rustfmt::skip]
pub fn routes() -> Table {
    let mut table = Table::default();
    let t = &mut table;
    t.get(Anyone, "/api/v1/events", events::list);
    t.get(Anyone, "/api/v1/events/{event}", events::one);
    t.get(Anyone, "/api/v1/events/{event}/seat-map", events::seat_map);
    t.get(Anyone, "/api/v1/events/{event}/availability", events::availability);
    t.get(Anyone, "/api/v1/events/{event}/live", events::live_availability);
    t.post(Anyone, "/api/v1/buyers", events::new_buyer);
    t.post(Buyer, "/api/v1/events/{event}/holds", holds::place);
    t.get(Buyer, "/api/v1/events/{event}/holds/{hold}", holds::one);
    t.post(Buyer, "/api/v1/events/{event}/holds/{hold}/extend", holds::extend);
    t.add(Method::DELETE, Buyer, "/api/v1/events/{event}/holds/{hold}", holds::release);
    t.post(Buyer, "/api/v1/events/{event}/holds/{hold}/checkout", holds::checkout);
    t.get(Buyer, "/api/v1/me/orders", events::my_orders);
    // Of an order's own buyer, of who shows its secret, and of its organizer: the desk tells which.
    t.get(Anyone, "/api/v1/orders/{order}", orders::one);
    t.post(Anyone, "/api/v1/orders/{order}/cancel", orders::cancel);
    t.get(Anyone, "/api/v1/orders/{order}/tickets", orders::tickets);
    t.get(Anyone, "/api/v1/orders/{order}/tickets/{ticket}", orders::ticket);
    t.get(Anyone, "/api/v1/orders/{order}/tickets.pdf", orders::all_tickets);

    t.post(Anyone, "/api/v1/accounts", accounts::register);
    t.post(Anyone, "/api/v1/sessions", accounts::login);
    t.add(Method::DELETE, Organizer, "/api/v1/sessions/current", accounts::logout);
    t.get(Organizer, "/api/v1/api-keys", accounts::keys);
    t.post(Organizer, "/api/v1/api-keys", accounts::create_key);
    t.add(Method::DELETE, Organizer, "/api/v1/api-keys/{key}", accounts::revoke_key);
    t.get(Organizer, "/api/v1/organizer/events", organizer::list);
    t.post(Organizer, "/api/v1/organizer/events", organizer::create);
    t.get(Organizer, "/api/v1/organizer/events/{event}", organizer::one);
    t.add(Method::PATCH, Organizer, "/api/v1/organizer/events/{event}", organizer::edit);
    t.add(Method::DELETE, Organizer, "/api/v1/organizer/events/{event}", organizer::delete);
    t.add_for_plans(Method::PUT, Organizer, "/api/v1/organizer/events/{event}/seating-plan", organizer::upload_plan);
    t.post(Organizer, "/api/v1/organizer/events/{event}/seating-plan/generate", organizer::generate_plan);
    t.add(Method::PUT, Organizer, "/api/v1/organizer/events/{event}/prices", organizer::prices);
    t.post(Organizer, "/api/v1/organizer/events/{event}/publish", sale::publish);
    t.post(Organizer, "/api/v1/organizer/events/{event}/open", sale::open);
    t.post(Organizer, "/api/v1/organizer/events/{event}/pause", sale::pause);
    t.post(Organizer, "/api/v1/organizer/events/{event}/resume", sale::resume);
    t.post(Organizer, "/api/v1/organizer/events/{event}/close", sale::close);
    t.post(Organizer, "/api/v1/organizer/events/{event}/cancel", sale::cancel);
    t.get(Organizer, "/api/v1/organizer/events/{event}/seats", sale::seats);
    t.post(Organizer, "/api/v1/organizer/events/{event}/seats/block", sale::block);
    t.post(Organizer, "/api/v1/organizer/events/{event}/seats/unblock", sale::unblock);
    t.get(Organizer, "/api/v1/organizer/events/{event}/sales", sale::sales);
    t.get(Organizer, "/api/v1/organizer/events/{event}/live", sale::live_sales);
    t.get(Organizer, "/api/v1/organizer/events/{event}/audit-log", sale::acts);
    t.get(Organizer, "/api/v1/organizer/events/{event}/orders", sale::orders);
    t.post(Organizer, "/api/v1/organizer/events/{event}/orders/{order}/refunds", sale::refund);

    t.get(Admin, "/api/v1/admin/jobs", admin::jobs);
    t.post(Admin, "/api/v1/admin/jobs/{job}/replay", admin::replay_job);
    t.get(Admin, "/api/v1/admin/audit-log", admin::acts);
    t.get(Admin, "/api/v1/admin/webhooks", admin::webhooks);
    t.post(Admin, "/api/v1/admin/webhooks/{webhook}/replay", admin::replay_webhook);

    t.post(Signed, "/webhooks/stripe", webhooks::stripe);
    t.post(Signed, "/internal/v1/events/{event}/ask", internal::ask);
    t.get(Anyone, "/healthz", ops::healthz);
    t.get(Anyone, "/readyz", ops::readyz);
    t.get(Anyone, "/metrics", ops::metrics);
    t.get(Anyone, "/keys/tickets.json", ops::ticket_keys);
    t.get(Anyone, "/openapi.json", docs::openapi);
    pages::routes(t);
    table
}

/// What production and tests configure their server with.
pub fn configure(config: &mut ServiceConfig, state: &AppState) {
    config.app_data(web::Data::new(state.clone()));
    extract::configure(config, &state.settings.server);
    routes().configure(config);
    if let Some(sandbox) = &state.sandbox {
        config.app_data(web::Data::new(pages::pay_by(state)));
        sandbox.configure(config);
    }
    config.default_service(web::to(async || Err::<&str, _>(Problem::of(&kinds::NOT_FOUND))));
}

/// The application as production runs it and tests call it.
pub fn create_app(
    state: &AppState,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
    + use<>,
> {
    App::new().configure(|config| configure(config, state)).wrap(Compress::default()).wrap(from_fn(shell))
}
