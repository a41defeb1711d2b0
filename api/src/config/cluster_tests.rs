//! Settings of what is kept in a cluster.

use super::{CopiesSettings, Fault, JournalSettings, Layers, StoresSettings};

fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_cluster_is_named_by_the_environment_alone() {
    let mut layers = Layers::default();
    layers.environment(environment(&[
        ("USHER__JOURNAL__KIND", "cql"),
        ("USHER__JOURNAL__CONTACT_POINTS", "[\"10.0.0.1:9042\", \"10.0.0.2:9042\"]"),
        ("USHER__JOURNAL__REPLICATION", "{ dc1 = 3 }"),
        ("USHER__JOURNAL__USERNAME", "usher"),
        ("USHER__JOURNAL__PASSWORD", "hush"),
    ]));
    let settings = layers.settings().unwrap();
    assert!(!toml::to_string(&settings).unwrap().contains("hush"));
    let JournalSettings::Cql { contact_points, keyspace, replication, .. } = settings.journal else {
        panic!("{:?}", settings.journal)
    };
    assert_eq!((contact_points.len(), keyspace.as_str()), (2, "usher"));
    assert_eq!(replication, CopiesSettings::ByDatacenter([("dc1".to_owned(), 3)].into()));
}

#[test]
fn a_cluster_without_an_address_or_with_half_a_login_is_refused() {
    for (text, key) in [
        ("[journal]\nkind = 'cql'", "journal.contact_points"),
        ("[journal]\nkind = 'cql'\ncontact_points = ['a:9042']\nusername = 'u'", "journal.username"),
    ] {
        let mut layers = Layers::default();
        layers.file("f", text);
        let faults = layers.settings().unwrap_err();
        assert_eq!(faults.iter().map(|fault| fault.key.as_str()).collect::<Vec<_>>(), [key]);
    }
}

#[test]
fn stores_in_a_cluster_need_the_journal_in_it_and_no_folder() {
    let of = |text: &str| {
        let mut layers = Layers::default();
        layers.file("f", text);
        layers.settings()
    };
    let keys = |faults: Vec<Fault>| faults.into_iter().map(|fault| fault.key).collect::<Vec<_>>();
    assert_eq!(keys(of("[stores]\nkind = 'cql'").unwrap_err()), ["stores.kind"]);
    let without_address = "[stores]\nkind = 'cql'\n[journal]\nkind = 'cql'\nkeyspac = 'x'";
    assert_eq!(keys(of(without_address).unwrap_err()), ["journal.keyspac", "journal.contact_points"]);
    let whole = of("[stores]\nkind = 'cql'\n[journal]\nkind = 'cql'\ncontact_points = ['a:9042']").unwrap();
    assert_eq!(whole.stores, StoresSettings::Cql { folder: "./data".into() });
}
