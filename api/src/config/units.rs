//! Durations and sizes with their unit (`"10m"`, `"64KiB"`), and secrets that never print.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A duration in text: a whole number and `ms`, `s`, `m`, `h` or `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

const SPANS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Span {
    /// So many seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// In milliseconds.
    #[must_use]
    pub fn ms(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let fault =
            || format!("expected a duration such as \"500ms\", \"15s\", \"10m\", \"12h\" or \"7d\", not {text:?}");
        let (count, unit) = split(text).ok_or_else(fault)?;
        let ms = SPANS.iter().find(|(name, _)| *name == unit).ok_or_else(fault)?.1;
        Ok(Self(Duration::from_millis(count.checked_mul(ms).ok_or_else(fault)?)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.ms();
        let (unit, size) = SPANS.iter().find(|(_, size)| ms >= *size && ms.is_multiple_of(*size)).unwrap_or(&("ms", 1));
        write!(f, "{}{unit}", ms / size)
    }
}

/// A size in text: a whole number and `B`, `KiB`, `MiB` or `GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Size {
    /// So many KiB.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// As a length in memory.
    #[must_use]
    pub fn usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Size {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("expected a size such as \"512B\", \"64KiB\", \"8MiB\" or \"1GiB\", not {text:?}");
        let (count, unit) = split(text).ok_or_else(fault)?;
        let bytes = SIZES.iter().find(|(name, _)| *name == unit).ok_or_else(fault)?.1;
        count.checked_mul(bytes).map(Self).ok_or_else(fault)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) =
            SIZES.iter().find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size)).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / size)
    }
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    Some((count.parse().ok()?, unit.trim_start()))
}

macro_rules! text_serde {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

text_serde!(Span, Size);

/// What stands in for a secret wherever settings are shown.
pub const MASK: &str = "(secret)";

/// A secret: given by an environment variable, or by the path of a file that holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret made by the house itself.
    #[must_use]
    pub fn new(secret: String) -> Self {
        Self(secret)
    }

    /// The secret, for the one place that uses it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

/// Where a secret comes from.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum SecretSource {
    Literal(String),
    InFile { file: std::path::PathBuf },
}

impl SecretSource {
    /// The secret itself; `expected` says what it is where it is something else.
    pub(super) fn read<'de, D: Deserializer<'de>>(expected: &str, deserializer: D) -> Result<String, D::Error> {
        let source = Self::deserialize(deserializer).map_err(|error| {
            // Serde asks a missing field for its own error.
            if error.to_string().starts_with("missing field") {
                return error;
            }
            de::Error::custom(format!("expected {expected}"))
        })?;
        match source {
            Self::Literal(secret) => Ok(secret),
            Self::InFile { file } => Ok(std::fs::read_to_string(&file)
                .map_err(|error| de::Error::custom(format!("the secret's file {} : {error}", file.display())))?
                .trim_end()
                .to_owned()),
        }
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let secret = SecretSource::read("a secret from the environment, or { file = \"path\" }", deserializer)?;
        if secret.is_empty() { Err(de::Error::custom("the secret is empty")) } else { Ok(Self(secret)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_read_back_as_they_were_written() {
        for text in ["500ms", "15s", "10m", "36h", "7d", "90s", "1501ms"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        for text in ["1B", "64KiB", "8MiB", "1GiB", "1025B"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        for text in ["", "10", "m", "-1s", "1.5h", "10 parsecs", "99999999999999999999s", "999999999999999999d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::new("sk_test_hush".to_owned());
        assert!(!format!("{secret:?}").contains("hush"));
        assert!(!serde_json::to_string(&secret).unwrap().contains("hush"));
    }
}
