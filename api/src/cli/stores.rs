//! `usher migrate` and `usher rebuild-views`: work on the stores without serving.

use std::process::ExitCode;
use std::sync::Arc;

use usher_engine::orders::{Projector, ProjectorParts};
use usher_engine::store::StoreError;

use super::{From, Outcome, say};
use crate::config::Fault;
use crate::house::Stores;

pub(super) fn migrate(from: &From) -> Outcome {
    let settings = from.settings()?;
    // Opening brings them to this version.
    Stores::open(&settings.stores).map_err(|fault| vec![fault])?;
    say("The stores are at this version.");
    Ok(ExitCode::SUCCESS)
}

pub(super) fn rebuild_views(from: &From) -> Outcome {
    let settings = from.settings()?;
    let stores = Stores::open(&settings.stores).map_err(|fault| vec![fault])?;
    let projector = Projector::new(ProjectorParts {
        journal: Arc::clone(&stores.journal),
        views: Arc::clone(&stores.views),
        queue: Arc::clone(&stores.jobs),
        // The payment process asks about what is unsettled when the server starts.
        on_orders: Arc::new(|_, _| {}),
    });
    let rebuilt: Result<(), StoreError> = actix_web::rt::System::new().block_on(async {
        stores.views.clear().await?;
        projector.project_all().await
    });
    rebuilt.map_err(|error| vec![Fault { key: "views".to_owned(), what: error.to_string() }])?;
    say("The views are rebuilt from the journal.");
    Ok(ExitCode::SUCCESS)
}
