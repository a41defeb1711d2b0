//! Tickets in a bucket: `<prefix><ticket>/<version>.pdf`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};
use metrics::{counter, histogram};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use usher_core::TicketId;

use super::answer::No;
use super::client::client;
use super::config::{Downloads, LINK_FOR_MAX, S3Config};
use super::metrics::{STORE_CALLS, STORE_SECONDS};
use crate::health::Health;
use crate::store::StoreError;
use crate::tickets::store::TICKET_STORE;
use crate::tickets::{Download, LookError, TicketFiles};

/// Calls under way at once; one more is held back. Twice the idle connections kept.
const CALLS_AT_ONCE_MAX: usize = 64;
/// The largest file that is read. A ticket has about 15 KB.
const PDF_BYTES_MAX: usize = 8 << 20;
const PDF: &str = "application/pdf";
/// A browser keeps what it downloads; nothing on the way may.
const CACHE: &str = "private, no-store";

/// The bucket of tickets.
#[derive(Clone)]
pub struct TicketBucket(Arc<Inner>);

struct Inner {
    config: S3Config,
    client: Client,
    /// Signs links, for the host that buyers reach.
    signer: Client,
    runtime: Handle,
    calls: Arc<Semaphore>,
    health: Health,
}

/// One call, boxed where it is made: the SDK's futures have twenty kilobytes and more.
type Work<T> = Pin<Box<dyn Future<Output = Result<T, No>> + Send>>;

impl TicketBucket {
    /// The bucket; asks it nothing yet. Its connections live on `runtime`.
    ///
    /// # Errors
    /// The system's certificates cannot be used.
    pub fn new(config: S3Config, runtime: Handle) -> Result<Self, StoreError> {
        let main = client(&config, config.endpoint.as_deref())?;
        let signer = match &config.downloads {
            Downloads::Link { endpoint: Some(endpoint), .. } => client(&config, Some(endpoint))?,
            Downloads::Link { endpoint: None, .. } | Downloads::Through => main.clone(),
        };
        let calls = Arc::new(Semaphore::new(CALLS_AT_ONCE_MAX));
        Ok(Self(Arc::new(Inner { config, client: main, signer, runtime, calls, health: Health::of(TICKET_STORE) })))
    }

    fn key(&self, ticket: TicketId, version: u8) -> String {
        format!("{}{ticket}/{version}.pdf", self.0.config.prefix)
    }

