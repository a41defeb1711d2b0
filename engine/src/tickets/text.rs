//! Text as it may be printed: composed, on one line, without characters that only steer.
//!
//! Control and bidirectional characters can make a printed name read differently from the stored one, so they go before
//! anything is measured. What is left is printed as it is, as what it stands for, or refused with its name, never
//! replaced by a `?`.

use unicode_normalization::UnicodeNormalization as _;

/// The longest text that is looked at; no box of a ticket holds more.
pub const PRINTABLE_CHARS_MAX: usize = 1_000;

/// The text in composed form (NFC), control and formatting characters removed, white space made single blanks, cut
/// after [`PRINTABLE_CHARS_MAX`] characters.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.nfc().take(PRINTABLE_CHARS_MAX) {
        if character.is_whitespace() {
            if !printable.is_empty() && !printable.ends_with(' ') {
                printable.push(' ');
            }
        } else if !character.is_control() && !steers(character) {
            printable.push(character);
        }
    }
    printable.truncate(printable.trim_end().len());
    printable
}

/// Formatting characters: joiners, marks of direction, variation selectors, tags.
fn steers(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a character belongs to a script that is written from right to left or joined and reordered. Printing such
/// characters one after another from left to right would give a text that nobody can read, whatever the font.
#[must_use]
pub fn needs_shaping(character: char) -> bool {
    matches!(character,
        '\u{590}'..='\u{8ff}' | '\u{900}'..='\u{dff}' | '\u{e80}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{1800}'..='\u{18af}' | '\u{1a20}'..='\u{1aaf}' | '\u{1b00}'..='\u{1c4f}' | '\u{a800}'..='\u{abff}'
        | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}' | '\u{10800}'..='\u{11fff}' | '\u{1e800}'..='\u{1efff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_steer_are_removed_and_white_space_is_single() {
        assert_eq!(printable(" Anna\u{202e}\u{200b}\r\n\t M\u{fc}ller\u{0}\u{7f} "), "Anna Müller");
        assert_eq!(printable("\u{feff}\u{2066}\u{1b}"), "");
    }

    #[test]
    fn letters_with_separate_accents_are_composed() {
        assert_eq!(printable("Zoe\u{308} Łukaz\u{301}"), "Zoë Łukaź");
    }

    #[test]
    fn plain_scripts_need_no_shaping_and_joined_ones_do() {
        assert!("Ąę Ωά Жї ქართ 山田 한글".chars().all(|character| !needs_shaping(character)));
        assert!("שלום سلام नमस्ते".chars().filter(|character| *character != ' ').all(needs_shaping));
    }
}
