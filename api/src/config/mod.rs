//! Settings: defaults < file < environment (`USHER__SERVER__LISTEN`) < command line, every fault told at once.
//!
//! A library for layered settings was refused: they stop at the first fault, and an operator who fixes a file line by
//! line with a restart between is the reason for this one.

mod choice;
#[cfg(test)]
mod cluster_tests;
mod layers;
mod node;
mod redis;
mod settings;
mod ticket_store;
pub mod units;

pub use layers::{ENV_PREFIX, Fault, Layers};
pub use node::NodeSettings;
pub use redis::{RedisSettings, RedisUrl};
pub use settings::{
    AccountsSettings, CopiesSettings, EventsSettings, JobsSettings, JournalSettings, KeysSettings, LiveSettings,
    LogFormat, LogSettings, MailSettings, PaymentsSettings, Registration, ServerSettings, Settings, SmtpTls,
    StoresSettings, TicketsSettings,
};
pub use ticket_store::{BucketAddressing, BucketDownloads, BucketSettings, TicketStoreSettings};

use units::Span;

impl Settings {
    /// The address people use, without a slash at its end; `bound` is where the server really listens.
    #[must_use]
    pub fn public_url(&self, bound: std::net::SocketAddr) -> String {
        if self.server.public_url.is_empty() {
            format!("http://{bound}")
        } else {
            self.server.public_url.trim_end_matches('/').to_owned()
        }
    }

    /// What cannot be, although every value is of the right kind.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut check = |holds: bool, key: &str, what: &str| {
            if !holds {
                faults.push(Fault { key: key.to_owned(), what: what.to_owned() });
            }
        };
        let server = &self.server;
        let url = server.public_url.as_str();
        let is_url = url.is_empty() || url.starts_with("http://") || url.starts_with("https://");
        check(is_url, "server.public_url", "must begin with http:// or https://");
        check(server.workers_count > 0, "server.workers_count", "must be at least 1");
        check(server.connections_max > 0, "server.connections_max", "must be at least 1");
        check(server.in_flight_max > 0, "server.in_flight_max", "must be at least 1");
        check(server.deadline >= Span::seconds(1), "server.deadline", "must be at least 1s");
        check(server.body_max.0 >= 1_024, "server.body_max", "must be at least 1KiB");
        check(server.plan_body_max >= server.body_max, "server.plan_body_max", "must be at least server.body_max");
        check(self.events.gate_permits_max > 0, "events.gate_permits_max", "must be at least 1");
        check(self.events.threads_count > 0, "events.threads_count", "must be at least 1");
        check(self.events.schedule_every.ms() >= 100, "events.schedule_every", "must be at least 100ms");
        check(self.tickets.threads_count > 0, "tickets.threads_count", "must be at least 1");
        for font in &self.tickets.fonts {
            check(font.is_file(), "tickets.fonts", &format!("there is no file {}", font.display()));
        }
        check(self.jobs.at_once_max > 0, "jobs.at_once_max", "must be at least 1");
        check(self.jobs.lease >= Span::seconds(5), "jobs.lease", "must be at least 5s");
        check(self.jobs.back_off_max >= Span::seconds(1), "jobs.back_off_max", "must be at least 1s");
        check(self.accounts.session >= Span::seconds(60), "accounts.session", "must be at least 1m");
        check(self.accounts.login_burst_max > 0, "accounts.login_burst_max", "must be at least 1");
        check(self.live.heartbeat >= Span::seconds(1), "live.heartbeat", "must be at least 1s");
        let (stores_in_cluster, journal_in_cluster) =
            (matches!(self.stores, StoresSettings::Cql { .. }), matches!(self.journal, JournalSettings::Cql { .. }));
        let needs = "cql needs [journal] kind = \"cql\": its cluster keeps the stores too";
        check(!stores_in_cluster || journal_in_cluster, "stores.kind", needs);
        if let JournalSettings::Cql { username, password, .. } = &self.journal {
            check(
                username.is_some() == password.is_some(),
                "journal.username",
                "needs journal.password, and it needs it",
            );
        }
        if let PaymentsSettings::Sandbox { url } = &self.payments {
            let is_url = url.is_empty() || url.starts_with("http://") || url.starts_with("https://");
            check(is_url, "payments.url", "must begin with http:// or https://, or be empty");
        }
        if let PaymentsSettings::Stripe { secret_key, webhook_secrets, publishable_key, .. } = &self.payments {
            let looks = ["sk_", "rk_"].iter().any(|prefix| secret_key.reveal().starts_with(prefix));
            check(looks, "payments.secret_key", "must begin with sk_ or rk_");
            check(publishable_key.starts_with("pk_"), "payments.publishable_key", "must begin with pk_");
            check(!webhook_secrets.is_empty(), "payments.webhook_secrets", "must name at least one");
        }
        faults.extend(self.redis.faults());
        if let TicketStoreSettings::S3(bucket) = &self.ticket_store {
            faults.extend(bucket.faults(self.jobs.lease, self.server.public_url.starts_with("https://")));
        }
        faults.extend(node::faults(self));
        faults
    }
}
