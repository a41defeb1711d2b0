//! This node, where several share one house.

use serde::{Deserialize, Serialize};

use super::units::Span;
use super::{Fault, JournalSettings, PaymentsSettings, Settings, StoresSettings, TicketStoreSettings};

/// Longest name of a node.
const ID_CHARS_MAX: usize = 32;

/// This node, where several share one house.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodeSettings {
    /// Its name among the others; empty where it is the only one.
    pub id: String,
    /// The base URL that the others reach it by.
    pub address: String,
    /// How long it may be silent before others take what it owned.
    pub lease: Span,
}

impl Default for NodeSettings {
    fn default() -> Self {
        Self { id: String::new(), address: String::new(), lease: Span::seconds(3) }
    }
}

impl NodeSettings {
    /// Whether there are others.
    #[must_use]
    pub fn is_one_of_several(&self) -> bool {
        !self.id.is_empty()
    }
}

/// What cannot be of a node among others.
pub(super) fn faults(settings: &Settings) -> Vec<Fault> {
    let node = &settings.node;
    let mut faults = Vec::new();
    let mut check = |holds: bool, key: &str, what: &str| {
        if !holds {
            faults.push(Fault { key: key.to_owned(), what: what.to_owned() });
        }
    };
    let lasts = node.lease >= Span::seconds(1) && node.lease <= Span::seconds(60);
    check(lasts, "node.lease", "must be at least 1s and at most 1m");
    if !node.is_one_of_several() {
        check(node.address.is_empty(), "node.address", "needs node.id");
        return faults;
    }
    let is_name =
        node.id.len() <= ID_CHARS_MAX && node.id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    check(is_name, "node.id", "must be up to 32 letters, digits, hyphens, underscores and dots");
    check(node.address.starts_with("http://"), "node.address", "must begin with http://");
    // A node that gave a request up must not say so before the one that asked stops listening: it would pass for unsent.
    let outlasts = settings.server.deadline >= Span::seconds(3);
    check(outlasts, "server.deadline", "must be at least 3s where there are several nodes");
    let shares = matches!(settings.stores, StoresSettings::Cql { .. });
    check(shares, "node.id", "several nodes need stores.kind = \"cql\"");
    let decides = matches!(settings.journal, JournalSettings::Cql { .. });
    check(decides, "node.id", "several nodes need journal.kind = \"cql\"");
    let prints = matches!(settings.ticket_store, TicketStoreSettings::S3(_));
    check(prints, "node.id", "several nodes need ticket_store.kind = \"s3\": a folder is one node's own");
    let pays = match &settings.payments {
        PaymentsSettings::Sandbox { url } => !url.is_empty(),
        PaymentsSettings::Stripe { .. } => true,
    };
    check(
        pays,
        "node.id",
        "several nodes need payments.kind = \"stripe\", or a sandbox that they share by payments.url",
    );
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(node: NodeSettings) -> Vec<String> {
        let settings = Settings { node, ..Settings::default() };
        faults(&settings).iter().map(|fault| format!("{}: {}", fault.key, fault.what)).collect()
    }

    #[test]
    fn what_several_nodes_lack_is_told_all_at_once() {
        assert_eq!(told(NodeSettings::default()), [""; 0]);
        let node = NodeSettings { id: "a b".to_owned(), address: "node-a:8080".to_owned(), lease: Span::seconds(0) };
        let told = told(node);
        let wanted = ["1s", "letters", "http://", "stores.kind", "journal.kind", "ticket_store.kind", "payments.url"];
        assert_eq!(told.len(), wanted.len(), "{told:#?}");
        for (told, wanted) in told.iter().zip(wanted) {
            assert!(told.contains(wanted), "{told} does not say {wanted}");
        }
    }

    #[test]
    fn an_address_without_a_name_is_no_node() {
        let node = NodeSettings { address: "http://a:8080".to_owned(), ..NodeSettings::default() };
        assert_eq!(told(node), ["node.address: needs node.id"]);
    }
}
