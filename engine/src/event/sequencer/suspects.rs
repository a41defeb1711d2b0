//! Commands that made the rules panic, counted by their content.

use std::collections::BTreeMap;

use usher_core::Command;

/// Panics of one command before it is refused for good.
pub const PANICS_MAX: u8 = 3;
/// Commands remembered at once; the least suspicious one makes room.
pub const SUSPECTS_MAX: usize = 256;

/// Who made the rules panic.
#[derive(Debug, Clone, Default)]
pub(super) struct Suspects {
    panics: BTreeMap<u128, u8>,
}

impl Suspects {
    /// Counts a panic; tells whether the command is refused from now on.
    pub(super) fn note(&mut self, command: &Command) -> bool {
        let digest = digest_of(command);
        if !self.panics.contains_key(&digest) && self.panics.len() >= SUSPECTS_MAX {
            let least = self.panics.iter().min_by_key(|(_, panics)| **panics).map(|(digest, _)| *digest);
            least.map(|digest| self.panics.remove(&digest));
        }
        let panics = self.panics.entry(digest).or_default();
        *panics = (*panics + 1).min(PANICS_MAX);
        *panics == PANICS_MAX
    }

    /// The command is refused. Costs nothing as long as nothing ever panicked.
    pub(super) fn is_quarantined(&self, command: &Command) -> bool {
        !self.panics.is_empty() && self.panics.get(&digest_of(command)) == Some(&PANICS_MAX)
    }

    /// How many commands are refused.
    pub(super) fn quarantined_count(&self) -> usize {
        self.panics.values().filter(|panics| **panics == PANICS_MAX).count()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.panics.clear();
    }
}

/// The debug form names every field, and this is never stored: a repeat in this process gives the same text.
fn digest_of(command: &Command) -> u128 {
    crate::ids::derived("command", &[format!("{command:?}").as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_panic_of_the_same_command_quarantines_it_alone() {
        let mut suspects = Suspects::default();
        assert!(!suspects.note(&Command::Open));
        assert!(!suspects.note(&Command::Open));
        assert!(!suspects.note(&Command::Close));
        assert!(suspects.note(&Command::Open));
        assert!(suspects.is_quarantined(&Command::Open));
        assert!(!suspects.is_quarantined(&Command::Close));
        assert_eq!(suspects.quarantined_count(), 1);
    }

    #[test]
    fn a_flood_of_suspects_does_not_set_a_quarantined_one_free() {
        let mut suspects = Suspects::default();
        for _ in 0..PANICS_MAX {
            suspects.note(&Command::Open);
        }
        for holds_max in 0..2_000 {
            suspects.note(&Command::ExpireDue { holds_max });
        }
        assert!(suspects.is_quarantined(&Command::Open));
        assert!(suspects.panics.len() <= SUSPECTS_MAX);
    }
}
