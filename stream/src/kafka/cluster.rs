//! The cluster, for questions about topics and offsets: the client that asks them, and how long an answer may take.

use std::sync::Arc;
use std::time::Duration;

use schemas::log::LogError;

use super::client::Connection;
use super::config::Config;
use super::producers::{Producer, Producers};
use crate::queue::Queue;

/// The settings, the producers and their connection.
pub(super) struct Cluster {
    config: Config,
    producers: Arc<Producers>,
    connection: Arc<Connection>,
}

impl Cluster {
    pub(super) fn new(config: Config, queue: Queue) -> Result<Self, LogError> {
        let connection = Arc::new(Connection::new(&config.brokers, "producer", Duration::ZERO));
        Ok(Self {
            producers: Arc::new(Producers::new(&config, Arc::clone(&connection), queue)?),
            config,
            connection,
        })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn producers(&self) -> &Arc<Producers> {
        &self.producers
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The client for questions.
    pub(super) fn current(&self) -> Arc<Producer> {
        self.producers.first()
    }
}
