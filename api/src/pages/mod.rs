//! Pages.

use crate::table::Table;

/// Adds the pages' routes.
pub fn routes(_table: &mut Table) {}
