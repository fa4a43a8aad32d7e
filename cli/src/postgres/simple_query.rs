//! The simple protocol: a text of statements, answered by all that they give, as text.

use pgwire::messages::copy::CopyDone;
use pgwire::messages::data::RowDescription;
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse};

use super::column_type::{Column, columns};
use super::connection::Connection;
use super::copy::CopyRows;
use super::cursor::FetchRequest;
use super::encode::Format;
use super::execution::Answer;
use super::failure::{Ending, Severity, notice};
use super::interrupts::Interrupts;
use super::pump::{DataRows, IdleRule, Limit, RowSource, SkippedRows, pump};
use super::sqlstate::SqlState;
use super::statement::Statement;

/// Everything, however long it takes.
const ALL_ROWS: Limit = Limit { rows_max: None, idle: IdleRule::Wait };

/// What psql's users should know when they start a query without an end.
const PUSH_QUERY_NOTICE: &str = "push query: psql shows its rows when it has ended, at its LIMIT or with Ctrl-C. To \
     see rows as they come: \\set FETCH_COUNT 1, or COPY (…) TO STDOUT";

impl Connection {
    /// Answers a Query message; the first statement that fails is the last.
    pub(super) async fn simple_query(&mut self, text: &str) -> Result<(), Ending> {
        let statements = self.session.split(text)?;
        if statements.is_empty() {
            self.wire.put(&EmptyQueryResponse::new());
        }
        // Statements are parts of the text, one behind the other.
        let mut searched = 0;
        for statement in &statements {
            let at = text[searched..].find(statement.as_str()).map_or(searched, |found| searched + found);
            searched = (at + statement.len()).min(text.len());
            self.answer(statement).await.map_err(|ending| match ending {
                Ending::Failed(failure) => Ending::Failed(failure.shifted_by(text[..at].chars().count())),
                Ending::Gone => Ending::Gone,
            })?;
        }
        Ok(())
    }

    async fn answer(&mut self, text: &str) -> Result<(), Ending> {
        let statement = Statement::read(text)?;
        let interrupts = self.interrupts();
        match self.begin(&statement, &[], &interrupts).await? {
            Answer::Rows { source, word } => self.answer_rows(source, word, &interrupts).await,
            Answer::Fetch(request) => {
                let cursor = self.cursors.get(&request.cursor)?;
                let columns = columns(cursor.source().schema());
                let formats = vec![cursor.format(); columns.len()];
                self.wire.put(&row_description(&columns, &formats));
                self.answer_fetch(&request, formats, &interrupts).await
            }
            Answer::Move(request) => self.answer_move(&request, &interrupts).await,
            Answer::Copy(rows, source) => self.answer_copy(rows, source, &interrupts).await,
            Answer::Done(tag) => {
                self.wire.put(&CommandComplete::new(tag));
                Ok(())
            }
            Answer::Empty => {
                self.wire.put(&EmptyQueryResponse::new());
                Ok(())
            }
        }
    }

    async fn answer_rows(
        &mut self,
        mut source: RowSource,
        word: &str,
        interrupts: &Interrupts,
    ) -> Result<(), Ending> {
        if source.is_endless() && self.session.setting("application_name").as_deref() == Some("psql") {
            self.wire.put(&notice(Severity::Notice, SqlState::SUCCESSFUL_COMPLETION, PUSH_QUERY_NOTICE));
        }
        let columns = columns(source.schema());
        let formats = vec![Format::Text; columns.len()];
        self.wire.put(&row_description(&columns, &formats));
        let mut sink = DataRows::new(formats);
        let (rows, _) = pump(&mut self.wire, &mut source, &mut sink, ALL_ROWS, interrupts).await?;
        self.wire.put(&CommandComplete::new(rows_tag(word, rows)));
        Ok(())
    }

    /// Sends what FETCH asks for.
    pub(super) async fn answer_fetch(
        &mut self,
        request: &FetchRequest,
        formats: Vec<Format>,
        interrupts: &Interrupts,
    ) -> Result<(), Ending> {
        let cursor = self.cursors.get(&request.cursor)?;
        let mut sink = DataRows::new(formats);
        let rows = cursor.fetch(&mut self.wire, &mut sink, request, interrupts).await?;
        self.wire.put(&CommandComplete::new(rows_tag("FETCH", rows)));
        Ok(())
    }

    /// Passes over what MOVE asks for.
    pub(super) async fn answer_move(
        &mut self,
        request: &FetchRequest,
        interrupts: &Interrupts,
    ) -> Result<(), Ending> {
        let cursor = self.cursors.get(&request.cursor)?;
        let rows = cursor.fetch(&mut self.wire, &mut SkippedRows, request, interrupts).await?;
        self.wire.put(&CommandComplete::new(rows_tag("MOVE", rows)));
        Ok(())
    }

    /// Sends the rows of a COPY.
    pub(super) async fn answer_copy(
        &mut self,
        mut rows: CopyRows,
        mut source: RowSource,
        interrupts: &Interrupts,
    ) -> Result<(), Ending> {
        rows.begin(&mut self.wire);
        let (count, _) = pump(&mut self.wire, &mut source, &mut rows, ALL_ROWS, interrupts).await?;
        rows.end(&mut self.wire);
        self.wire.put(&CopyDone::new());
        self.wire.put(&CommandComplete::new(rows_tag("COPY", count)));
        Ok(())
    }
}

/// The announcement of rows.
pub(super) fn row_description(columns: &[Column], formats: &[Format]) -> RowDescription {
    let formats = formats.iter().copied().chain(std::iter::repeat(Format::Text));
    RowDescription::new(
        columns.iter().zip(formats).map(|(column, format)| column.describe(format.code())).collect(),
    )
}

/// The command tag of a statement that gave rows. The words of Postgres' own statements carry the
/// number; drivers read it from there.
pub(super) fn rows_tag(word: &str, rows: u64) -> String {
    match word {
        "SHOW" | "EXPLAIN" | "LIST" | "DESCRIBE" => word.to_owned(),
        _ => format!("{word} {rows}"),
    }
}
