//! The store of tickets as the settings name it, asked once at the start and looked at while the house runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use usher_engine::adapters::files::tickets::TicketFolder;
use usher_engine::adapters::s3::{Addressing, Downloads, S3Config, S3Credentials, TicketBucket};
use usher_engine::tickets::{LookError, TicketFiles};

use crate::config::{BucketAddressing, BucketDownloads, BucketSettings, Fault, TicketStoreSettings};

/// How often the store is looked at. What is in trouble is not asked in between, so this is also how long its return
/// goes unnoticed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Opens the store. One that refuses is a fault, since a setting is wrong; one that does not answer is not, since no
/// sale depends on it.
pub(super) fn open(
    settings: &TicketStoreSettings,
    data: &Path,
    runtime: &Handle,
) -> Result<Arc<dyn TicketFiles>, Fault> {
    let fault = |key: &str, what: String| Fault { key: key.to_owned(), what };
    match settings {
        TicketStoreSettings::Files {} => {
            let folder = TicketFolder::open(&data.join("tickets"));
            Ok(Arc::new(folder.map_err(|error| fault("tickets", error.to_string()))?))
        }
        TicketStoreSettings::S3(bucket) => {
            let files = TicketBucket::new(config(bucket), runtime.clone());
            let files = files.map_err(|error| fault("ticket_store", error.to_string()))?;
            match look_from_outside(&files, runtime) {
                // Its health says so.
                Ok(()) | Err(LookError::Silent(_)) => Ok(Arc::new(files)),
                Err(LookError::Refused(what)) => {
                    Err(fault("ticket_store", format!("the bucket {} refuses: {what}", bucket.bucket)))
                }
            }
        }
    }
}

/// Looks at the store until the future is dropped.
pub(super) async fn watch(files: Arc<dyn TicketFiles>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        // The store's health keeps what comes of it.
        let _ = files.look().await;
    }
}

/// Waits for a look where a runtime must not be waited for.
fn look_from_outside(files: &TicketBucket, runtime: &Handle) -> Result<(), LookError> {
    let looked = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(files.look())).join());
    looked.unwrap_or_else(|_| Err(LookError::Silent("the look at it panicked".to_owned())))
}

fn config(settings: &BucketSettings) -> S3Config {
    let some = |text: &String| (!text.is_empty()).then(|| text.trim_end_matches('/').to_owned());
    S3Config {
        endpoint: some(&settings.endpoint),
        region: settings.region.clone(),
        bucket: settings.bucket.clone(),
        prefix: settings.prefix.clone(),
        addressing: match settings.addressing {
            BucketAddressing::VirtualHost => Addressing::VirtualHost,
            BucketAddressing::Path => Addressing::Path,
        },
        credentials: S3Credentials {
            access_key: settings.access_key.reveal().to_owned(),
            secret_key: settings.secret_key.reveal().to_owned(),
        },
        downloads: match settings.downloads {
            BucketDownloads::Link => {
                Downloads::Link { endpoint: some(&settings.public_endpoint), valid_for: settings.link_for.0 }
            }
            BucketDownloads::Through => Downloads::Through,
        },
        connect_within: settings.connect_within.0,
        attempt_within: settings.attempt_within.0,
        call_within: settings.call_within.0,
        attempts_max: settings.attempts_max,
    }
}
