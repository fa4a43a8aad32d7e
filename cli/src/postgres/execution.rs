//! Running a statement up to its first row, in both protocols.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use futures::TryStreamExt;
use pgwire::api::Type;
use tidemill_engine::{Prepared, Response, Rows, ScalarValue};
use tidemill_sql::parser::ast::Transaction;

use super::column_type::{Column, columns, wire_type};
use super::connection::Connection;
use super::copy::CopyRows;
use super::cursor::FetchRequest;
use super::failure::{Ending, Failure, Severity, notice};
use super::interrupts::Interrupts;
use super::portal::PreparedStatement;
use super::pump::RowSource;
use super::sqlstate::SqlState;
use super::statement::Statement;
use crate::budget::Reservation;

/// What a statement answers.
pub(super) enum Answer {
    /// Rows, and the word of their command tag.
    Rows { source: RowSource, word: &'static str },
    /// Rows of an open cursor.
    Fetch(FetchRequest),
    /// Rows of an open cursor, to be counted only.
    Move(FetchRequest),
    /// Rows as a file.
    Copy(CopyRows, RowSource),
    /// Done; its command tag.
    Done(String),
    /// There was no statement.
    Empty,
}

impl Connection {
    /// Runs a statement up to its first row.
    pub(super) async fn begin(
        &mut self,
        statement: &Statement,
        parameters: &[ScalarValue],
        interrupts: &Interrupts,
    ) -> Result<Answer, Ending> {
        match statement {
            Statement::Empty => return Ok(Answer::Empty),
            Statement::Transaction(command) => return self.transaction_command(command),
            _ => self.transaction.check_usable()?,
        }
        Ok(match statement {
            Statement::Empty | Statement::Transaction(_) => Answer::Empty,
            Statement::Engine { text, word } => match self.run(text, parameters, interrupts).await? {
                Response::Rows(rows) => Answer::Rows { source: RowSource::new(rows), word },
                Response::Done { tag, message } => {
                    if let Some(message) = message {
                        self.wire.put(&notice(Severity::Notice, SqlState::SUCCESSFUL_COMPLETION, &message));
                    }
                    if !matches!(tag.as_str(), "SET" | "RESET" | "UNSET" | "DEFINE" | "UNDEFINE" | "ASSERT") {
                        self.transaction.note_change();
                    }
                    Answer::Done(tag)
                }
            },
            Statement::Declare { cursor, binary, hold, query } => {
                self.cursors.check_free(cursor)?;
                let source = self.run_query(query, parameters, interrupts).await?;
                let closes_with_block = self.transaction.in_block() && !hold;
                self.cursors.open(cursor.clone(), source, *binary, closes_with_block);
                Answer::Done("DECLARE CURSOR".to_owned())
            }
            Statement::Fetch(request) => Answer::Fetch(request.clone()),
            Statement::Move(request) => Answer::Move(request.clone()),
            Statement::CloseCursor(Some(name)) => {
                self.cursors.close(name)?;
                Answer::Done("CLOSE CURSOR".to_owned())
            }
            Statement::CloseCursor(None) => {
                self.cursors.close_all();
                Answer::Done("CLOSE CURSOR ALL".to_owned())
            }
            Statement::Copy { query, options } => {
                let source = self.run_query(query, parameters, interrupts).await?;
                Answer::Copy(CopyRows::new(options.clone(), source.schema()), source)
            }
            Statement::Prepare { name, parameter_types, statement } => {
                let prepared =
                    self.prepare(statement.as_ref().clone(), parameter_types, 0, interrupts).await?;
                self.statements.insert(name.clone(), prepared)?;
                Answer::Done("PREPARE".to_owned())
            }
            Statement::Execute { name, arguments } => {
                let prepared = self.statements.get(name)?;
                let values = self.evaluate(arguments.as_deref(), &prepared, interrupts).await?;
                // Only statements of the engine can be prepared in SQL, and those prepared through the
                // protocol are no EXECUTE of themselves, or they end here.
                if matches!(prepared.statement, Statement::Execute { .. }) {
                    return Err(not_preparable().into());
                }
                Box::pin(self.begin(&prepared.statement, &values, interrupts)).await?
            }
            Statement::Deallocate(Some(name)) => {
                if !self.statements.remove(name) {
                    self.statements.get(name)?;
                }
                Answer::Done("DEALLOCATE".to_owned())
            }
            Statement::Deallocate(None) => {
                self.statements.clear();
                Answer::Done("DEALLOCATE ALL".to_owned())
            }
            Statement::Discard { all } => {
                if *all {
                    self.discard_all(interrupts).await?;
                }
                Answer::Done("DISCARD".to_owned())
            }
            Statement::Unlisten => Answer::Done("UNLISTEN".to_owned()),
        })
    }

