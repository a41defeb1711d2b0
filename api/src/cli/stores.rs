//! `usher migrate` and `usher rebuild-views`: work on the stores without serving.

use std::process::ExitCode;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use usher_engine::orders::{Projector, ProjectorParts};
use usher_engine::store::StoreError;

use super::{From, Outcome, say};
use crate::config::{Fault, StoresSettings};
use crate::house::Kept;

pub(super) fn migrate(from: &From) -> Outcome {
    let settings = from.settings()?;
    let threads = threads()?;
    let applied = Kept::migrate(&settings, threads.handle()).map_err(|fault| vec![fault])?;
    applied.iter().for_each(|name| say(&format!("Applied {name}.")));
    say("The stores are at this version.");
    Ok(ExitCode::SUCCESS)
}

pub(super) fn rebuild_views(from: &From, nobody_serves: bool) -> Outcome {
    let settings = from.settings()?;
    // A folder's lock says whether somebody serves from it; nothing says so of a cluster.
    if matches!(settings.stores, StoresSettings::Cql { .. }) && !nobody_serves {
        let what = "the stores are in a cluster: stop every server that uses it, and say so by --nobody-serves";
        return Err(vec![Fault { key: "views".to_owned(), what: what.to_owned() }]);
    }
    let threads = threads()?;
    let kept = Kept::open(&settings, threads.handle()).map_err(|fault| vec![fault])?;
    let projector = Projector::new(ProjectorParts {
        journal: Arc::clone(&kept.journal),
        views: Arc::clone(&kept.stores.views),
        queue: kept.stores.jobs.clone(),
        // The payment process asks about what is unsettled when the server starts.
        on_orders: Arc::new(|_, _| {}),
    });
    let rebuilt: Result<(), StoreError> = actix_web::rt::System::new().block_on(async {
        kept.stores.views.clear().await?;
        projector.project_all().await
    });
    rebuilt.map_err(|error| vec![Fault { key: "views".to_owned(), what: error.to_string() }])?;
    say("The views are rebuilt from the journal.");
    Ok(ExitCode::SUCCESS)
}

/// Where the drivers of servers live.
fn threads() -> Result<Runtime, Vec<Fault>> {
    let threads = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    threads.map_err(|error| vec![Fault { key: "threads".to_owned(), what: error.to_string() }])
}
