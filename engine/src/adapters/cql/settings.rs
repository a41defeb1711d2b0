//! What a cluster is reached by.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::CqlError;

/// Longest name of a keyspace that both servers take.
const KEYSPACE_CHARS_MAX: usize = 48;

/// A cluster, and our keyspace in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSettings {
    /// `host:port` of some nodes; the others are learned from them.
    pub contact_points: Vec<String>,
    /// Our keyspace: lower-case letters, digits and `_`.
    pub keyspace: String,
    /// How often the keyspace keeps each row; used when it is made.
    pub replication: Replication,
    /// The datacenter whose nodes are asked first. Owners may be in any: conditional writes are agreed on across all.
    pub datacenter: Option<String>,
    /// Who to log in as.
    pub login: Option<Login>,
    /// The longest one statement may take. A node that went silent is noticed only by this.
    pub request_max: Duration,
    /// Where nodes are reached that announce an address of their own network. Empty: as announced.
    pub address_map: HashMap<SocketAddr, SocketAddr>,
}

impl ClusterSettings {
    /// The longest one statement may take, unless said otherwise.
    pub const REQUEST_MAX: Duration = Duration::from_secs(2);

    /// A cluster with nothing special about it: three copies, no login.
    #[must_use]
    pub fn new(contact_points: Vec<String>, keyspace: &str) -> Self {
        Self {
            contact_points,
            keyspace: keyspace.to_owned(),
            replication: Replication::Simple { copies_count: 3 },
            datacenter: None,
            login: None,
            request_max: Self::REQUEST_MAX,
            address_map: HashMap::new(),
        }
    }

    /// # Errors
    /// A name or number that no cluster takes.
    pub fn check(&self) -> Result<(), CqlError> {
        let refuse = |what: &str| Err(CqlError::Settings(what.to_owned()));
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let starts_well = self.keyspace.starts_with(|c: char| c.is_ascii_lowercase());
        if !starts_well || !self.keyspace.chars().all(is_plain) || self.keyspace.len() > KEYSPACE_CHARS_MAX {
            return refuse("the keyspace must be a letter and then up to 47 of a-z, 0-9 and _");
        }
        if self.contact_points.is_empty() {
            return refuse("at least one contact point is needed");
        }
        self.replication.check()
    }
}

/// How often a keyspace keeps each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replication {
    /// One datacenter, whatever its name.
    Simple {
        /// Copies of each row.
        copies_count: u8,
    },
    /// Named datacenters.
    ByDatacenter {
        /// Copies of each row, by datacenter.
        copies_count: BTreeMap<String, u8>,
    },
}

impl Replication {
    fn check(&self) -> Result<(), CqlError> {
        let counts: Vec<u8> = match self {
            Self::Simple { copies_count } => vec![*copies_count],
            Self::ByDatacenter { copies_count } => copies_count.values().copied().collect(),
        };
        let names_are_plain = match self {
            Self::Simple { .. } => true,
            Self::ByDatacenter { copies_count } => {
                copies_count.keys().all(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)))
            }
        };
        if counts.is_empty() || counts.contains(&0) || !names_are_plain {
            return Err(CqlError::Settings("replication needs a count of at least 1 for each datacenter".to_owned()));
        }
        Ok(())
    }

    /// As CQL writes it.
    pub(super) fn cql(&self) -> String {
        match self {
            Self::Simple { copies_count } => {
                format!("{{'class': 'SimpleStrategy', 'replication_factor': {copies_count}}}")
            }
            Self::ByDatacenter { copies_count } => {
                let each: String = copies_count.iter().map(|(name, count)| format!(", '{name}': {count}")).collect();
                format!("{{'class': 'NetworkTopologyStrategy'{each}}}")
            }
        }
    }
}

/// Who to log in as.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The role.
    pub user: String,
    /// Its secret; never printed.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(keyspace: &str) -> ClusterSettings {
        ClusterSettings::new(vec!["127.0.0.1:9042".to_owned()], keyspace)
    }

    #[test]
    fn a_keyspace_that_would_be_more_than_a_name_is_refused() {
        assert_eq!(named("usher_2").check(), Ok(()));
        for bad in ["", "2usher", "Usher", "usher; DROP", "a-b", &"u".repeat(49)] {
            assert!(named(bad).check().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn replication_is_written_as_cql_takes_it() {
        let by_datacenter = |name: &str, count| Replication::ByDatacenter {
            copies_count: BTreeMap::from([(name.to_owned(), count), ("dc2".to_owned(), 2)]),
        };
        assert_eq!(by_datacenter("dc1", 3).cql(), "{'class': 'NetworkTopologyStrategy', 'dc1': 3, 'dc2': 2}");
        for bad in [by_datacenter("dc1", 0), by_datacenter("d'c", 1), Replication::Simple { copies_count: 0 }] {
            assert!(ClusterSettings { replication: bad.clone(), ..named("usher") }.check().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        let login = Login { user: "usher".to_owned(), password: "sesame".to_owned() };
        assert!(!format!("{login:?}").contains("sesame"));
    }
}
