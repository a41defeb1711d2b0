//! Stripe's form encoding: flat pairs whose names nest in brackets, `metadata[order]=ord_1`.

use std::collections::BTreeMap;

use super::refusal::Refusal;

/// The most pairs of one request.
const PAIRS_MAX: usize = 200;

/// The parameters of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a body or a query.
    pub(super) fn parse(encoded: &[u8]) -> Result<Self, Refusal> {
        if !is_well_escaped(encoded) {
            return Err(Refusal::bad_parameter("", "Invalid URL escape."));
        }
        let pairs: Vec<(String, String)> =
            serde_urlencoded::from_bytes(encoded).map_err(|error| Refusal::bad_parameter("", &error.to_string()))?;
        if pairs.len() > PAIRS_MAX {
            return Err(Refusal::bad_parameter("", "too many parameters"));
        }
        Ok(Self(pairs.into_iter().collect()))
    }

    /// Refuses what is not `known`; a name that ends in `[]` stands for all that nest in it.
    pub(super) fn expect_only(&self, known: &[&str]) -> Result<(), Refusal> {
        let fits = |name: &str| {
            known.iter().any(|known| match known.strip_suffix("[]") {
                Some(outer) => name.strip_prefix(outer).is_some_and(|rest| rest.starts_with('[')),
                None => name == *known,
            })
        };
        match self.0.keys().find(|name| !fits(name)) {
            Some(unknown) => Err(Refusal::unknown_parameter(unknown)),
            None => Ok(()),
        }
    }

    /// A parameter; an empty one is none.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| Refusal::missing_parameter(name))
    }

    /// One of a few words; an empty one is none of them.
    pub(super) fn one_of(&self, name: &str, words: &[&str]) -> Result<Option<&str>, Refusal> {
        match self.0.get(name).map(String::as_str) {
            None => Ok(None),
            Some(word) if words.contains(&word) => Ok(Some(word)),
            Some(other) => {
                let message = format!("Invalid {name}: must be one of {}, not '{other}'", words.join(", "));
                Err(Refusal::bad_parameter(name, &message))
            }
        }
    }

    /// A whole number above zero.
    pub(super) fn amount(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.0.get(name) else { return Ok(None) };
        match text.parse() {
            Ok(amount @ 1..=99_999_999_999) => Ok(Some(amount)),
            Ok(_) | Err(_) => Err(Refusal::bad_parameter(name, &format!("Invalid integer: {text}"))),
        }
    }

    /// What nests in `name`, one level deep.
    pub(super) fn nested(&self, name: &str) -> BTreeMap<String, String> {
        let inner = |key: &str| Some(key.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?.to_owned());
        self.0.iter().filter_map(|(key, value)| Some((inner(key)?, value.clone()))).collect()
    }
}

/// Whether every `%` is followed by two digits.
fn is_well_escaped(encoded: &[u8]) -> bool {
    let mut rest = encoded.split(|byte| *byte == b'%');
    // Before the first there is nothing to look at.
    let _ = rest.next();
    rest.all(|after| after.len() >= 2 && after[..2].iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_nest_whether_they_are_escaped_or_not() {
        let form = Form::parse(b"amount=500&metadata[order]=a+b&metadata%5Bevent%5D=c&card[number]=4").unwrap();
        assert_eq!(form.amount("amount"), Ok(Some(500)));
        let metadata = form.nested("metadata");
        assert_eq!((metadata["order"].as_str(), metadata["event"].as_str(), metadata.len()), ("a b", "c", 2));
        assert_eq!(form.text("card[number]"), Some("4"));
    }

    #[test]
    fn an_unknown_parameter_is_named_in_the_refusal() {
        let form = Form::parse(b"amount=5&metadata[a]=b&surprise=1").unwrap();
        let refusal = form.expect_only(&["amount", "metadata[]"]).unwrap_err();
        assert_eq!((refusal.code.as_deref(), refusal.param.as_deref()), (Some("parameter_unknown"), Some("surprise")));
        assert_eq!(form.expect_only(&["amount", "metadata[]", "surprise"]), Ok(()));
        assert!(form.expect_only(&["amount", "metadata", "surprise"]).is_err());
    }

    #[test]
    fn amounts_are_whole_and_above_zero() {
        for bad in ["0", "-5", "1.5", "ten", "100000000000", ""] {
            let form = Form::parse(format!("amount={bad}").as_bytes()).unwrap();
            assert!(form.amount("amount").is_err(), "{bad}");
        }
        assert_eq!(Form::default().amount("amount"), Ok(None));
    }

    #[test]
    fn a_broken_escape_is_refused_wherever_it_stands() {
        for bad in ["a=%", "a=%2", "a=%zz&b=1", "%g0=1"] {
            assert!(Form::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(Form::parse(b"a=%20%C3%A9").unwrap().text("a"), Some(" \u{e9}"));
    }
}