    /// Tells a statement's parameters and columns, and keeps both with it.
    pub(super) async fn prepare(
        &mut self,
        statement: Statement,
        parameter_types: &[Option<DataType>],
        offset: usize,
        interrupts: &Interrupts,
    ) -> Result<PreparedStatement, Ending> {
        let mut prepared = PreparedStatement {
            statement,
            parameter_types: Vec::new(),
            columns: None,
            offset,
            bytes: 0,
            kept: Reservation::default(),
        };
        if let Some(query) = prepared.statement.query() {
            prepared.bytes = query.len();
            let Connection { session, wire, .. } = self;
            let Prepared { parameters, columns: schema, .. } =
                interrupts.run(wire, session.prepare(query, parameter_types)).await??;
            prepared.parameter_types =
                parameters.iter().map(|known| known.as_ref().map_or(Type::TEXT, wire_type)).collect();
            if matches!(prepared.statement, Statement::Engine { .. }) {
                prepared.columns = schema.map(|schema| columns(&schema));
            }
        }
        match &prepared.statement {
            Statement::Fetch(request) => {
                prepared.columns = Some(columns(self.cursors.get(&request.cursor)?.source().schema()));
            }
            Statement::Execute { name, .. } => prepared.columns = self.statements.get(name)?.columns.clone(),
            Statement::Prepare { statement, .. } if !matches!(**statement, Statement::Engine { .. }) => {
                return Err(not_preparable().into());
            }
            _ => {}
        }
        Ok(prepared)
    }

    async fn run(
        &mut self,
        text: &str,
        parameters: &[ScalarValue],
        interrupts: &Interrupts,
    ) -> Result<Response, Ending> {
        let Connection { session, wire, .. } = self;
        let response = interrupts.run(wire, session.execute(text, parameters)).await??;
        if let Response::Rows(Rows { notice: Some(told), .. }) = &response {
            wire.put(&notice(Severity::Notice, SqlState::SUCCESSFUL_COMPLETION, told));
        }
        Ok(response)
    }

    async fn run_query(
        &mut self,
        text: &str,
        parameters: &[ScalarValue],
        interrupts: &Interrupts,
    ) -> Result<RowSource, Ending> {
        match self.run(text, parameters, interrupts).await? {
            Response::Rows(rows) => Ok(RowSource::new(rows)),
            Response::Done { .. } => {
                Err(Failure::new(SqlState::FEATURE_NOT_SUPPORTED, "this takes a query that gives rows")
                    .into())
            }
        }
    }

    /// The values of EXECUTE's arguments: what a SELECT of them gives.
    async fn evaluate(
        &mut self,
        arguments: Option<&str>,
        prepared: &Arc<PreparedStatement>,
        interrupts: &Interrupts,
    ) -> Result<Vec<ScalarValue>, Ending> {
        let mut values = Vec::new();
        if let Some(arguments) = arguments {
            let Response::Rows(rows) = self.run(&format!("SELECT {arguments}"), &[], interrupts).await?
            else {
                return Err(Failure::new(SqlState::SYNTAX_ERROR, "arguments are expressions").into());
            };
            let batches = rows.stream.try_collect::<Vec<RecordBatch>>();
            let batches = interrupts.run(&mut self.wire, batches).await??;
            for column in batches.first().map(RecordBatch::columns).unwrap_or_default() {
                let value = ScalarValue::try_from_array(column, 0)
                    .map_err(|error| Failure::new(SqlState::INTERNAL_ERROR, error.to_string()))?;
                values.push(value);
            }
        }
        let wanted = prepared.parameter_types.len();
        if values.len() == wanted {
            Ok(values)
        } else {
            Err(Failure::new(
                SqlState::SYNTAX_ERROR,
                format!(
                    "wrong number of parameters: {} given, the prepared statement has {wanted}",
                    values.len()
                ),
            )
            .into())
        }
    }

    fn transaction_command(&mut self, command: &Transaction) -> Result<Answer, Ending> {
        let completion = self.transaction.apply(command)?;
        if let Some((severity, state, message)) = &completion.notice {
            self.wire.put(&notice(*severity, *state, message));
        }
        if completion.ended {
            self.cursors.end_block();
            self.portals.clear();
        }
        Ok(Answer::Done(completion.tag.to_owned()))
    }

    async fn discard_all(&mut self, interrupts: &Interrupts) -> Result<(), Ending> {
        if self.transaction.in_block() {
            return Err(Failure::new(
                SqlState::ACTIVE_SQL_TRANSACTION,
                "DISCARD ALL cannot run inside a transaction block",
            )
            .into());
        }
        self.cursors.close_all();
        self.portals.clear();
        self.statements.clear();
        self.run("RESET ALL", &[], interrupts).await?;
        Ok(())
    }
}

/// Makes sure that rows are what their description said.
pub(super) fn check_columns(source: &RowSource, described: Option<&Vec<Column>>) -> Result<(), Failure> {
    let actual = columns(source.schema());
    let same = described.is_some_and(|described| {
        described.len() == actual.len()
            && described.iter().zip(&actual).all(|(before, now)| before.wire_type == now.wire_type)
    });
    if same {
        Ok(())
    } else {
        Err(Failure::new(SqlState::FEATURE_NOT_SUPPORTED, "cached plan must not change result type")
            .with_hint("prepare the statement again"))
    }
}

fn not_preparable() -> Failure {
    Failure::new(SqlState::SYNTAX_ERROR, "PREPARE takes a query or an INSERT")
}
