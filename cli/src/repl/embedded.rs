//! Statements answered by an engine opened in this process.

use async_trait::async_trait;
use futures::StreamExt;
use tidemill_engine::serving::unreadable::Unreadable;
use tidemill_engine::{Dialect, Engine, Error, Response, Session, SessionOptions};

use super::backend::{Answer, Backend, Failure};
use crate::postgres::cells;

/// An engine of this process and a session in it.
pub(crate) struct Embedded {
    engine: Engine,
    session: Session,
    /// What is to be told before the rows of the last query.
    notice: Option<String>,
    /// What that query could not read.
    unreadable: Unreadable,
}

impl Embedded {
    /// Opens a session. It reads and shows names as a server does, and gives the same texts: what is
    /// typed means the same whoever answers.
    pub(crate) fn new(engine: Engine) -> Embedded {
        let options = SessionOptions {
            user: "tidemill".to_owned(),
            database: "tidemill".to_owned(),
            backend_id: 0,
            dialect: Dialect::Postgres,
        };
        let session = engine.session(options);
        Embedded { session, engine, notice: None, unreadable: Unreadable::default() }
    }
}

#[async_trait]
impl Backend for Embedded {
    async fn execute(&mut self, statement: &str) -> Result<Answer, Failure> {
        match self.session.execute(statement, &[]).await? {
            Response::Done { tag, message } => Ok(Answer::Done(message.unwrap_or(tag))),
            Response::Rows(rows) => {
                self.notice = rows.notice;
                self.unreadable = rows.unreadable;
                let columns = rows.schema.fields().iter().map(|field| field.name().clone()).collect();
                let rows = rows.stream.map(|batch| Ok(cells(&batch?)?)).boxed();
                Ok(Answer::Rows { columns, rows })
            }
        }
    }

    async fn cancel(&mut self) -> Result<(), Failure> {
        // Dropping the rows has ended the query.
        Ok(())
    }

    fn notices(&mut self) -> Vec<String> {
        self.notice.take().into_iter().chain(self.unreadable.take()).collect()
    }

    async fn close(&mut self) -> Result<(), Failure> {
        Ok(self.engine.shutdown().await?)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure {
            message: error.message,
            place: error.position.map(|position| (position.line, position.column)),
            script: None,
            detail: error.detail,
            hint: error.hint,
        }
    }
}
