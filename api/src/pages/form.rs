//! Forms as browsers send them: pairs in order, names may repeat.

use crate::problem::Problem;

/// The fields of one form.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads an urlencoded body.
    pub(super) fn read(body: &[u8]) -> Result<Self, Problem> {
        serde_urlencoded::from_bytes(body).map(Self).map_err(|error| Problem::invalid("", error.to_string()))
    }

    /// The first value of that name, trimmed; empty when there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    /// The value of that name, unless it is empty.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// Every value of that name, trimmed.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.trim())
    }

    /// Every field whose name begins so, with the rest of the name.
    pub(super) fn prefixed<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.trim())))
    }
}

/// A number in a form field.
pub(super) fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::invalid(&format!("/{name}"), "expected a whole number".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_repeat_and_values_are_trimmed() {
        let form = Form::read(b"seat=3&seat=+4+&ga.FLOOR=2&name=").unwrap();
        assert_eq!(form.all("seat").collect::<Vec<_>>(), ["3", "4"]);
        assert_eq!(form.prefixed("ga.").collect::<Vec<_>>(), [("FLOOR", "2")]);
        assert_eq!((form.given("name"), form.text("absent")), (None, ""));
    }
}
