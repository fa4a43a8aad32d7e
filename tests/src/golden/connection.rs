//! A Postgres connection as sqllogictest wants it: statements in, rows of text out, by either protocol.

use std::fmt;

use async_trait::async_trait;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::error::ErrorPosition;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::binary_text::Cell;
use crate::PATIENCE;

/// How statements are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// One text, answers in text.
    Simple,
    /// Parse, describe, bind, execute; answers in binary.
    Extended,
}

/// A connection.
pub struct Connection {
    client: Client,
    protocol: Protocol,
    driver: JoinHandle<()>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn open(address: &str, protocol: Protocol) -> Result<Connection, Refusal> {
        let (client, connection) = tokio_postgres::connect(address, NoTls).await.map_err(refusal)?;
        // How the connection ends, its client's requests tell.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Connection { client, protocol, driver })
    }

    async fn simple(&self, sql: &str) -> Result<DBOutput<DefaultColumnType>, tokio_postgres::Error> {
        let mut columns = None;
        let mut rows = Vec::new();
        let mut count = 0;
        for message in self.client.simple_query(sql).await? {
            match message {
                SimpleQueryMessage::RowDescription(described) => columns = Some(described.len()),
                SimpleQueryMessage::Row(row) => {
                    rows.push((0..row.len()).map(|index| shown(row.get(index))).collect());
                }
                SimpleQueryMessage::CommandComplete(number) => count = number,
                _ => {}
            }
        }
        Ok(match columns {
            Some(columns) => DBOutput::Rows { types: vec![DefaultColumnType::Any; columns], rows },
            None => DBOutput::StatementComplete(count),
        })
    }

    async fn extended(&self, sql: &str) -> Result<DBOutput<DefaultColumnType>, tokio_postgres::Error> {
        let statement = self.client.prepare(sql).await?;
        if statement.columns().is_empty() {
            return Ok(DBOutput::StatementComplete(self.client.execute(&statement, &[]).await?));
        }
        let types = statement.columns().iter().map(|column| column_type(column.type_())).collect();
        let mut rows = Vec::new();
        for row in self.client.query(&statement, &[]).await? {
            let cells = (0..row.len()).map(|index| row.try_get::<_, Option<Cell>>(index));
            let cells = cells.collect::<Result<Vec<_>, _>>()?;
            rows.push(
                cells.iter().map(|cell| shown(cell.as_ref().map(|Cell(text)| text.as_str()))).collect(),
            );
        }
        Ok(DBOutput::Rows { types, rows })
    }
}

#[async_trait]
impl AsyncDB for Connection {
    type Error = Refusal;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Refusal> {
        let answer = async {
            match self.protocol {
                Protocol::Simple => self.simple(sql).await,
                Protocol::Extended => self.extended(sql).await,
            }
        };
        match timeout(PATIENCE, answer).await {
            Ok(answer) => answer.map_err(refusal),
            Err(_) => Err(Refusal { state: None, text: format!("no answer in {PATIENCE:?}") }),
        }
    }

    async fn shutdown(&mut self) {
        self.driver.abort();
    }

    fn engine_name(&self) -> &str {
        match self.protocol {
            Protocol::Simple => "simple",
            Protocol::Extended => "extended",
        }
    }

    async fn sleep(duration: std::time::Duration) {
        tokio::time::sleep(duration).await;
    }

    fn error_sql_state(error: &Refusal) -> Option<String> {
        error.state.clone()
    }
}

/// An error of the server with all its parts, one a line.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Postgres' five characters.
    pub state: Option<String>,
    text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refusal {}

fn refusal(error: tokio_postgres::Error) -> Refusal {
    let Some(told) = error.as_db_error() else {
        return Refusal { state: None, text: error.to_string() };
    };
    let state = told.code().code().to_owned();
    let place = match told.position() {
        Some(ErrorPosition::Original(place)) => format!(" at {place}"),
        _ => String::new(),
    };
    let mut text = format!("{state}{place}: {}", told.message());
    for (part, told) in [("detail", told.detail()), ("hint", told.hint())] {
        if let Some(told) = told {
            text.push_str(&format!("\n{part}: {told}"));
        }
    }
    Refusal { state: Some(state), text }
}

/// A cell as golden files write it: rows are cells with spaces between them.
fn shown(cell: Option<&str>) -> String {
    match cell {
        None => "NULL".to_owned(),
        Some("") => "(empty)".to_owned(),
        Some(text) => text.to_owned(),
    }
}

fn column_type(wire_type: &Type) -> DefaultColumnType {
    match *wire_type {
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => DefaultColumnType::Integer,
        Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => DefaultColumnType::FloatingPoint,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME => DefaultColumnType::Text,
        _ => DefaultColumnType::Any,
    }
}
