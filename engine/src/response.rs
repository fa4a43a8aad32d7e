//! What a statement gives back, in the engine's own terms; each door turns it into its protocol's.

use std::fmt;
use std::pin::Pin;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::Stream;

use crate::error::Result;

/// Batches of rows as they come. Dropping the stream ends the query behind it.
pub type RowStream = Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send>>;

/// The rows of a query.
pub struct Rows {
    /// Columns of every batch, with the names the session shows.
    pub schema: SchemaRef,
    /// Whether the query has no end of its own (EMIT CHANGES, PRINT): rows are to be passed on as
    /// they come, and the query ends when the client cancels or goes away.
    pub endless: bool,
    /// The batches. Empty batches do not occur.
    pub stream: RowStream,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("schema", &self.schema)
            .field("endless", &self.endless)
            .finish_non_exhaustive()
    }
}

/// The answer to one statement.
#[derive(Debug)]
pub enum Response {
    /// Rows, finite or endless.
    Rows(Rows),
    /// A command that is done.
    Done {
        /// Postgres' command tag: `CREATE STREAM`, `INSERT 0 1`, `SET`.
        tag: String,
        /// A sentence for people, where there is more to say than the tag: `Created query with ID
        /// CSAS_X_1`.
        message: Option<String>,
    },
}
