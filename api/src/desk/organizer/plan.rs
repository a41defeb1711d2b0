//! Seating plans: uploaded as a document, or generated from a template.

use serde::{Deserialize, Serialize};
use usher_core::EventId;

use crate::access::Subject;
use crate::problem::Problem;
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
}

/// Gives a draft the plan in this document (`schema/seating-plan.json`).
///
/// # Errors
/// Not logged in, not found, not a draft, all faults of the plan; the store does not answer.
pub async fn upload_plan(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    document: &[u8],
) -> Result<PlanSheet, Problem> {
    let _ = (state, subject, event, document);
    todo!()
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
    let _ = (state, subject, event, form);
    todo!()
}
