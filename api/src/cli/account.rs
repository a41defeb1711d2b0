//! `usher create-account`: how an operator lets people in where registration is closed.

use std::net::SocketAddr;
use std::process::ExitCode;

use usher_engine::accounts::Role;
use usher_engine::clock::Clock;

use super::{From, Outcome, say};
use crate::config::Fault;
use crate::desk::organizer::{RegisterForm, create_account_as};
use crate::house::House;

pub(super) fn create(from: &From, email: String, organizer: String, admin: bool) -> Outcome {
    let settings = from.settings()?;
    let one = |key: &str, what: String| vec![Fault { key: key.to_owned(), what }];
    let mut password = String::new();
    std::io::stdin().read_line(&mut password).map_err(|error| one("password", error.to_string()))?;
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    let role = if admin { Role::Admin } else { Role::Organizer };
    let form = RegisterForm { email, password, organizer_name: organizer };
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let account = actix_web::rt::System::new().block_on(async move {
        let house = House::open(settings, nowhere, Clock::system())?;
        let made = create_account_as(house.state(), &form, role).await;
        house.stop().await;
        made.map_err(|problem| one("account", problem.to_string()))
    })?;
    say(&format!("{} {}", account.account, account.email));
    Ok(ExitCode::SUCCESS)
}
