//! The application: every route on one screen.

use actix_web::web::ServiceConfig;
use actix_web::{App, web};

use crate::access::Access::{Admin, Anyone, Buyer, Organizer, Signed};
use crate::state::AppState;
use crate::table::Table;

/// Every route.
#[must_use]
pub fn routes() -> Table {
    let mut table = Table::default();
    let _ = (Admin, Anyone, Buyer, Organizer, Signed);
    crate::pages::routes(&mut table);
    table
}

/// What production and tests configure their server with.
pub fn configure(config: &mut ServiceConfig, state: &AppState) {
    config.app_data(web::Data::new(state.clone()));
    routes().configure(config);
}

/// The application as production runs it and tests call it.
pub fn create_app(
    state: &AppState,
) -> App<
    impl actix_web::dev::ServiceFactory<
        actix_web::dev::ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    App::new().configure(|config| configure(config, state))
}
