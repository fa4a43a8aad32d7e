//! Who is asking, with which settings: one session a connection.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::scalar::ScalarValue;

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::response::Response;

/// Which rule of names and of SELECT a session follows (one rule, in one place: the session).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// Regular upper-case names are shown in lower case, and a quoted lower-case name falls back to
    /// the stored upper-case one; SELECT without EMIT is PostgreSQL's.
    Postgres,
    /// Names are shown as they are stored.
    Ksql,
}

/// Who opens a session.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// User name as the client gave it.
    pub user: String,
    /// Database name as the client gave it.
    pub database: String,
    /// Rule of names.
    pub dialect: Dialect,
}

/// A statement that is understood but not yet run.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The text.
    pub text: String,
    /// Types of `$1`, `$2`, …, where they could be told.
    pub parameters: Vec<Option<DataType>>,
    /// Columns of the rows it will give; `None` for a command.
    pub columns: Option<SchemaRef>,
}

/// A session. Dropping it ends nothing but its own settings; running row streams live on until they
/// are dropped themselves.
pub struct Session {
    engine: Engine,
    options: SessionOptions,
    settings: BTreeMap<String, String>,
}

impl Session {
    pub(crate) fn new(engine: Engine, options: SessionOptions) -> Session {
        Session { engine, options, settings: BTreeMap::new() }
    }

    /// Who asked.
    #[must_use]
    pub fn options(&self) -> &SessionOptions {
        &self.options
    }

    /// The engine behind it.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Cuts a text into its statements, without reading their meaning. Empty statements are left out.
    ///
    /// # Errors
    /// `Syntax` for an unfinished quote or comment, `TooComplex` over the limits.
    pub fn split(&self, text: &str) -> Result<Vec<String>> {
        let _ = text;
        Err(Error::new(ErrorKind::Unavailable, "the engine is not open"))
    }

    /// Reads one statement and tells its parameters and columns, without running it.
    ///
    /// # Errors
    /// Everything that is wrong with the statement.
    pub async fn prepare(&self, statement: &str, parameters: &[Option<DataType>]) -> Result<Prepared> {
        let _ = (statement, parameters);
        Err(Error::new(ErrorKind::Unavailable, "the engine is not open"))
    }

    /// Runs one statement with values for its parameters.
    ///
    /// # Errors
    /// Everything that is wrong with the statement, or goes wrong before its first row.
    pub async fn execute(&mut self, statement: &str, parameters: &[ScalarValue]) -> Result<Response> {
        let _ = (statement, parameters);
        Err(Error::new(ErrorKind::Unavailable, "the engine is not open"))
    }

    /// A setting of the session or its default, by name in any case: ksqlDB's
    /// (`auto.offset.reset`) and Postgres' (`search_path`, `DateStyle` …).
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<String> {
        self.settings.get(&name.to_lowercase()).cloned()
    }

    /// Changes a setting.
    ///
    /// # Errors
    /// `Invalid` for a value that cannot be.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        self.settings.insert(name.to_lowercase(), value.to_owned());
        Ok(())
    }
}
