//! Bringing a keyspace to this program's schema.
//!
//! Migrations are CQL under `schema/cql`, numbered by their position. Each is recorded with a digest of its text, so
//! that an edited one is told, and a keyspace of a newer program is refused. CQL has no transaction around changes of a
//! schema: every statement of a migration is of the kind that may be run again (`IF NOT EXISTS`), and the record
//! follows when all of them are done.
//!
//! Two programs that make the same table at once through different nodes may leave the cluster with two ideas of it. So
//! migrators take turns by a lock, a row that ends by itself when its holder is gone; the id of that lock's table follows
//! from the keyspace, so that making it twice makes the same.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scylla::client::session::Session;
use scylla::statement::Statement;
use scylla::value::CqlTimestamp;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::cluster::{carried_over, session, use_keyspace};
use super::statements::Profiles;
use super::{ClusterSettings, CqlError};
use crate::ids;

/// Under what name our migrations are recorded, and the lock taken.
pub(super) const LINE: &str = "usher";
/// How long a migrator that is gone keeps the others waiting.
const LOCK_SECONDS: i32 = 120;
/// How often a waiting migrator looks.
const LOCK_LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long one change of the schema may take: nodes have to agree.
const CHANGE_MAX: Duration = Duration::from_secs(30);

const MIGRATIONS_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (line text, version int, name text, \
     digest blob, applied_at timestamp, PRIMARY KEY (line, version))";

/// One step of the schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The file's name.
    pub name: &'static str,
    /// Its statements, each ended by `;` at the end of a line.
    pub cql: &'static str,
}

/// All of them, oldest first. One that has been released is never edited.
pub const SCHEMA: &[Migration] = &[
    Migration { name: "0001_journal", cql: include_str!("../../../../schema/cql/0001_journal.cql") },
    Migration { name: "0002_accounts", cql: include_str!("../../../../schema/cql/0002_accounts.cql") },
    Migration { name: "0003_catalogue", cql: include_str!("../../../../schema/cql/0003_catalogue.cql") },
    Migration { name: "0004_orders", cql: include_str!("../../../../schema/cql/0004_orders.cql") },
    Migration { name: "0005_payments", cql: include_str!("../../../../schema/cql/0005_payments.cql") },
    Migration { name: "0006_jobs", cql: include_str!("../../../../schema/cql/0006_jobs.cql") },
    Migration { name: "0007_audit_log", cql: include_str!("../../../../schema/cql/0007_audit_log.cql") },
    Migration { name: "0008_nodes", cql: include_str!("../../../../schema/cql/0008_nodes.cql") },
];

/// What a migrator did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Names of the migrations it applied, in order; none when the keyspace was up to date.
    pub names: Vec<&'static str>,
}

/// Makes the keyspace and brings it to [`SCHEMA`]. Any number of programs may do so at once.
///
/// # Errors
/// The settings cannot be, no node answers, or the keyspace was made by a newer program.
pub async fn migrate(settings: &ClusterSettings, home: Handle) -> Result<Applied, CqlError> {
    migrate_to(settings, home, SCHEMA).await
}

/// As [`migrate()`], to another schema.
///
/// # Errors
/// As there.
pub async fn migrate_to(
    settings: &ClusterSettings,
    home: Handle,
    schema: &'static [Migration],
) -> Result<Applied, CqlError> {
    settings.check()?;
    let settings = settings.clone();
    carried_over(&home, async move {
        let session = session(&settings, &Profiles::new(CHANGE_MAX)).await?;
        make_keyspace(&session, &settings).await?;
        use_keyspace(&session, &settings.keyspace).await?;
        change(&session, &lock_table(&settings.keyspace)).await?;
        let lock = Lock { session: &session, holder: Uuid::from_u128(ids::fresh()) };
        lock.take().await?;
        let applied = apply(&session, &lock, schema).await;
        lock.release().await;
        applied
    })
    .await
}

/// Refuses a keyspace that is not exactly of this schema.
pub(super) async fn check(session: &Session, keyspace: &str, schema: &[Migration]) -> Result<(), CqlError> {
    let tables = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?";
    let there = session.query_unpaged(tables, (keyspace, "schema_migrations")).await?.into_rows_result()?;
    let behind = || CqlError::Schema(format!("keyspace {keyspace} is not up to date: run `usher migrate`"));
    if there.rows_num() == 0 {
        return Err(behind());
    }
    let recorded = recorded(session, &format!("{keyspace}.schema_migrations"), schema).await?;
    if recorded < schema.len() { Err(behind()) } else { Ok(()) }
}

async fn make_keyspace(session: &Session, settings: &ClusterSettings) -> Result<(), CqlError> {
    // ScyllaDB spreads keyspaces over tablets unless told otherwise, and has no conditional writes there before 2025.4.
    let scylla = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'system' \
         AND table_name = 'scylla_local'";
    let is_scylla = session.query_unpaged(scylla, ()).await?.into_rows_result()?.rows_num() > 0;
    let tablets = if is_scylla { " AND tablets = {'enabled': false}" } else { "" };
    let ClusterSettings { keyspace, replication, .. } = settings;
    let replication = replication.cql();
    change(session, &format!("CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {replication}{tablets}"))
        .await
}

/// Ids of tables are unique in the whole cluster.
fn lock_table(keyspace: &str) -> String {
    let id = ids::derived("schema_lock", &[keyspace.as_bytes()]);
    let id = uuid::Builder::from_custom_bytes(id.to_be_bytes()).into_uuid();
    format!("CREATE TABLE IF NOT EXISTS schema_lock (line text PRIMARY KEY, holder uuid) WITH ID = {id}")
}

