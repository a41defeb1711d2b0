//! Accounts, by id and by e-mail.
//!
//! An account is written first and can be found by nobody; it is there once its e-mail is claimed for it, which only
//! one can do. A crash in between leaves an account that no e-mail leads to, and an address that is still free.

use std::sync::Arc;

use async_trait::async_trait;
use scylla::client::session::Session as Driver;
use usher_core::{AccountId, OrganizerId, UnixMillis};

use super::api_keys::ApiKeys;
use super::lists::{BucketIndex, ListSpec, Pointer};
use super::rows::{Change, Record, Rows};
use super::sessions::Sessions;
use super::values::{self, Columns, Name, Value, id, text, time};
use super::{Cluster, CqlError};
use crate::accounts::{Account, ApiKey, Session, Store};
use crate::store::StoreError;

/// [`Store`] over CQL.
pub(super) struct CqlAccounts {
    cluster: Arc<Cluster>,
    tables: Arc<Tables>,
}

struct Tables {
    accounts: Rows<Account>,
    emails: Rows<EmailClaim>,
    sessions: Sessions,
    api_keys: ApiKeys,
}

/// Whose an e-mail address is.
#[derive(Debug, Clone)]
struct EmailClaim {
    email: String,
    account: AccountId,
}

impl CqlAccounts {
    pub(super) async fn prepare(cluster: &Arc<Cluster>, index: &Arc<BucketIndex>) -> Result<Self, CqlError> {
        let tables = Tables {
            accounts: Rows::prepare(cluster, index).await?,
            emails: Rows::prepare(cluster, index).await?,
            sessions: Sessions::prepare(cluster, index).await?,
            api_keys: ApiKeys::prepare(cluster).await?,
        };
        Ok(Self { cluster: Arc::clone(cluster), tables: Arc::new(tables) })
    }
}

#[async_trait]
impl Store for CqlAccounts {
    async fn create_account(&self, account: Account) -> Result<(), StoreError> {
        let tables = Arc::clone(&self.tables);
        self.cluster.call(|cluster| async move { tables.create(cluster.session(), account).await }).await
    }

    async fn account_by_email(&self, email: &str) -> Result<Option<Account>, StoreError> {
        let (tables, email) = (Arc::clone(&self.tables), Name::Text(email.to_owned()));
        self.cluster
            .call(|cluster| async move {
                let Some(claim) = tables.emails.read(cluster.session(), &email).await? else { return Ok(None) };
                let account = Name::Id(claim.row.account.0);
                Ok(tables.accounts.read(cluster.session(), &account).await?.map(|stored| stored.row))
            })
            .await
    }

    async fn account(&self, account: AccountId) -> Result<Option<Account>, StoreError> {
        let tables = Arc::clone(&self.tables);
        self.cluster
            .call(|cluster| async move {
                let stored = tables.accounts.read(cluster.session(), &Name::Id(account.0)).await?;
                Ok(stored.map(|stored| stored.row))
            })
            .await
    }

    async fn set_password_hash(&self, account: AccountId, password_hash: String) -> Result<(), StoreError> {
        let tables = Arc::clone(&self.tables);
        self.cluster
            .call(|cluster| async move {
                let change = |account: Option<&Account>| match account {
                    Some(account) => {
                        Ok(Change::Put(Account { password_hash: password_hash.clone(), ..account.clone() }))
                    }
                    None => Err(StoreError::Conflict("there is no such account")),
                };
                tables.accounts.change(cluster.session(), &Name::Id(account.0), change).await.map(drop)
            })
            .await
    }

    async fn create_session(&self, session: Session) -> Result<(), StoreError> {
        let tables = Arc::clone(&self.tables);
        self.cluster.call(|cluster| async move { tables.sessions.create(cluster.session(), session).await }).await
    }

    async fn session(&self, token_hash: [u8; 32], now: UnixMillis) -> Result<Option<Session>, StoreError> {
        let tables = Arc::clone(&self.tables);
        self.cluster
            .call(|cluster| async move {
                let session = tables.sessions.read(cluster.session(), token_hash).await?;
                Ok(session.filter(|session| session.expires_at > now))
            })
            .await
    }

