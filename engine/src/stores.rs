//! Everything durable besides the journal, wherever it is kept.

use std::sync::Arc;

use crate::audit_log::AuditLog;
use crate::orders::{Contacts, Views};
use crate::payments::{Inbox, Payments};
use crate::{accounts, catalogue, jobs};

/// One of each. Clones share what they are kept in.
#[derive(Clone)]
pub struct Stores {
    /// Accounts, sessions and keys: who may act.
    pub accounts: Arc<dyn accounts::Store>,
    /// Events and plans: what there is.
    pub catalogue: Arc<dyn catalogue::Store>,
    /// Orders and sales: what follows from the journal.
    pub views: Arc<dyn Views>,
    /// Names and e-mails of orders: who bought.
    pub contacts: Arc<dyn Contacts>,
    /// The provider's side of orders.
    pub payments: Arc<dyn Payments>,
    /// Received webhooks: what the provider told us.
    pub inbox: Arc<dyn Inbox>,
    /// What is to be done.
    pub jobs: Arc<dyn jobs::DurableQueue>,
    /// Who did what.
    pub audit_log: Arc<dyn AuditLog>,
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stores").finish_non_exhaustive()
    }
}
