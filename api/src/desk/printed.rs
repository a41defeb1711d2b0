//! Texts that tickets carry. What no font here can set is refused where it is written, with the character named: a
//! buyer who has paid must not learn from a printer that a name cannot be shown. The fonts asked are the printer's own.

use usher_core::plan::{Layout, SeatingPlan};
use usher_engine::tickets::fonts::Fonts;

use crate::problem::Problem;

/// What to do about a character that tickets cannot show.
const ADVICE: &str = "write it with other letters";

/// A text of one line that is printed.
///
/// # Errors
/// What is wrong with it, in words for its author.
pub(super) fn check_line(fonts: &Fonts, text: &str, chars_max: usize) -> Result<(), String> {
    let is_line = (1..=chars_max).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if !is_line || fonts.printable(text).is_empty() {
        return Err(format!("1 to {chars_max} letters, in one line"));
    }
    check_letters(fonts, text)
}

/// The letters alone.
///
/// # Errors
/// The first that tickets cannot show.
pub(super) fn check_letters(fonts: &Fonts, text: &str) -> Result<(), String> {
    fonts.unprintable(text).map_or(Ok(()), |unprintable| Err(format!("{unprintable}; {ADVICE}")))
}

/// Labels of a plan that cannot be printed, each with its place in the document.
pub(super) fn plan_faults(fonts: &Fonts, plan: &SeatingPlan) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    let mut check = |path: String, text: &str| {
        if let Err(what) = check_letters(fonts, text) {
            faults.push((path, what));
        }
    };
    for (at, tier) in plan.tiers.iter().enumerate() {
        check(format!("/tiers/{at}/name"), &tier.name);
    }
    for (at, area) in plan.areas.iter().enumerate() {
        check(format!("/areas/{at}/name"), &area.name);
    }
    for (at, section) in plan.sections.iter().enumerate() {
        check(format!("/sections/{at}/name"), &section.name);
        for (row_at, row) in section.rows.iter().enumerate() {
            check(format!("/sections/{at}/rows/{row_at}/label"), &row.label);
            // The seats of a line are numbered.
            for (seat_at, seat) in row.seats.iter().enumerate() {
                check(format!("/sections/{at}/rows/{row_at}/seats/{seat_at}/label"), &seat.label);
            }
        }
    }
    faults
}

/// The first label of a compiled plan that cannot be printed: plans of before were not asked.
pub(super) fn check_layout(fonts: &Fonts, layout: &Layout) -> Result<(), String> {
    let tiers = layout.tiers().iter().map(|tier| &tier.name);
    let places =
        layout.sections().iter().map(|section| &section.name).chain(layout.areas().iter().map(|area| &area.name));
    let labels = layout.rows().iter().map(|row| &row.label).chain(layout.seats().iter().map(|seat| &seat.label));
    let named = |text: &String| check_letters(fonts, text).map_err(|what| format!("“{text}”: {what}"));
    tiers.chain(places).chain(labels).try_for_each(named)
}

/// The faults of a form together, each named by its member.
pub(super) fn all_faults(checks: Vec<(&str, Result<(), String>)>) -> Result<(), Problem> {
    let failed = |(member, check): (&str, Result<(), String>)| Some((format!("/{member}"), check.err()?));
    let faults: Vec<_> = checks.into_iter().filter_map(failed).collect();
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid_all(faults)) }
}
