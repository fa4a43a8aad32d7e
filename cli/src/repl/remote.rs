//! Statements answered by a server, over the Postgres protocol.
//!
//! The simple protocol is used, because its answers stream: rows of a query without an end arrive as
//! the server sends them.

use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::error::ErrorPosition;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{
    AsyncMessage, Client, Config, Connection, Error, NoTls, SimpleQueryMessage, SimpleQueryRow, Socket,
};

use super::backend::{Answer, Backend, Failure, Row};
use super::other_door;
use crate::server::Addresses;

/// How long to try to reach a server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server may keep silent before it is asked whether it speaks another protocol.
const SILENCE_MAX: Duration = Duration::from_secs(2);

/// How long a cancelled statement may take to end.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);

/// Notices kept until they are shown; more of them are dropped, because they are only told in passing.
const NOTICES_MAX: usize = 64;

/// Rows handed on together at most: enough to draw at once, too few to be felt as a delay.
const ROWS_TOGETHER_MAX: usize = 256;

/// A connection to a server.
pub(crate) struct Remote {
    client: Client,
    notices: mpsc::Receiver<String>,
}

impl Remote {
    /// Connects to `HOST[:PORT]` or `postgres://[USER@]HOST[:PORT][/DATABASE]`.
    pub(crate) async fn connect(address: &str) -> Result<Remote, Failure> {
        let mut config = config(address)?;
        if config.get_user().is_none() {
            config.user("tidemill");
        }
        if config.get_dbname().is_none() {
            config.dbname("tidemill");
        }
        config.application_name("tidemill sql").connect_timeout(CONNECT_TIMEOUT);
        let (client, mut connection) = connect(&config, address).await?;
        let (sender, notices) = mpsc::channel(NOTICES_MAX);
        tokio::spawn(async move {
            let mut messages = futures::stream::poll_fn(move |context| connection.poll_message(context));
            // An error of the connection reaches whoever waits for an answer.
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notice(notice) = message {
                    let _ = sender.try_send(notice.message().to_owned());
                }
            }
        });
        Ok(Remote { client, notices })
    }
}

/// Connects, or tells who else answers there.
async fn connect(
    config: &Config,
    address: &str,
) -> Result<(Client, Connection<Socket, NoTlsStream>), Failure> {
    let mut connecting = Box::pin(config.connect(NoTls));
    let mut connected = timeout(SILENCE_MAX, &mut connecting).await.ok();
    let is_told =
        |done: &Result<_, Error>| done.as_ref().map_or_else(|error| error.as_db_error().is_some(), |_| true);
    if !connected.as_ref().is_some_and(is_told)
        && let Some(protocol) = other_door::protocol(config).await
    {
        let message = format!("{address} answers in the protocol of {protocol}, not in that of Postgres");
        let postgres = Addresses::default().postgres.port();
        return Err(Failure::new(message).with_hint(format!(
            "a server takes statements at its port for postgres, {postgres} unless it was told another"
        )));
    }
    if connected.is_none() {
        // A server with much to do is late.
        connected = timeout(CONNECT_TIMEOUT, connecting).await.ok();
    }
    let silent = || Failure::new(format!("nobody answers in Postgres's protocol at {address}"));
    connected
        .ok_or_else(silent)?
        .map_err(|error| Failure::new(format!("could not connect to {address}: {}", describe(&error))))
}

/// What an address says.
fn config(address: &str) -> Result<Config, Failure> {
    let wrong = |reason: &str| {
        Failure::new(format!("'{address}' is no address of a server: {reason}"))
            .with_hint("write HOST:PORT or postgres://HOST:PORT")
    };
    let url = match address.split_once("://") {
        Some(("postgres" | "postgresql", _)) => address.to_owned(),
        Some((scheme, _)) => {
            return Err(wrong(&format!("statements are sent by postgres://, not by {scheme}://")));
        }
        // The list of options that Postgres' own tools take.
        None if address.contains('=') => address.to_owned(),
        None => format!("postgres://{}", with_port(address)),
    };
    let config: Config = url.parse().map_err(|error: Error| match std::error::Error::source(&error) {
        Some(reason) => wrong(&reason.to_string()),
        None => wrong(&error.to_string()),
    })?;
    let is_named = config.get_hosts().iter().any(|host| *host != Host::Tcp(String::new()));
    if is_named || !config.get_hostaddrs().is_empty() { Ok(config) } else { Err(wrong("it names no host")) }
}

/// `HOST:PORT`, with the port a server listens on unless it was told another.
fn with_port(address: &str) -> Cow<'_, str> {
    // The colons of an IPv6 address stand in brackets.
    let behind = address.rfind(']').map_or(address, |bracket| &address[bracket..]);
    if behind.contains(':') {
        Cow::Borrowed(address)
    } else {
        Cow::Owned(format!("{address}:{}", Addresses::default().postgres.port()))
    }
}