    async fn revoke_session(&self, token_hash: [u8; 32]) -> Result<(), StoreError> {
        let tables = Arc::clone(&self.tables);
        self.cluster
            .call(|cluster| async move { Ok(tables.sessions.remove(cluster.session(), token_hash).await?) })
            .await
    }

    async fn sweep_sessions(&self, now: UnixMillis) -> Result<u32, StoreError> {
        let tables = Arc::clone(&self.tables);
        self.cluster.call(|cluster| async move { Ok(tables.sessions.sweep(cluster.session(), now).await?) }).await
    }

    async fn create_api_key(&self, key: ApiKey) -> Result<(), StoreError> {
        let tables = Arc::clone(&self.tables);
        self.cluster.call(|cluster| async move { tables.api_keys.create(cluster.session(), key).await }).await
    }

    async fn api_key(&self, key_hash: [u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        let tables = Arc::clone(&self.tables);
        self.cluster.call(|cluster| async move { Ok(tables.api_keys.read(cluster.session(), key_hash).await?) }).await
    }

    async fn api_keys(&self, account: AccountId) -> Result<Vec<ApiKey>, StoreError> {
        let tables = Arc::clone(&self.tables);
        self.cluster
            .call(|cluster| async move { Ok(tables.api_keys.of_account(cluster.session(), account).await?.keys) })
            .await
    }

    async fn revoke_api_key(&self, account: AccountId, key: &str) -> Result<bool, StoreError> {
        let (tables, key) = (Arc::clone(&self.tables), key.to_owned());
        self.cluster.call(|cluster| async move { tables.api_keys.revoke(cluster.session(), account, &key).await }).await
    }
}

impl Tables {
    async fn create(&self, session: &Driver, account: Account) -> Result<(), StoreError> {
        let (key, email) = (Name::Id(account.id.0), Name::Text(account.email.clone()));
        let claim = EmailClaim { email: account.email.clone(), account: account.id };
        let create = |known: Option<&Account>| match known {
            None => Ok(Change::Put(account.clone())),
            Some(_) => Err(StoreError::Conflict("the account is there already")),
        };
        self.accounts.change(session, &key, create).await?;
        let take = |taken: Option<&EmailClaim>| match taken {
            None => Ok(Change::Put(claim.clone())),
            Some(_) => Err(StoreError::Conflict("the e-mail address is taken")),
        };
        let claimed = self.emails.change(session, &email, take).await;
        if let Err(StoreError::Conflict(_)) = claimed {
            self.accounts.change(session, &key, |_| Ok(Change::Remove)).await?;
        }
        claimed.map(drop)
    }
}

impl Record for Account {
    const TABLE: &'static str = "accounts";
    const COLUMNS: &'static [&'static str] =
        &["account", "email", "password_hash", "role", "organizer", "organizer_name", "created_at"];
    const LISTS: &'static [&'static ListSpec] = &[];

    fn key(&self) -> Name {
        Name::Id(self.id.0)
    }

    fn values(&self) -> Result<Vec<Value>, CqlError> {
        Ok(vec![
            text(&self.email),
            text(&self.password_hash),
            text(&values::word(&self.role)?),
            id(self.organizer.0),
            text(&self.organizer_name),
            time(self.created_at),
        ])
    }

    fn of(columns: &mut Columns) -> Result<Self, CqlError> {
        Ok(Self {
            id: AccountId(columns.id()?),
            email: columns.text()?,
            password_hash: columns.text()?,
            role: columns.word()?,
            organizer: OrganizerId(columns.id()?),
            organizer_name: columns.text()?,
            created_at: columns.time()?,
        })
    }

    fn pointers(&self) -> Vec<Pointer> {
        Vec::new()
    }
}

impl Record for EmailClaim {
    const TABLE: &'static str = "account_emails";
    const COLUMNS: &'static [&'static str] = &["email", "account"];
    const LISTS: &'static [&'static ListSpec] = &[];

    fn key(&self) -> Name {
        Name::Text(self.email.clone())
    }

    fn values(&self) -> Result<Vec<Value>, CqlError> {
        Ok(vec![id(self.account.0)])
    }

    fn of(columns: &mut Columns) -> Result<Self, CqlError> {
        Ok(Self { email: columns.text()?, account: AccountId(columns.id()?) })
    }

    fn pointers(&self) -> Vec<Pointer> {
        Vec::new()
    }
}
