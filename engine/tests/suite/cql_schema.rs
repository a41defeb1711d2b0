//! Bringing a keyspace of a real server to this program's schema.

use usher_engine::adapters::cql::{Applied, Cluster, CqlError, Migration, SCHEMA, migrate, migrate_to};

use crate::support::cql::{fresh_settings, home};

const OLDER: &[Migration] = &[Migration { name: "0001_a", cql: "CREATE TABLE IF NOT EXISTS a (x int PRIMARY KEY);\n" }];
const NEWER: &[Migration] =
    &[OLDER[0], Migration { name: "0002_b", cql: "CREATE TABLE IF NOT EXISTS b (x int PRIMARY KEY);\n" }];
const EDITED: &[Migration] =
    &[Migration { name: "0001_a", cql: "CREATE TABLE IF NOT EXISTS a (y int PRIMARY KEY);\n" }];

fn applied(migrations: &[Migration]) -> Result<Applied, CqlError> {
    Ok(Applied { names: migrations.iter().map(|migration| migration.name).collect() })
}

#[tokio::test]
async fn migrators_that_start_together_take_turns() {
    let Some(settings) = fresh_settings("migrators_that_start_together_take_turns") else { return };
    let unmigrated = Cluster::connect(&settings, home()).await.unwrap_err();
    assert!(matches!(&unmigrated, CqlError::Schema(why) if why.contains("usher migrate")), "{unmigrated}");
    let all = futures_util::future::join_all((0..4).map(|_| migrate(&settings, home()))).await;
    let (did, found): (Vec<_>, Vec<_>) = all.into_iter().partition(|outcome| *outcome == applied(SCHEMA));
    assert_eq!((did.len(), found), (1, vec![applied(&[]); 3]));
    let cluster = Cluster::connect(&settings, home()).await.unwrap();
    assert_eq!(cluster.probe().await, Ok(()));
}

#[tokio::test]
async fn a_keyspace_is_brought_forward_and_never_back() {
    let Some(settings) = fresh_settings("a_keyspace_is_brought_forward_and_never_back") else { return };
    assert_eq!(migrate_to(&settings, home(), OLDER).await, applied(OLDER));
    assert_eq!(migrate_to(&settings, home(), NEWER).await, applied(&NEWER[1..]));
    let back = migrate_to(&settings, home(), OLDER).await;
    assert!(matches!(&back, Err(CqlError::Schema(why)) if why.contains("newer version")), "{back:?}");
}

#[tokio::test]
async fn a_released_migration_that_was_edited_is_told() {
    let Some(settings) = fresh_settings("a_released_migration_that_was_edited_is_told") else { return };
    assert_eq!(migrate_to(&settings, home(), OLDER).await, applied(OLDER));
    let edited = migrate_to(&settings, home(), EDITED).await;
    assert!(matches!(&edited, Err(CqlError::Schema(why)) if why.contains("0001_a")), "{edited:?}");
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_told_at_once() {
    let nowhere = usher_engine::adapters::cql::ClusterSettings::new(vec!["127.0.0.1:1".to_owned()], "usher");
    let error = Cluster::connect(&nowhere, home()).await.unwrap_err();
    assert!(matches!(error, CqlError::Unavailable(_)), "{error}");
}