    /// A call by whoever wants something: not while the store is in trouble.
    async fn call<T>(&self, operation: &'static str, work: Work<T>) -> Result<Result<T, No>, StoreError>
    where
        T: Send + 'static,
    {
        let held_back = |why: &str| {
            counter!(STORE_CALLS, "operation" => operation, "result" => "held_back").increment(1);
            Err(StoreError::Unavailable(format!("ticket store: {why}")))
        };
        if self.0.health.is_down() {
            return held_back("it does not work; it is looked at again every few seconds");
        }
        let Ok(permit) = Arc::clone(&self.0.calls).try_acquire_owned() else {
            return held_back("too many calls are under way");
        };
        let permitted = async move {
            let answer = work.await;
            drop(permit);
            answer
        };
        let answer = self.on_runtime(operation, permitted).await;
        match answer.as_ref().err().and_then(No::trouble) {
            Some(what) => self.0.health.call_failed(what),
            None => self.0.health.went_well(),
        }
        Ok(answer)
    }

    /// Runs to its end where the connections live, whatever becomes of the caller; its deadlines bound that.
    async fn on_runtime<T, F>(&self, operation: &'static str, work: F) -> Result<T, No>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, No>> + Send + 'static,
    {
        let began = Instant::now();
        let answer = match self.0.runtime.spawn(work).await {
            Ok(answer) => answer,
            Err(error) => Err(No::Failed(format!("the call was cut off: {error}"))),
        };
        histogram!(STORE_SECONDS, "operation" => operation).record(began.elapsed().as_secs_f64());
        let result = answer.as_ref().err().map_or("done", No::result);
        counter!(STORE_CALLS, "operation" => operation, "result" => result).increment(1);
        answer
    }

    async fn link(&self, key: String, valid_for: Duration) -> Result<String, StoreError> {
        let cannot = |error: &dyn std::error::Error| StoreError::Unavailable(format!("no link can be signed: {error}"));
        let terms = PresigningConfig::expires_in(valid_for.min(LINK_FOR_MAX)).map_err(|error| cannot(&error))?;
        let get = self.0.signer.get_object().bucket(&self.0.config.bucket).key(key);
        let signed = get.presigned(terms).await.map_err(|error| cannot(&error))?;
        Ok(signed.uri().to_owned())
    }
}

#[async_trait]
impl TicketFiles for TicketBucket {
    async fn put(&self, ticket: TicketId, version: u8, pdf: Bytes) -> Result<bool, StoreError> {
        let put = self
            .0
            .client
            .put_object()
            .bucket(&self.0.config.bucket)
            .key(self.key(ticket, version))
            .if_none_match("*")
            .content_type(PDF)
            .content_disposition(format!("attachment; filename=\"{ticket}.pdf\""))
            .cache_control(CACHE)
            .body(ByteStream::from(pdf));
        let kept =
            self.call("put", Box::pin(async move { put.send().await.map(drop).map_err(|error| No::of(&error)) }));
        match kept.await? {
            Ok(()) => Ok(true),
            Err(No::There) => Ok(false),
            Err(no @ (No::Missing | No::Refused(_) | No::Failed(_))) => Err(no.into()),
        }
    }

    async fn get(&self, ticket: TicketId, version: u8) -> Result<Option<Bytes>, StoreError> {
        let get = self.0.client.get_object().bucket(&self.0.config.bucket).key(self.key(ticket, version));
        let deadline = self.0.config.attempt_within;
        let got = Box::pin(async move {
            let object = get.send().await.map_err(|error| No::of(&error))?;
            match tokio::time::timeout(deadline, read(object.body)).await {
                Ok(read) => read,
                Err(_) => Err(No::Failed("the file did not come in time".to_owned())),
            }
        });
        match self.call("get", got).await? {
            Ok(pdf) => Ok(Some(pdf)),
            Err(No::Missing) => Ok(None),
            Err(no @ (No::There | No::Refused(_) | No::Failed(_))) => Err(no.into()),
        }
    }

    async fn exists(&self, ticket: TicketId, version: u8) -> Result<bool, StoreError> {
        let head = self.0.client.head_object().bucket(&self.0.config.bucket).key(self.key(ticket, version));
        let found =
            self.call("head", Box::pin(async move { head.send().await.map(drop).map_err(|error| No::of(&error)) }));
        match found.await? {
            Ok(()) => Ok(true),
            Err(No::Missing) => Ok(false),
            Err(no @ (No::There | No::Refused(_) | No::Failed(_))) => Err(no.into()),
        }
    }

    async fn download(&self, ticket: TicketId, version: u8) -> Result<Option<Download>, StoreError> {
        match &self.0.config.downloads {
            Downloads::Through => Ok(self.get(ticket, version).await?.map(Download::Pdf)),
            Downloads::Link { valid_for, .. } => {
                // A link to nothing would show a buyer the store's own words.
                if !self.exists(ticket, version).await? {
                    return Ok(None);
                }
                Ok(Some(Download::At(self.link(self.key(ticket, version), *valid_for).await?)))
            }
        }
    }

    async fn look(&self) -> Result<(), LookError> {
        let head = self.0.client.head_bucket().bucket(&self.0.config.bucket);
        let look = Box::pin(async move { head.send().await.map(drop).map_err(|error| No::of(&error)) });
        let looked = self.on_runtime("look", look).await.map_err(LookError::from);
        match &looked {
            Ok(()) => self.0.health.went_well(),
            Err(error) => self.0.health.look_failed(&error.to_string()),
        }
        looked
    }

    fn health(&self) -> &Health {
        &self.0.health
    }
}

/// The whole of a body that is no longer than it may be.
async fn read(mut body: ByteStream) -> Result<Bytes, No> {
    let mut read = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| No::Failed(format!("the file broke off: {error}")))?;
        if read.len() + chunk.len() > PDF_BYTES_MAX {
            return Err(No::Failed(format!("the file is larger than {PDF_BYTES_MAX} bytes")));
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read.freeze())
}
