//! Base45 (RFC 9285): bytes as text of the QR code's alphanumeric alphabet.
//!
//! A QR code stores this text at 5.5 bits a character, so that a byte costs 8.25 bits and every scanner reads plain
//! text; raw bytes would be shorter by 3 % and garbled by scanners that guess a character set.

const ALPHABET: &[u8; 45] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/// The text for some bytes: three characters for two bytes, two for a last odd one.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(2) * 3);
    for chunk in bytes.chunks(2) {
        let mut rest = chunk.iter().fold(0_usize, |value, byte| value << 8 | usize::from(*byte));
        for _ in 0..=chunk.len() {
            text.push(char::from(ALPHABET[rest % 45]));
            rest /= 45;
        }
    }
    text
}

/// The bytes of a text, or `None` for anything that [`encode`] never answers: the code is one-to-one.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 3 * 2 + 1);
    for group in text.as_bytes().chunks(3) {
        let value = group.iter().rev().try_fold(0_u32, |value, character| {
            let digit = ALPHABET.iter().position(|known| known == character)?;
            Some(value * 45 + u32::try_from(digit).ok()?)
        })?;
        match group.len() {
            3 => bytes.extend(u16::try_from(value).ok()?.to_be_bytes()),
            2 => bytes.push(u8::try_from(value).ok()?),
            _ => return None,
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_rfc_9285_hold() {
        for (bytes, text) in
            [("AB", "BB8"), ("Hello!!", "%69 VD92EX0"), ("base-45", "UJCLQE7W581"), ("ietf!", "QED8WEX0")]
        {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
        }
        assert_eq!(encode(b""), "");
    }

    #[test]
    fn overflowing_groups_lone_characters_and_strangers_are_refused() {
        for text in ["GGW", ":::", "A", "BB8B", "bb8", "B\u{e9}8", "::"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_byte_string_survives_its_text(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn a_text_that_decodes_is_the_only_text_for_its_bytes(text in "[0-9A-Z $%*+./:-]{0,12}") {
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
