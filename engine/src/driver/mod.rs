//! Queries driven by hand: one record in, what follows from it out, and no clock anywhere.
//!
//! A test of a query wants to know what each record leads to. So an engine can be opened with
//! [`EngineOptions::run_queries`](crate::engine::EngineOptions::run_queries) off: statements mean what
//! they always mean, but the persistent queries they make stand still. A [`QueryDriver`] then passes
//! records through one of them, with the same stages, operators, formats and state as a query that runs,
//! in one thread and with all its topics in one partition. What comes out stands in the engine's log and
//! tables as usual, so that sessions can read it.
//!
//! - [`query_driver`]: one query and the records passed through it;
//! - [`record`]: a record in one piece;
//! - [`topic_records`]: what topics hold, and what has come to them;
//! - [`payload`], [`wire_value`]: keys and values as JSON, to bytes and back;
//! - [`result_json`]: the rows of an answer as JSON;
//! - [`description`]: what exists, told for comparison; [`declared_schemas`]: what statements would register.
//!
//! Left to others: in which order which records are passed, and what is expected of them.

pub mod declared_schemas;
pub mod description;
pub mod payload;
pub mod query_driver;
pub mod record;
pub mod result_json;
pub mod topic_records;
pub mod wire_value;

pub use declared_schemas::declared_schemas;
pub use description::{
    ColumnDescription, FormatDescription, QueryDescription, SourceDescription, WindowDescription,
};
pub use payload::{TopicPayloads, Window};
pub use query_driver::{Fed, QueryDriver};
pub use record::Record;
pub use result_json::{rows_to_json, schema_text};
pub use topic_records::{Arrivals, Placement};
pub use wire_value::WireValue;

use crate::engine::Engine;
use crate::error::Result;

impl Engine {
    /// Takes a persistent query in hand. Each driver begins with empty state.
    ///
    /// # Errors
    /// `NotFound`, and those of planning.
    pub fn driver(&self, query: &str) -> Result<QueryDriver> {
        QueryDriver::new(self, query)
    }

    /// The persistent queries, in the order in which they were made.
    #[must_use]
    pub fn persistent_queries(&self) -> Vec<QueryDescription> {
        description::queries(&self.catalog().state())
    }

    /// The streams and tables that statements have made, by name.
    ///
    /// # Errors
    /// A type that SQL has no name for: a bug.
    pub fn declared_sources(&self) -> Result<Vec<SourceDescription>> {
        description::sources(&self.catalog().state())
    }

    /// How keys and values of a topic are written; `None` where no stream or table says so.
    #[must_use]
    pub fn payloads(&self, topic: &str) -> Option<TopicPayloads> {
        TopicPayloads::of(&self.catalog().state(), self.schemas(), topic)
    }

    /// Appends a record to a topic.
    ///
    /// # Errors
    /// `NotFound`, and those of the log.
    pub fn append_record(&self, topic: &str, record: &Record, placement: Placement) -> Result<()> {
        topic_records::append(self.log().as_ref(), topic, record, placement)
    }

    /// Tells from now on which records come to which topics.
    ///
    /// # Errors
    /// Those of the log.
    pub fn arrivals(&self) -> Result<Arrivals> {
        Arrivals::new(self.log().clone())
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
