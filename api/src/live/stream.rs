//! One stream: the picture if it is needed, then changes, and a sign of life in between.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, HeaderName};
use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::MissedTickBehavior;
use usher_core::EventId;

use super::frames::{Frame, encode};
use crate::access::Subject;
use crate::desk::organizer::sales as sales_sheet;
use crate::metrics as names;
use crate::problem::{Problem, kinds};
use crate::state::AppState;

/// When a client that was cut off comes back, give or take; also told to those who find no place.
const RETRY_MS: u64 = 3_000;
/// After so long a stream of sales ends and its client comes back by itself: so a session that has ended stops seeing.
const SALES_STREAM_MAX: Duration = Duration::from_secs(600);
/// Sales figures are sent at most so often.
const SALES_EVERY: Duration = Duration::from_secs(1);

/// The place of a stream among those that may be open.
struct Seat(#[expect(dead_code, reason = "held, and given back when the stream ends")] OwnedSemaphorePermit);

impl Seat {
    fn take(state: &AppState) -> Result<Self, Problem> {
        let permit = std::sync::Arc::clone(&state.live.permits).try_acquire_owned().map_err(|_| {
            metrics::counter!(names::LIVE_REFUSED).increment(1);
            Problem::of(&kinds::BUSY).retry_after_ms(RETRY_MS)
        })?;
        metrics::gauge!(names::LIVE_STREAMS).increment(1.0);
        Ok(Self(permit))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        metrics::gauge!(names::LIVE_STREAMS).decrement(1.0);
    }
}

/// Opens a stream of an event's availability; `last_seq` is what the client has.
///
/// # Errors
/// As many streams as there may be; the event does not run.
pub async fn open(state: &AppState, event: EventId, last_seq: Option<u64>) -> Result<HttpResponse, Problem> {
    let seat = Seat::take(state)?;
    let views = state.events.subscribe(event).await?;
    let feed = state.live.frames.feed(event, views, &state.clock, state.settings.live.gather.0, &state.runtime);
    let mut frames = feed.frames.subscribe();
    let heartbeat = state.settings.live.heartbeat.0;
    let first = feed.picture();
    let stream = unfold(state.draining.clone(), async move |out| {
        let _seat = seat;
        out.send(Bytes::from(format!("retry: {RETRY_MS}\n\n"))).await?;
        let mut at = first.seq;
        if last_seq != Some(first.seq) {
            out.send(first.bytes).await?;
        }
        loop {
            match tokio::time::timeout(heartbeat, frames.recv()).await {
                // A frame from before the picture says nothing new.
                Ok(Ok(Frame { seq, .. })) if seq <= at => {}
                Ok(Ok(frame)) => {
                    at = frame.seq;
                    out.send(frame.bytes).await?;
                }
                Ok(Err(RecvError::Lagged(_))) => {
                    let picture = feed.picture();
                    at = picture.seq;
                    out.send(picture.bytes).await?;
                }
                Ok(Err(RecvError::Closed)) => return Ok(()),
                Err(_elapsed) => out.send(Bytes::from_static(b": still here\n\n")).await?,
            }
        }
    });
    Ok(response(stream))
}

/// Opens a stream of an event's sales for its organizer.
///
/// # Errors
/// Not logged in, not found; as many streams as there may be; the event does not run.
pub async fn sales(state: &AppState, subject: &Subject, event: EventId) -> Result<HttpResponse, Problem> {
    let seat = Seat::take(state)?;
    let first = sales_sheet(state, subject, event).await?;
    let mut views = state.events.subscribe(event).await?;
    let (state, subject) = (state.clone(), subject.clone());
    let stream = unfold(state.draining.clone(), async move |out| {
        let _seat = seat;
        out.send(Bytes::from(format!("retry: {RETRY_MS}\n\n"))).await?;
        out.send(encode("sales", first.version, &serde_json::to_string(&first).unwrap_or_default())).await?;
        let heartbeat = state.settings.live.heartbeat.0;
        let mut tick = tokio::time::interval(SALES_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ends_at = tokio::time::Instant::now() + SALES_STREAM_MAX;
        while tokio::time::Instant::now() < ends_at {
            tick.tick().await;
            match tokio::time::timeout(heartbeat, views.changed()).await {
                Ok(Ok(())) => {
                    let seq = views.borrow_and_update().seq;
                    state.projector.caught_up(event, seq, SALES_EVERY).await;
                    let Ok(sheet) = sales_sheet(&state, &subject, event).await else { return Ok(()) };
                    out.send(encode("sales", sheet.version, &serde_json::to_string(&sheet).unwrap_or_default()))
                        .await?;
                }
                Ok(Err(_closed)) => return Ok(()),
                Err(_elapsed) => out.send(Bytes::from_static(b": still here\n\n")).await?,
            }
        }
        Ok(())
    });
    Ok(response(stream))
}

/// The client's end of a stream is gone.
struct Gone;

/// Where a stream's writer puts what is to be sent: one place, so that a slow client holds the writer up.
struct Out(tokio::sync::mpsc::Sender<Bytes>);

impl Out {
    async fn send(&self, bytes: Bytes) -> Result<(), Gone> {
        self.0.send(bytes).await.map_err(|_| Gone)
    }
}

/// A stream of what a writer sends. The writer runs beside the stream and ends with it, or when the server stops.
fn unfold<F: Future<Output = Result<(), Gone>> + 'static>(
    mut draining: watch::Receiver<bool>,
    writer: impl FnOnce(Out) -> F,
) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let writing = writer(Out(sender));
    let task = actix_web::rt::spawn(async move {
        tokio::select! {
            _ = writing => {}
            _ = draining.wait_for(|draining| *draining) => {}
        }
    });
    let guard = AbortOnDrop(task.abort_handle());
    futures_util::stream::poll_fn(move |context| {
        let _held = &guard;
        receiver.poll_recv(context).map(|bytes| bytes.map(Ok))
    })
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn response(stream: impl Stream<Item = Result<Bytes, actix_web::Error>> + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((HeaderName::from_static("x-accel-buffering"), "no"))
        // Compressing would hold frames back.
        .insert_header((CONTENT_ENCODING, "identity"))
        .streaming(stream)
}
