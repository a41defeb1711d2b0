//! The one node that all tests of a process share.

use std::sync::OnceLock;

use crate::cassandra::{Cassandra, jars, skip};

/// Where the servers of a test are.
pub(crate) enum Cql {
    /// Started by this process.
    Started(Cassandra),
    /// Named by the environment.
    Named(Vec<String>),
}

impl Cql {
    pub(crate) fn contact_points(&self) -> Vec<String> {
        match self {
            Self::Started(cassandra) => cassandra.addresses().iter().map(ToString::to_string).collect(),
            Self::Named(addresses) => addresses.clone(),
        }
    }

    /// Copies of each row that so many nodes can keep.
    pub(crate) fn copies_count(&self) -> u8 {
        u8::try_from(self.contact_points().len()).unwrap().min(3)
    }
}

/// The one node that all tests of this process share; `None` when there is none and there need not be.
pub(crate) fn shared(test: &str) -> Option<&'static Cql> {
    static SHARED: OnceLock<Option<Cql>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| match named() {
        Some(addresses) => Some(Cql::Named(addresses)),
        None => jars().map(|jars| Cql::Started(Cassandra::start(&jars, 1))),
    });
    if shared.is_none() {
        skip(test);
    }
    shared.as_ref()
}

fn named() -> Option<Vec<String>> {
    let addresses = std::env::var("USHER_TEST_CQL").ok()?;
    Some(addresses.split(',').map(|address| address.trim().to_owned()).collect())
}
