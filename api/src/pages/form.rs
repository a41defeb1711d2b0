//! Forms as browsers send them: pairs in order, names may repeat.

use usher_core::{Currency, Minor};

use crate::problem::Problem;

/// The fields of one form.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads an urlencoded body.
    pub(super) fn read(body: &[u8]) -> Result<Self, Problem> {
        serde_urlencoded::from_bytes(body).map(Self).map_err(|error| Problem::invalid("", error.to_string()))
    }

    /// A form that is shown for the first time, with what its fields suggest.
    pub(super) fn of(fields: &[(&str, &str)]) -> Self {
        Self(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// The first value of that name, trimmed; empty when there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    /// The first value of that name is this one.
    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.text(name) == value
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

/// A number in a field that the page filled in itself.
pub(super) fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::invalid(&format!("/{name}"), "expected a whole number".to_owned()))
}

fn digits(currency: Currency) -> u32 {
    let exponent = iso_currency::Currency::from_code(currency.as_str()).and_then(iso_currency::Currency::exponent);
    u32::from(exponent.unwrap_or(2))
}

/// An amount as people write it, `45` or `45.50`, in minor units. No rounding: digits past the currency's are refused.
pub(super) fn amount(text: &str, currency: Currency) -> Result<Minor, String> {
    let digits = digits(currency);
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let fits = !whole.is_empty()
        && part.len() <= digits as usize
        && (whole.to_owned() + part).bytes().all(|byte| byte.is_ascii_digit());
    let minor = fits.then(|| format!("{whole}{part:0<width$}", width = digits as usize).parse().ok()).flatten();
    minor.map(Minor).ok_or_else(|| match digits {
        0 => format!("an amount in {currency} without decimals, such as 45"),
        _ => format!("an amount in {currency} with at most {digits} decimals, such as 45 or 45.50"),
    })
}

/// An amount as the form shows it.
pub(super) fn amount_text(amount: Minor, currency: Currency) -> String {
    let digits = digits(currency);
    let unit = 10_u64.pow(digits);
    if digits == 0 {
        return amount.0.to_string();
    }
    format!("{}.{:0width$}", amount.0 / unit, amount.0 % unit, width = digits as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_without_rounding() {
        let euro: Currency = "EUR".parse().unwrap();
        let read = |text: &str, currency: &str| amount(text, currency.parse().unwrap()).ok();
        for (text, minor) in [("45", 4_500), ("45.5", 4_550), ("45,05", 4_505), ("0", 0)] {
            assert_eq!(read(text, "EUR"), Some(Minor(minor)), "{text}");
            assert_eq!(read(&amount_text(Minor(minor), euro), "EUR"), Some(Minor(minor)));
        }
        assert_eq!((read("4500", "JPY"), read("1.250", "KWD")), (Some(Minor(4_500)), Some(Minor(1_250))));
        for wrong in ["", "-1", "1.234", "1e3", "x"] {
            assert_eq!(read(wrong, "EUR"), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_may_repeat_and_values_are_trimmed() {
        let form = Form::read(b"seat=3&seat=+4+&ga.FLOOR=2&name=").unwrap();
        assert_eq!(form.all("seat").collect::<Vec<_>>(), ["3", "4"]);
        assert_eq!(form.prefixed("ga.").collect::<Vec<_>>(), [("FLOOR", "2")]);
        assert_eq!((form.given("name"), form.text("absent")), (None, ""));
    }
}
