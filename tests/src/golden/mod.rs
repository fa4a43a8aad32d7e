//! Golden files: statements with what they must answer, one story a file.
//!
//! The files are sqllogictest's (`tests/golden/*.slt`). Each runs on a server of its own, over one of the two
//! Postgres protocols. Two things differ from plain sqllogictest:
//!
//! - Continuous queries work beside the statements, so a `query` is asked again until it has its expected
//!   rows or [`PATIENCE`] is over.
//! - An error is shown with all its parts (SQLSTATE, position, hint) and compared as a whole.
//!
//! With `TIDEMILL_GOLDEN=NAME` only files whose names contain NAME run. With `TIDEMILL_UPDATE=1` they
//! get the answers of now in place of those expected: what has changed is then to be read as prose.

mod binary_text;
mod connection;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use sqllogictest::{
    DefaultColumnType, ExpectedError, QueryExpect, Record, RecordOutput, Runner, StatementExpect,
    default_normalizer, default_validator, parse_file, update_record_with_output,
};

pub use self::connection::{Connection, Protocol, Refusal};
use crate::{PATIENCE, Server, files, repository};

/// How soon a query is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// When files are rewritten: how long an answer must stay the same to be the one that is written.
const SETTLED: Duration = Duration::from_secs(2);

/// Runs all golden files over a protocol.
///
/// # Panics
/// If one of them fails; all failures are told together.
pub async fn run_all(protocol: Protocol) {
    let wish = std::env::var("TIDEMILL_GOLDEN").unwrap_or_default();
    let rewrite = std::env::var_os("TIDEMILL_UPDATE").is_some();
    let found = files(&repository().join("tests").join("golden"), ".slt");
    assert!(!found.is_empty(), "there are no golden files");
    let mut failures = String::new();
    for path in found {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // The extended protocol tells the types of columns, so it is the one that writes.
        if name.contains(&wish)
            && !(rewrite && protocol == Protocol::Simple)
            && let Err(failure) = run(&path, protocol, rewrite).await
        {
            let _ = write!(failures, "\n{name}: {failure}");
        }
    }
    assert!(failures.is_empty(), "over the {protocol:?} protocol:{failures}");
}

async fn run(path: &Path, protocol: Protocol, rewrite: bool) -> Result<(), String> {
    let server = Server::start();
    let address = server.postgres();
    let mut runner = Runner::new(move || {
        let address = address.clone();
        async move { Connection::open(&address, protocol).await }
    });
    runner.with_column_validator(types_agree);
    let records = parse_file::<DefaultColumnType>(path).map_err(|error| error.to_string())?;
    let mut rewritten = String::new();
    for record in records {
        if rewrite {
            let record = updated(&mut runner, record).await;
            let _ = writeln!(rewritten, "{record}");
        } else {
            check(&mut runner, record).await?;
        }
    }
    if rewrite {
        std::fs::write(path, rewritten.trim_end().to_owned() + "\n").map_err(|error| error.to_string())?;
    }
    runner.shutdown_async().await;
    drop(runner);
    server.stop();
    Ok(())
}

/// Runs a record; a query as often as it takes.
async fn check<M>(runner: &mut Runner<Connection, M>, record: Record<DefaultColumnType>) -> Result<(), String>
where
    M: sqllogictest::MakeConnection<Conn = Connection>,
{
    let patient = matches!(&record, Record::Query { expected: QueryExpect::Results { .. }, .. });
    let deadline = Instant::now() + PATIENCE;
    loop {
        match runner.run_async(record.clone()).await {
            Ok(_) => return Ok(()),
            Err(_) if patient && Instant::now() < deadline => tokio::time::sleep(ASK_AGAIN).await,
            Err(error) => return Err(error.display(false).to_string()),
        }
    }
}

/// The record with the answer of now; a query's once it no longer changes.
async fn updated<M>(
    runner: &mut Runner<Connection, M>,
    record: Record<DefaultColumnType>,
) -> Record<DefaultColumnType>
where
    M: sqllogictest::MakeConnection<Conn = Connection>,
{
    let mut output = runner.apply_record(record.clone()).await;
    if matches!(record, Record::Query { .. }) && runner.run_async(record.clone()).await.is_err() {
        let mut since = Instant::now();
        while since.elapsed() < SETTLED {
            tokio::time::sleep(ASK_AGAIN).await;
            let next = runner.apply_record(record.clone()).await;
            if rows(&next) != rows(&output) {
                since = Instant::now();
                output = next;
            }
        }
    }
    let updated =
        update_record_with_output(&record, &output, " ", default_validator, default_normalizer, types_agree);
    whole_error(updated.unwrap_or(record), &output)
}

fn rows(output: &RecordOutput<DefaultColumnType>) -> &[Vec<String>] {
    match output {
        RecordOutput::Query { rows, .. } => rows,
        _ => &[],
    }
}

/// An expected error as a text of its own under the statement, not as a pattern beside it.
fn whole_error(
    mut record: Record<DefaultColumnType>,
    output: &RecordOutput<DefaultColumnType>,
) -> Record<DefaultColumnType> {
    let error = match output {
        RecordOutput::Query { error: Some(error), .. }
        | RecordOutput::Statement { error: Some(error), .. } => ExpectedError::Multiline(error.to_string()),
        _ => return record,
    };
    match &mut record {
        Record::Query { expected, .. } => *expected = QueryExpect::Error(error),
        Record::Statement { expected, .. } => *expected = StatementExpect::Error(error),
        _ => {}
    }
    record
}

/// Types are compared where the protocol tells them.
#[expect(clippy::ptr_arg, reason = "the signature that sqllogictest asks for")]
fn types_agree(actual: &Vec<DefaultColumnType>, expected: &Vec<DefaultColumnType>) -> bool {
    actual.len() == expected.len()
        && actual
            .iter()
            .zip(expected)
            .all(|(actual, expected)| *actual == DefaultColumnType::Any || actual == expected)
}