#[async_trait]
impl Backend for Remote {
    async fn execute(&mut self, statement: &str) -> Result<Answer, Failure> {
        let failed = {
            let statement = statement.to_owned();
            move |error: Error| failure(&error, &statement)
        };
        let mut messages = Box::pin(self.client.simple_query_raw(statement).await.map_err(&failed)?);
        let mut rows_done = None;
        while let Some(message) = messages.next().await {
            match message.map_err(&failed)? {
                SimpleQueryMessage::RowDescription(columns) => {
                    let columns = columns.iter().map(|column| column.name().to_owned()).collect();
                    let rows = messages
                        .ready_chunks(ROWS_TOGETHER_MAX)
                        .map(move |messages| rows_of(messages, &failed))
                        .boxed();
                    return Ok(Answer::Rows { columns, rows });
                }
                SimpleQueryMessage::CommandComplete(rows) => rows_done = Some(rows),
                _ => {}
            }
        }
        // The message of a command comes as a notice, ahead of its completion.
        let mut told = self.notices();
        if told.is_empty() {
            told.push(tag(statement, rows_done.unwrap_or(0)));
        }
        Ok(Answer::Done(told.join("\n")))
    }

    async fn cancel(&mut self) -> Result<(), Failure> {
        let settled = async {
            self.client.cancel_token().cancel_query(NoTls).await?;
            // Answered only when the cancelled statement is over, so that a cancellation that comes late
            // meets this and not the statement typed next.
            match self.client.simple_query("").await {
                Err(error) if error.as_db_error().is_none() => Err(error),
                _ => Ok(()),
            }
        };
        match timeout(CANCEL_TIMEOUT, settled).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(failure(&error, "")),
            Err(_) => Err(Failure::new("the server did not end the statement in time")),
        }
    }

    fn notices(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.notices.try_recv().ok()).collect()
    }

    async fn close(&mut self) -> Result<(), Failure> {
        // The connection ends with its client.
        Ok(())
    }
}

/// The tag of a command that is done. The client library keeps only its number of rows, so that the rest is
/// taken from the statement.
fn tag(statement: &str, rows: u64) -> String {
    let word = statement.split(|character: char| !character.is_ascii_alphabetic()).next();
    match word.unwrap_or_default().to_ascii_uppercase() {
        word if word == "INSERT" => format!("INSERT 0 {rows}"),
        word if word.is_empty() => "done".to_owned(),
        word => word,
    }
}

/// The rows among some messages; the first error stands for all.
fn rows_of(
    messages: Vec<Result<SimpleQueryMessage, Error>>,
    failed: &impl Fn(Error) -> Failure,
) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::with_capacity(messages.len());
    for message in messages {
        match message {
            Ok(SimpleQueryMessage::Row(row)) => rows.push(cells(&row)),
            Ok(_) => {}
            // Rows that came ahead of an error are dropped with it: the answer is not whole either way.
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(rows)
}

fn cells(row: &SimpleQueryRow) -> Row {
    (0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect()
}

fn failure(error: &Error, statement: &str) -> Failure {
    let Some(told) = error.as_db_error() else {
        let failure = Failure::new(describe(error));
        return if error.is_closed() {
            failure.with_hint("the server has gone; start it and connect again")
        } else {
            failure
        };
    };
    Failure {
        message: told.message().to_owned(),
        place: match told.position() {
            Some(ErrorPosition::Original(character)) => Some(place_of(statement, *character)),
            _ => None,
        },
        script: None,
        detail: told.detail().map(str::to_owned),
        hint: told.hint().map(str::to_owned),
    }
}

/// The error with its cause, which the client library leaves out of its own text.
fn describe(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Line and column of a character of a text, all counted from 1.
fn place_of(text: &str, character: u32) -> (u32, u32) {
    let (mut line, mut column) = (1, 1);
    for before in text.chars().take(character.saturating_sub(1) as usize) {
        if before == '\n' {
            line += 1;
            column = 1;
        } else {
            column += 1;
        }
    }
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_no_scheme_and_no_port() {
        for (address, host, port) in [
            ("127.0.0.1:25433", "127.0.0.1", 25_433),
            ("localhost", "localhost", 5433),
            ("[::1]", "::1", 5433),
            ("[::1]:6000", "::1", 6000),
            ("postgres://me@db:7000/tidemill", "db", 7000),
            ("postgresql://db:7000", "db", 7000),
            ("host=db port=7000", "db", 7000),
        ] {
            let config = config(address).unwrap();
            let reached = (config.get_hosts(), config.get_ports());
            assert_eq!(reached, (&[Host::Tcp(host.to_owned())][..], &[port][..]), "{address}");
        }
    }

    #[test]
    fn what_is_no_address_is_told_with_its_reason() {
        for (address, reason) in [
            ("http://127.0.0.1:8088", "not by http://"),
            ("127.0.0.1:99999", "port"),
            ("127.0.0.1:a", "port"),
            (":5433", "no host"),
            ("", "no host"),
            ("user=me", "no host"),
        ] {
            let failure = config(address).unwrap_err();
            assert!(failure.message.contains(reason), "{address}: {failure}");
            assert!(failure.hint.as_deref().is_some_and(|hint| hint.contains("HOST:PORT")), "{failure}");
        }
    }

    #[test]
    fn a_command_is_told_with_the_tag_that_it_has_everywhere() {
        assert_eq!(tag("insert into s values (1), (2)", 2), "INSERT 0 2");
        assert_eq!(tag("SET 'auto.offset.reset' = 'earliest'", 0), "SET");
    }

    #[test]
    fn a_position_becomes_line_and_column() {
        let text = "SELECT ä,\n  b";
        assert_eq!(place_of(text, 1), (1, 1));
        assert_eq!(place_of(text, 8), (1, 8));
        assert_eq!(place_of(text, 13), (2, 3));
        assert_eq!(place_of(text, 99), (2, 4));
    }
}
