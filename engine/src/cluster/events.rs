//! The events as a node's handlers see them, wherever they run.
//!
//! With one node this is the registry and nothing else. With several, what this node does not own is read from a replica
//! and asked of its owner.

use std::sync::Arc;

use tokio::sync::watch;
use usher_core::{Command, EventId, HoldId, HoldView, OrderId, OrderView};

use super::several::Several;
use super::{Member, Reply, SeveralParts};
use crate::event::{
    AskError, Decided, EventStatus, Looked, OpenError, Registry, Request, Told, View, decided, looked_hold,
    looked_order,
};

/// All events; cheap to clone.
#[derive(Clone)]
pub struct Events {
    registry: Registry,
    several: Option<Arc<Several>>,
}

impl Events {
    /// Those of the only node.
    #[must_use]
    pub fn alone(registry: Registry) -> Self {
        Self { registry, several: None }
    }

    /// Those of one node of several. The registry's ownership is the same member.
    #[must_use]
    pub fn among(registry: Registry, parts: SeveralParts) -> Self {
        let several = Arc::new(Several::new(registry.clone(), parts));
        Self { registry, several: Some(several) }
    }

    /// Asks an event wherever it runs; one that cannot be opened is told apart.
    ///
    /// # Errors
    /// [`OpenError`] where the event cannot be opened; inside, those of [`crate::event::Handle::ask`].
    pub async fn try_ask(&self, event: EventId, command: Command) -> Result<Result<Decided, AskError>, OpenError> {
        Ok(self.serve(event, Request::Command(command)).await?.and_then(decided))
    }

    /// Asks an event wherever it runs.
    ///
    /// # Errors
    /// Those of [`crate::event::Handle::ask`]; an event that cannot be opened is [`AskError::Unavailable`].
    pub async fn ask(&self, event: EventId, command: Command) -> Result<Decided, AskError> {
        decided(self.serve(event, Request::Command(command)).await??)
    }

    /// Looks at a hold, after everything that was asked before.
    ///
    /// # Errors
    /// As [`Events::ask`].
    pub async fn look_hold(&self, event: EventId, hold: HoldId) -> Result<Looked<HoldView>, AskError> {
        looked_hold(self.serve(event, Request::LookHold(hold)).await??)
    }

    /// Looks at an order, after everything that was asked before.
    ///
    /// # Errors
    /// As [`Events::ask`].
    pub async fn look_order(&self, event: EventId, order: OrderId) -> Result<Looked<OrderView>, AskError> {
        looked_order(self.serve(event, Request::LookOrder(order)).await??)
    }

    async fn serve(&self, event: EventId, request: Request) -> Result<Result<Told, AskError>, OpenError> {
        match &self.several {
            None => self.registry.serve(event, request).await,
            Some(several) => several.serve(event, request).await,
        }
    }

    /// Answers another node, which holds this one to be the owner. Never hands on.
    pub async fn serve_peer(&self, event: EventId, request: Request) -> Reply {
        if let Some(several) = &self.several
            && self.registry.is_running(event)
            && !several.may_answer(event).await
        {
            return Reply::NotOwner;
        }
        match self.registry.serve(event, request).await {
            Ok(Ok(told)) => Reply::Told(told),
            Ok(Err(AskError::NotApplied)) if !self.registry.is_running(event) => Reply::NotOwner,
            Ok(Err(refusal)) => Reply::Refused(refusal),
            Err(OpenError::Elsewhere | OpenError::Draining) => Reply::NotOwner,
            Err(
                error @ (OpenError::UnknownEvent
                | OpenError::NoPlan
                | OpenError::TooMany
                | OpenError::Refused(_)
                | OpenError::Unavailable(_)),
            ) => Reply::Closed(error),
        }
    }

    /// The event's committed state; where another node owns it, as it was about a second ago at the most, and never
    /// older than what this node was told by the owner.
    ///
    /// # Errors
    /// [`OpenError`] when it cannot be loaded.
    pub async fn view(&self, event: EventId) -> Result<Arc<View>, OpenError> {
        match &self.several {
            None => self.registry.view(event).await,
            Some(several) => several.view(event).await,
        }
    }

    /// The event's committed state if this node owns the event or can; `None` where another does.
    ///
    /// # Errors
    /// [`OpenError`] when it cannot be loaded.
    pub async fn owned_view(&self, event: EventId) -> Result<Option<Arc<View>>, OpenError> {
        match self.registry.view(event).await {
            Ok(view) => Ok(Some(view)),
            Err(OpenError::Elsewhere) => Ok(None),
            Err(OpenError::Draining) if self.several.is_some() => Ok(None),
            Err(
                error @ (OpenError::UnknownEvent
                | OpenError::NoPlan
                | OpenError::TooMany
                | OpenError::Draining
                | OpenError::Refused(_)
                | OpenError::Unavailable(_)),
            ) => Err(error),
        }
    }

    /// The event's committed state as it changes; it goes on when the event's owner changes.
    ///
    /// # Errors
    /// [`OpenError`] when it cannot be loaded.
    pub async fn subscribe(&self, event: EventId) -> Result<watch::Receiver<Arc<View>>, OpenError> {
        match &self.several {
            None => self.registry.subscribe(event).await,
            Some(several) => several.subscribe(event).await,
        }
    }

    /// Unloads an event here unless somebody needs it: for one that was deleted.
    pub async fn unload(&self, event: EventId) {
        self.registry.unload(event).await;
    }

    /// Every event that is loaded here or failed to load, by id.
    #[must_use]
    pub fn statuses(&self) -> Vec<EventStatus> {
        self.registry.statuses()
    }

    /// An operator says: try again. Forgets failures, spent restarts and quarantined commands of the event here.
    pub fn reset(&self, event: EventId) {
        self.registry.reset(event);
    }

    /// This node among the others, if there are others.
    #[must_use]
    pub fn member(&self) -> Option<&Member> {
        self.several.as_deref().map(Several::member)
    }

    /// Whether another node that is alive owns the event, by a look at its row.
    pub async fn is_elsewhere(&self, event: EventId) -> bool {
        match &self.several {
            None => false,
            Some(several) => several.is_owned_elsewhere(event).await,
        }
    }

    /// Looks after idle and dead events, and after this node's place among the others, until the future is dropped.
    pub async fn run(&self) {
        match &self.several {
            None => self.registry.run().await,
            Some(several) => {
                tokio::join!(self.registry.run(), several.run());
            }
        }
    }

    /// Gives what this node owns to the others, so that they can go on at once; it still reads and hands on. With one
    /// node nothing happens.
    pub async fn hand_over(&self) {
        if let Some(several) = &self.several {
            several.hand_over().await;
        }
    }

    /// Takes no more asks, finishes those taken, keeps snapshots, unloads everything and ends the threads.
    pub async fn drain(&self) {
        match &self.several {
            None => self.registry.drain().await,
            Some(several) => several.hand_over().await,
        }
    }
}
