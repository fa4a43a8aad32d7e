//! What a statement gives back, in the engine's own terms; each door turns it into its protocol's.

use std::fmt;
use std::pin::Pin;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::Stream;

use crate::error::Result;
use crate::serving::unreadable::Unreadable;

/// Name, in the metadata of a column of an answer, of what is special about it: `KEY` for one of a
/// table's key, `HEADERS` and `HEADER('name')` for those that come from headers.
pub const ROLE: &str = "tidemill.role";

/// Name, in the metadata of an answer's columns together, of what was asked: a `STREAM` or a `TABLE`.
pub const SOURCE_KIND: &str = "tidemill.source";

/// Name, in the metadata of a batch's schema, of the mark that its rows are deletions: of each there is
/// the key alone. A batch has either only such rows or none.
pub const TOMBSTONES: &str = "tidemill.tombstones";

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
    /// What people should know before the first row: it may be long in coming.
    pub notice: Option<String>,
    /// What could not be read on the way: to be told when the rows have ended.
    pub unreadable: Unreadable,
}

impl Rows {
    /// Rows that have an end.
    #[must_use]
    pub fn finite(schema: SchemaRef, stream: RowStream) -> Rows {
        Rows { schema, endless: false, stream, notice: None, unreadable: Unreadable::default() }
    }

    /// Rows that have none.
    #[must_use]
    pub fn endless(schema: SchemaRef, stream: RowStream) -> Rows {
        Rows { endless: true, ..Rows::finite(schema, stream) }
    }
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
