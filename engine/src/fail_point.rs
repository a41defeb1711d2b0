//! Named places where a test ends the process, to show that what is on the disk at that moment is enough.
//!
//! Compiled in only with the feature `fail-points`; without it [`hit`] is empty and the compiler removes it. A process
//! arms at most one point, by `USHER_FAIL_POINT=name:n:abort`: at the n-th hit it aborts, without unwinding, flushing or
//! telling anybody, which to the files is the same as SIGKILL. `name:n:panic` panics there instead.
//!
//! One point, one way to die and one variable: a crate for fail points brings registries, callbacks and a lock on
//! every hit, none of which a child process needs.

/// Every point; where it stands is what it is called. Points of a file's writer exist once for each file.
#[cfg(feature = "fail-points")]
pub const NAMES: [&str; 67] = [
    "ask.arrived",
    "ask.decided",
    "append.sealed",
    "append.durable",
    "reply.before",
    "reply.sent",
    "view.published",
    "take_over.before",
    "take_over.raised",
    "load.taken_over",
    "load.replayed",
    "snapshot.encoded",
    "snapshot.kept",
    "journal.inserted",
    "journal.head_moved",
    "open.before_checkpoint:journal.db",
    "open.before_checkpoint:store.db",
    "open.before_checkpoint:views.db",
    "open.checkpointed:journal.db",
    "open.checkpointed:store.db",
    "open.checkpointed:views.db",
    "batch.begun:journal.db",
    "batch.begun:store.db",
    "batch.begun:views.db",
    "commit.before:journal.db",
    "commit.before:store.db",
    "commit.before:views.db",
    "commit.after:journal.db",
    "commit.after:store.db",
    "commit.after:views.db",
    "batch.answered:journal.db",
    "batch.answered:store.db",
    "batch.answered:views.db",
    "projector.read",
    "projector.enqueued",
    "projector.applied",
    "projector.told",
    "checkout.contact_kept",
    "checkout.begun",
    "checkout.payment_begun",
    "webhook.verified",
    "webhook.kept",
    "webhook.claimed",
    "webhook.acted",
    "webhook.done",
    "intent.before",
    "intent.made",
    "intent.kept",
    "capture.before",
    "capture.made",
    "cancel.before",
    "cancel.made",
    "refund.before",
    "refund.made",
    "payment.before_fact",
    "payment.fact_recorded",
    "payment.before_rest",
    "job.leased",
    "job.rendered",
    "job.performed",
    "job.completed",
    "file.written",
    "file.synced",
    "file.linked",
    "file.kept",
    "mail.written",
    "mail.sent",
];

/// Says that a point was reached. The name of a file belongs to the point's name.
#[cfg(not(feature = "fail-points"))]
#[inline(always)]
pub const fn hit(_name: &'static str, _file: Option<&'static str>) {}

#[cfg(feature = "fail-points")]
pub use armed::hit;

#[cfg(feature = "fail-points")]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Armed {
        name: String,
        hits_left: AtomicU64,
        panics: bool,
    }

    static ARMED: LazyLock<Option<Armed>> = LazyLock::new(|| {
        let text = std::env::var("USHER_FAIL_POINT").ok()?;
        let armed = read(&text);
        assert!(armed.is_some(), "USHER_FAIL_POINT={text} is not name:n:abort or name:n:panic of a known name");
        armed
    });

    fn read(text: &str) -> Option<Armed> {
        let (rest, way) = text.rsplit_once(':')?;
        let (name, nth) = rest.rsplit_once(':')?;
        let panics = match way {
            "abort" => false,
            "panic" => true,
            _ => return None,
        };
        let hits_left = AtomicU64::new(nth.parse().ok().filter(|nth| *nth > 0)?);
        super::NAMES.contains(&name).then(|| Armed { name: name.to_owned(), hits_left, panics })
    }

    /// Says that a point was reached. The name of a file belongs to the point's name.
    ///
    /// # Panics
    /// When the environment says so.
    pub fn hit(name: &'static str, file: Option<&'static str>) {
        let Some(armed) = ARMED.as_ref() else { return };
        let is_it = match (armed.name.strip_prefix(name), file) {
            (Some(""), None) => true,
            (Some(rest), Some(file)) => rest.strip_prefix(':') == Some(file),
            (Some(_), None) | (None, _) => false,
        };
        if !is_it || armed.hits_left.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        assert!(!armed.panics, "fail point {name}");
        std::process::abort();
    }
}

/// Marks a place as a fail point.
#[macro_export]
macro_rules! fail_point {
    ($name:literal) => {
        $crate::fail_point::hit($name, None)
    };
    ($name:literal, $file:expr) => {
        $crate::fail_point::hit($name, Some($file))
    };
}
