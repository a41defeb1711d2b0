//! Compiled seating plans, by digest: compiled once, shared by events, seat maps and sheets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use usher_core::EventId;
use usher_core::plan::{SeatMap as Geometry, SeatingPlan};
use usher_engine::catalogue::{self, EventRecord};
use usher_engine::event::{Plan, PlanError, Plans};

use crate::desk::buyer::SeatMap;
use crate::problem::{Problem, kinds};

/// Plans kept at once; past that the oldest digest in order goes. Compiling one again takes milliseconds.
pub const PLANS_MAX: usize = 64;

/// Plans by digest; clones share them.
#[derive(Clone)]
pub struct PlanCache {
    catalogue: Arc<dyn catalogue::Store>,
    maps: Arc<Mutex<BTreeMap<[u8; 32], Arc<SeatMap>>>>,
}

impl PlanCache {
    /// An empty one before that catalogue.
    #[must_use]
    pub fn new(catalogue: Arc<dyn catalogue::Store>) -> Self {
        Self { catalogue, maps: Arc::default() }
    }

    /// The seat map of an event.
    ///
    /// # Errors
    /// It has no plan yet; the store does not answer.
    pub async fn of(&self, event: &EventRecord) -> Result<Arc<SeatMap>, Problem> {
        let digest = event.plan_digest.ok_or_else(|| Problem::of(&kinds::NO_PLAN))?;
        self.by_digest(digest).await.map_err(|error| {
            tracing::error!(%error, event = %event.id, "seating plan");
            Problem::of(&kinds::UNAVAILABLE)
        })
    }

    /// The way by which running events get their plans.
    #[must_use]
    pub fn for_events(&self) -> Plans {
        let cache = self.clone();
        Arc::new(move |event| {
            let cache = cache.clone();
            Box::pin(async move { cache.plan_of(event).await })
        })
    }

    async fn plan_of(&self, event: EventId) -> Result<Plan, PlanError> {
        let unavailable = |error: usher_engine::store::StoreError| PlanError::Unavailable(error.to_string());
        let record = self.catalogue.event(event).await.map_err(unavailable)?.ok_or(PlanError::UnknownEvent)?;
        let digest = record.plan_digest.ok_or(PlanError::NoPlan)?;
        let map = self.by_digest(digest).await?;
        Ok(Plan { layout: Arc::clone(&map.layout), digest })
    }

    async fn by_digest(&self, digest: [u8; 32]) -> Result<Arc<SeatMap>, PlanError> {
        if let Some(map) = self.lock().get(&digest) {
            return Ok(Arc::clone(map));
        }
        let stored = self.catalogue.plan(digest).await.map_err(|error| PlanError::Unavailable(error.to_string()))?;
        let json = stored.ok_or_else(|| PlanError::Unavailable("the catalogue lacks the plan".to_owned()))?;
        let compiled = tokio::task::spawn_blocking(move || compile(digest, &json)).await;
        let map = compiled.map_err(|error| PlanError::Unavailable(error.to_string()))??;
        let mut maps = self.lock();
        if maps.len() >= PLANS_MAX {
            maps.pop_first();
        }
        maps.insert(digest, Arc::clone(&map));
        Ok(map)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<[u8; 32], Arc<SeatMap>>> {
        self.maps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn compile(digest: [u8; 32], json: &[u8]) -> Result<Arc<SeatMap>, PlanError> {
    let unusable = |what: String| PlanError::Unusable(what);
    let plan: SeatingPlan = serde_json::from_slice(json).map_err(|error| unusable(error.to_string()))?;
    let layout = plan.compile().map_err(|faults| unusable(format!("{faults:?}")))?;
    let digest = crate::desk::hex(&digest);
    let json = serde_json::to_vec(&Geometry::of(&layout)).map_err(|error| unusable(error.to_string()))?;
    Ok(Arc::new(SeatMap { digest, json: json.into(), layout: Arc::new(layout) }))
}
