//! The connections to Redis, with every limit that the pool and the driver leave open.
//!
//! Calls run on the runtime that owns the connections and end by one deadline that covers all of a call: the pool
//! alone would try each of its idle connections in turn on a server that hangs, each for its whole time. What blocks or
//! listens has a connection of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_redis::redis::aio::{MultiplexedConnection, PubSub};
use deadpool_redis::redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline, RedisError};
use deadpool_redis::{Connection, Manager, Pool, Runtime};
use metrics::{counter, histogram};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::REDIS;
use super::config::RedisConfig;
use super::failure::No;
use super::metrics::{REDIS_CALLS, REDIS_SECONDS};
use crate::health::Health;

/// How often Redis is looked at. What is in trouble is not asked in between, so this is also how long its return goes
/// unnoticed.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long the mark that a look leaves stays.
const MARK_S: u64 = 60;

/// A Redis server; clones share its connections.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    config: RedisConfig,
    client: Client,
    pool: Pool,
    home: Handle,
    health: Health,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Redis").field(&self.0.config.address).finish()
    }
}

/// What is sent in one go.
pub(super) enum Ask {
    One(Cmd),
    Several(Pipeline),
}

impl Redis {
    /// The server; asks it nothing yet. Its connections live on `home`.
    ///
    /// # Errors
    /// The settings cannot be.
    pub fn new(config: RedisConfig, home: Handle) -> Result<Self, No> {
        let client = Client::open(config.address.0.clone()).map_err(|error| No::of(&error))?;
        let manager = Manager::new_with_config(config.address.0.clone(), connection_config(&config, Duration::ZERO));
        let pool = Pool::builder(manager.map_err(|error| No::of(&error))?)
            .max_size(config.connections_max)
            .wait_timeout(Some(config.wait_within))
            .create_timeout(Some(config.connect_within))
            .recycle_timeout(Some(config.command_within))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| No::Refused(error.to_string()))?;
        Ok(Self(Arc::new(Inner { config, client, pool, home, health: Health::of(REDIS) })))
    }

    /// How it is, as calls and looks have told.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.0.health
    }

    /// Asks whether it would do its work, and keeps the answer as its health.
    ///
    /// # Errors
    /// It would not.
    pub async fn look(&self) -> Result<(), No> {
        // A write: a replica, or a server whose disk is full, answers a ping and would do nothing.
        let mut mark = Cmd::new();
        mark.arg("SET").arg(self.key("looked-at")).arg(1).arg("EX").arg(MARK_S);
        let looked = self.on_home::<()>("look", Ask::One(mark)).await;
        match &looked {
            Ok(()) => self.0.health.went_well(),
            Err(no) => self.0.health.look_failed(&no.to_string()),
        }
        looked
    }

    /// Looks at it until the future is dropped.
    pub async fn watch(&self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            // Its health keeps what comes of it.
            let _ = self.look().await;
        }
    }

    /// The name of a key or channel of this house.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.0.config.prefix)
    }

    /// The runtime that its connections live on.
    pub(super) fn home(&self) -> &Handle {
        &self.0.home
    }

    /// How long a call may take.
    pub(super) fn call_within(&self) -> Duration {
        self.0.config.call_within()
    }

    /// A call by whoever wants something: not while Redis is in trouble.
    pub(super) async fn ask<T>(&self, operation: &'static str, ask: Ask) -> Result<T, No>
    where
        T: FromRedisValue + Send + 'static,
    {
        if self.0.health.is_down() {
            counter!(REDIS_CALLS, "operation" => operation, "result" => No::HeldBack.result()).increment(1);
            return Err(No::HeldBack);
        }
        let answer = self.on_home(operation, ask).await;
        match &answer {
            Ok(_) | Err(No::Emptied | No::There) => self.0.health.went_well(),
            Err(no @ (No::Refused(_) | No::Failed(_))) => self.0.health.call_failed(&no.to_string()),
            Err(No::HeldBack) => {}
        }
        answer
    }

    /// Runs to its end where the connections live, whatever becomes of the caller; the deadline bounds that.
    async fn on_home<T>(&self, operation: &'static str, ask: Ask) -> Result<T, No>
    where
        T: FromRedisValue + Send + 'static,
    {
        let began = Instant::now();
        let (inner, deadline) = (Arc::clone(&self.0), self.call_within());
        let work = async move {
            match timeout(deadline, inner.send(ask)).await {
                Ok(answer) => answer,
                Err(_) => Err(No::Failed(format!("no answer within {} ms", deadline.as_millis()))),
            }
        };
        let answer = match self.0.home.spawn(work).await {
            Ok(answer) => answer,
            Err(error) => Err(No::Failed(format!("the call was cut off: {error}"))),
        };
        histogram!(REDIS_SECONDS, "operation" => operation).record(began.elapsed().as_secs_f64());
        let result = answer.as_ref().err().map_or("done", No::result);
        counter!(REDIS_CALLS, "operation" => operation, "result" => result).increment(1);
        answer
    }

    /// A connection of its own, whose answers may take `blocks` longer than others'. Call it at home.
    pub(super) async fn own_connection(&self, blocks: Duration) -> Result<MultiplexedConnection, No> {
        let config = connection_config(&self.0.config, blocks);
        let connecting = self.0.client.get_multiplexed_async_connection_with_config(&config);
        in_time(self.0.config.connect_within, connecting).await
    }

    /// A connection that listens to a channel. Call it at home.
    pub(super) async fn subscription(&self, channel: &str) -> Result<PubSub, No> {
        let mut listening = in_time(self.0.config.connect_within, self.0.client.get_async_pubsub()).await?;
        in_time(self.0.config.command_within, listening.subscribe(channel)).await?;
        Ok(listening)
    }
}

impl Inner {
    async fn send<T: FromRedisValue>(&self, ask: Ask) -> Result<T, No> {
        let mut connection = self.pool.get().await.map_err(|error| No::of_pool(&error))?;
        let answer = match ask {
            Ask::One(cmd) => cmd.query_async(&mut connection).await,
            Ask::Several(pipeline) => pipeline.query_async(&mut connection).await,
        };
        answer.map_err(|error| {
            let no = No::of(&error);
            if matches!(no, No::Refused(_) | No::Failed(_)) {
                // To a server that has become a replica, pings would still go well on this connection.
                drop(Connection::take(connection));
            }
            no
        })
    }
}

async fn in_time<T>(deadline: Duration, work: impl Future<Output = Result<T, RedisError>>) -> Result<T, No> {
    match timeout(deadline, work).await {
        Ok(answer) => answer.map_err(|error| No::of(&error)),
        Err(_) => Err(No::Failed(format!("no connection within {} ms", deadline.as_millis()))),
    }
}

fn connection_config(config: &RedisConfig, blocks: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(config.connect_within))
        .set_response_timeout(Some(config.command_within + blocks))
}
