//! Seating plans: uploaded as a document, or generated from a template.

use std::sync::Arc;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use usher_core::EventId;
use usher_core::plan::generate::{ArenaSpec, ClubSpec, HallSpec};
use usher_core::plan::{FAULTS_MAX, FaultCode, PLACES_MAX, PlanFault, PretixPlan, SeatingPlan};
use usher_engine::catalogue::{EventRecord, EventState};

use super::events::{expect_revision, replace};
use crate::access::{Action, Subject};
use crate::desk::printed::plan_faults;
use crate::desk::{hex, load};
use crate::problem::{Problem, kinds};
use crate::state::AppState;

/// What a plan is generated from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanTemplate {
    /// One block of rows before a stage.
    Hall,
    /// Sections around an oval, two tiers of rows, and a standing floor.
    Arena,
    /// A standing room without seats.
    Club,
}

/// A plan to generate.
#[derive(Debug, Clone, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GenerateForm {
    /// From what.
    pub template: PlanTemplate,
    /// The plan's name.
    pub name: String,
    /// About so many numbered seats.
    #[serde(default)]
    pub seats_count: u32,
    /// So many standing places.
    #[serde(default)]
    pub standing_count: u32,
}

impl GenerateForm {
    fn check(&self) -> Result<(), Problem> {
        let (member, count) = match self.template {
            PlanTemplate::Hall | PlanTemplate::Arena => ("/seats_count", self.seats_count),
            PlanTemplate::Club => ("/standing_count", self.standing_count),
        };
        if (1..=PLACES_MAX).contains(&u64::from(count)) {
            return Ok(());
        }
        Err(Problem::invalid(member, format!("{count} is not between 1 and {PLACES_MAX}")))
    }
}

/// A plan that an event now has.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct PlanSheet {
    /// Names it for good, in hexadecimal.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// All places.
    pub capacity_count: u64,
    /// Numbered seats.
    pub seats_count: u64,
    /// Sections.
    pub sections_count: u64,
    /// Areas.
    pub areas_count: u64,
    /// Codes of the tiers that need a price.
    pub tiers: Vec<String>,
    /// The event's revision now, which the next change names; the `ETag`.
    pub revision: u64,
}

/// Gives a draft the plan in this document (`schema/seating-plan.schema.json`, or a seating plan of pretix).
///
/// # Errors
/// Not logged in, not found, not a draft, not at `revision` when one is named, all faults of the plan; the store does
/// not answer.
pub async fn upload_plan(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    revision: Option<u64>,
    document: &[u8],
) -> Result<PlanSheet, Problem> {
    let record = draft(state, subject, event).await?;
    expect_revision(&record, revision)?;
    let plan = read_plan(document)
        .map_err(|error| Problem::new(&kinds::PLAN_INVALID, format!("The document is no seating plan: {error}")))?;
    keep(state, record, plan).await
}

/// Members by which formats are told apart.
#[derive(Deserialize)]
struct Shape {
    format: Option<IgnoredAny>,
    zones: Option<IgnoredAny>,
}

/// A plan of this house's format, or of pretix's, whose documents name no format and are made of zones.
fn read_plan(document: &[u8]) -> serde_json::Result<SeatingPlan> {
    match serde_json::from_slice(document)? {
        Shape { format: None, zones: Some(_) } => Ok(serde_json::from_slice::<PretixPlan>(document)?.into_plan()),
        Shape { .. } => serde_json::from_slice(document),
    }
}

/// Gives a draft a generated plan.
///
/// # Errors
/// Not logged in, not found, not a draft, sizes that cannot be; the store does not answer.
pub async fn generate_plan(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    form: &GenerateForm,
) -> Result<PlanSheet, Problem> {
    let record = draft(state, subject, event).await?;
    keep(state, record, generated(form)?).await
}

/// Whether a plan can be generated from it.
///
/// # Errors
/// Sizes that cannot be.
pub fn check_generate(form: &GenerateForm) -> Result<(), Problem> {
    generated(form).map(drop)
}

fn generated(form: &GenerateForm) -> Result<SeatingPlan, Problem> {
    form.check()?;
    let name = form.name.trim().to_owned();
    let plan = match form.template {
        PlanTemplate::Hall => HallSpec::about(&name, form.seats_count).plan(),
        PlanTemplate::Arena => {
            ArenaSpec { name, seats_count: form.seats_count, standing_count: form.standing_count }.plan()
        }
        PlanTemplate::Club => ClubSpec { name, standing_count: form.standing_count }.plan(),
    };
    plan.map_err(|fault| {
        // The form knows two sizes; what follows from the seats is a fault of the seats.
        let member = if fault.path == "/standing_count" { "/standing_count" } else { "/seats_count" };
        Problem::invalid(member, fault.message)
    })
}

async fn draft(state: &AppState, subject: &Subject, event: EventId) -> Result<EventRecord, Problem> {
    let record = load(state, subject, Action::Organize, event).await?;
    if record.state == EventState::Draft { Ok(record) } else { Err(Problem::of(&kinds::NOT_A_DRAFT)) }
}

async fn keep(state: &AppState, mut record: EventRecord, plan: SeatingPlan) -> Result<PlanSheet, Problem> {
    let fonts = Arc::clone(state.back_office.fonts());
    let compiled = tokio::task::spawn_blocking(move || {
        let layout = plan.compile();
        let unprintable = plan_faults(&fonts, &plan).into_iter().take(FAULTS_MAX).map(|(path, message)| PlanFault {
            path,
            code: FaultCode::TextCharacter,
            message,
        });
        let mut faults: Vec<PlanFault> = unprintable.collect();
        let layout = match layout {
            Ok(layout) if faults.is_empty() => layout,
            Ok(_) => return Err(plan_problem(&faults)),
            Err(others) => {
                faults.extend(others);
                return Err(plan_problem(&faults));
            }
        };
        let json = serde_json::to_vec(&plan).map_err(|_| Problem::of(&kinds::INTERNAL))?;
        Ok::<_, Problem>((layout, json))
    });
    let (layout, json) = compiled.await.map_err(|_| Problem::of(&kinds::INTERNAL))??;
    let digest: [u8; 32] = Sha256::digest(&json).into();
    state.catalogue.put_plan(digest, json).await?;
    let revision = record.revision;
    record.revision += 1;
    let raised = record.revision;
    record.plan_digest = Some(digest);
    record.updated_at = state.clock.now();
    record.prices.retain(|price| layout.tiers().iter().any(|tier| tier.code == price.tier));
    replace(state, revision, record).await?;
    Ok(PlanSheet {
        digest: hex(&digest),
        name: layout.name().to_owned(),
        capacity_count: layout.capacity(),
        seats_count: layout.seats().len() as u64,
        sections_count: layout.sections().len() as u64,
        areas_count: layout.areas().len() as u64,
        tiers: layout.tiers().iter().map(|tier| tier.code.clone()).collect(),
        revision: raised,
    })
}

fn plan_problem(faults: &[PlanFault]) -> Problem {
    let errors: Vec<_> = faults
        .iter()
        .map(|fault| serde_json::json!({"pointer": fault.path, "code": fault.code.as_str(), "detail": fault.message}))
        .collect();
    let detail = format!("The seating plan has {} faults", faults.len());
    Problem::new(&kinds::PLAN_INVALID, detail).with("errors", errors)
}
