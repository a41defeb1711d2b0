//! What every store of accounts must do. Each rule takes ids of its own, so one store serves all rules.

use usher_core::{AccountId, OrganizerId, UnixMillis};
use usher_engine::accounts::{API_KEYS_MAX, Account, ApiKey, Role, Session, Store};
use usher_engine::ids;
use usher_engine::store::StoreError;

/// All rules.
pub(crate) async fn every_account_store(store: &dyn Store) {
    an_account_is_found_by_id_and_by_email(store).await;
    an_email_is_taken_once(store).await;
    a_password_is_replaced(store).await;
    a_session_lasts_until_its_end_or_its_revocation(store).await;
    a_sweep_takes_only_what_has_ended(store).await;
    a_key_acts_until_its_own_account_revokes_it(store).await;
    keys_of_an_account_are_bounded(store).await;
}

fn account() -> Account {
    let id = ids::fresh();
    Account {
        id: AccountId(id),
        email: format!("ö{id:x}@example.org"),
        password_hash: "$argon2id$v=19$…".to_owned(),
        role: Role::Organizer,
        organizer: OrganizerId(ids::fresh()),
        organizer_name: "Großes Haus".to_owned(),
        created_at: UnixMillis(1_000),
    }
}

async fn created(store: &dyn Store) -> Account {
    let account = account();
    store.create_account(account.clone()).await.unwrap();
    account
}

async fn an_account_is_found_by_id_and_by_email(store: &dyn Store) {
    let plain = created(store).await;
    let admin = Account { role: Role::Admin, ..account() };
    store.create_account(admin.clone()).await.unwrap();
    for account in [plain, admin] {
        assert_eq!(store.account(account.id).await.unwrap(), Some(account.clone()));
        assert_eq!(store.account_by_email(&account.email).await.unwrap(), Some(account));
    }
    assert_eq!(store.account(AccountId(ids::fresh())).await.unwrap(), None);
    assert_eq!(store.account_by_email("nobody@example.org").await.unwrap(), None);
}

async fn an_email_is_taken_once(store: &dyn Store) {
    let first = created(store).await;
    let second = Account { email: first.email.clone(), ..account() };
    assert!(matches!(store.create_account(second.clone()).await, Err(StoreError::Conflict(_))));
    assert_eq!(store.account(second.id).await.unwrap(), None);
    assert_eq!(store.account_by_email(&first.email).await.unwrap(), Some(first));
}

async fn a_password_is_replaced(store: &dyn Store) {
    let account = created(store).await;
    store.set_password_hash(account.id, "another".to_owned()).await.unwrap();
    let changed = Account { password_hash: "another".to_owned(), ..account };
    assert_eq!(store.account(changed.id).await.unwrap(), Some(changed));
}

fn session(account: &Account, expires_at: i64) -> Session {
    Session {
        token_hash: ids::secret(),
        account: account.id,
        created_at: UnixMillis(1_000),
        expires_at: UnixMillis(expires_at),
    }
}

async fn a_session_lasts_until_its_end_or_its_revocation(store: &dyn Store) {
    let account = created(store).await;
    let (short, long) = (session(&account, 2_000), session(&account, 9_000_000));
    for session in [&short, &long] {
        store.create_session(session.clone()).await.unwrap();
    }
    assert_eq!(store.session(short.token_hash, UnixMillis(1_999)).await.unwrap(), Some(short.clone()));
    assert_eq!(store.session(short.token_hash, UnixMillis(2_000)).await.unwrap(), None);
    assert_eq!(store.session(long.token_hash, UnixMillis(2_000)).await.unwrap(), Some(long.clone()));
    for _ in 0..2 {
        store.revoke_session(long.token_hash).await.unwrap();
        assert_eq!(store.session(long.token_hash, UnixMillis(2_000)).await.unwrap(), None);
    }
}

async fn a_sweep_takes_only_what_has_ended(store: &dyn Store) {
    let account = created(store).await;
    let (ended, lasting) = (session(&account, 2_000), session(&account, 9_000_000));
    for session in [&ended, &lasting] {
        store.create_session(session.clone()).await.unwrap();
    }
    while store.sweep_sessions(UnixMillis(3_000)).await.unwrap() > 0 {}
    assert_eq!(store.session(ended.token_hash, UnixMillis(0)).await.unwrap(), None);
    assert_eq!(store.session(lasting.token_hash, UnixMillis(0)).await.unwrap(), Some(lasting));
}

fn key(account: &Account, number: u32) -> ApiKey {
    ApiKey {
        id: format!("key_{:032x}", ids::fresh()),
        key_hash: ids::secret(),
        account: account.id,
        name: format!("till {number}"),
        created_at: UnixMillis(i64::from(number)),
    }
}

async fn a_key_acts_until_its_own_account_revokes_it(store: &dyn Store) {
    let (owner, other) = (created(store).await, created(store).await);
    let key = key(&owner, 1);
    store.create_api_key(key.clone()).await.unwrap();
    assert_eq!(store.api_key(key.key_hash).await.unwrap(), Some(key.clone()));
    assert!(!store.revoke_api_key(other.id, &key.id).await.unwrap());
    assert_eq!(store.api_key(key.key_hash).await.unwrap(), Some(key.clone()));
    assert!(store.revoke_api_key(owner.id, &key.id).await.unwrap());
    assert!(!store.revoke_api_key(owner.id, &key.id).await.unwrap());
    assert_eq!(store.api_key(key.key_hash).await.unwrap(), None);
}

async fn keys_of_an_account_are_bounded(store: &dyn Store) {
    let account = created(store).await;
    let keys: Vec<ApiKey> = (0..API_KEYS_MAX).map(|number| key(&account, number)).collect();
    for key in &keys {
        store.create_api_key(key.clone()).await.unwrap();
    }
    let past = store.create_api_key(key(&account, API_KEYS_MAX)).await;
    assert!(matches!(past, Err(StoreError::Conflict(_))), "{past:?}");
    assert_eq!(store.api_keys(account.id).await.unwrap(), keys);
}