async fn apply(session: &Session, lock: &Lock<'_>, schema: &'static [Migration]) -> Result<Applied, CqlError> {
    change(session, MIGRATIONS_TABLE).await?;
    let done = recorded(session, "schema_migrations", schema).await?;
    let mut names = Vec::new();
    for (version, migration) in (1i32..).zip(schema).skip(done) {
        for statement in statements(migration.cql) {
            lock.keep().await?;
            change(session, &statement).await?;
        }
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let at = CqlTimestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX));
        let record = "INSERT INTO schema_migrations (line, version, name, digest, applied_at) VALUES (?, ?, ?, ?, ?)";
        session.query_unpaged(record, (LINE, version, migration.name, digest(migration), at)).await?;
        names.push(migration.name);
    }
    Ok(Applied { names })
}

/// How many migrations are recorded, if they are the first of `schema`.
async fn recorded(session: &Session, table: &str, schema: &[Migration]) -> Result<usize, CqlError> {
    let select = format!("SELECT version, name, digest FROM {table} WHERE line = ?");
    let result = session.query_unpaged(select, (LINE,)).await?.into_rows_result()?;
    let mut count = 0;
    for row in result.rows::<(i32, String, Vec<u8>)>()? {
        let (version, name, stored) = row?;
        let Some(migration) = schema.get(count) else {
            return Err(CqlError::Schema(format!(
                "the keyspace was made by a newer version of this program (migration {name}, known up to {})",
                schema.len()
            )));
        };
        count += 1;
        if usize::try_from(version) != Ok(count) || stored != digest(migration) {
            return Err(CqlError::Schema(format!("migration {version} ({name}) is not this program's")));
        }
    }
    Ok(count)
}

fn digest(migration: &Migration) -> Vec<u8> {
    Sha256::digest(migration.cql).to_vec()
}

fn statements(cql: &str) -> Vec<String> {
    let lines = cql.lines().filter(|line| !line.trim_start().starts_with("--"));
    let text: Vec<&str> = lines.collect();
    text.join("\n").split(';').map(str::trim).filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
}

async fn change(session: &Session, cql: &str) -> Result<(), CqlError> {
    let mut statement = Statement::new(cql);
    statement.set_request_timeout(Some(CHANGE_MAX));
    session.query_unpaged(statement, ()).await?;
    Ok(())
}

/// The right to change the schema; ends by itself when it is not kept.
struct Lock<'a> {
    session: &'a Session,
    holder: Uuid,
}

impl Lock<'_> {
    async fn take(&self) -> Result<(), CqlError> {
        let insert = "INSERT INTO schema_lock (line, holder) VALUES (?, ?) IF NOT EXISTS USING TTL ?";
        // Ends when the holder releases it or its time is up; who holds it for long is alive and keeps it.
        loop {
            if self.is_applied(insert, (LINE, self.holder, LOCK_SECONDS)).await? || self.is_mine().await? {
                return Ok(());
            }
            tracing::info!("another program is changing the schema; waiting for it");
            tokio::time::sleep(LOCK_LOOK_EVERY).await;
        }
    }

    async fn keep(&self) -> Result<(), CqlError> {
        let update = "UPDATE schema_lock USING TTL ? SET holder = ? WHERE line = ? IF holder = ?";
        if self.is_applied(update, (LOCK_SECONDS, self.holder, LINE, self.holder)).await? {
            return Ok(());
        }
        Err(CqlError::Unavailable("the lock on the schema was lost; run it again".to_owned()))
    }

    async fn release(&self) {
        let delete = "DELETE FROM schema_lock WHERE line = ? IF holder = ?";
        if let Err(error) = self.is_applied(delete, (LINE, self.holder)).await {
            tracing::warn!(%error, "the lock on the schema ends by itself in {LOCK_SECONDS} s");
        }
    }

    /// A try whose answer was lost may have been the one that took it.
    async fn is_mine(&self) -> Result<bool, CqlError> {
        let mut select = Statement::new("SELECT holder FROM schema_lock WHERE line = ?");
        select.set_consistency(scylla::statement::Consistency::Serial);
        let held = self.session.query_unpaged(select, (LINE,)).await?.into_rows_result()?;
        Ok(held.maybe_first_row::<(Option<Uuid>,)>()?.is_some_and(|(holder,)| holder == Some(self.holder)))
    }

    async fn is_applied(&self, cql: &str, values: impl scylla::serialize::row::SerializeRow) -> Result<bool, CqlError> {
        super::statements::is_applied(self.session.query_unpaged(cql, values).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_is_cut_at_its_semicolons_and_not_in_its_comments() {
        let cql = "-- one; two\nCREATE TABLE a (\n    -- a; key\n    x int PRIMARY KEY\n);\n\nCREATE TABLE b (y int PRIMARY KEY);\n";
        assert_eq!(
            statements(cql),
            ["CREATE TABLE a (\n    x int PRIMARY KEY\n)", "CREATE TABLE b (y int PRIMARY KEY)"]
        );
    }

    #[test]
    fn every_statement_of_the_schema_may_be_run_again() {
        for migration in SCHEMA {
            let statements = statements(migration.cql);
            assert!(!statements.is_empty(), "{}", migration.name);
            for statement in statements {
                assert!(statement.contains("IF NOT EXISTS"), "{}: {statement}", migration.name);
            }
        }
    }
}
