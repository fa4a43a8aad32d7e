//! Every file of queries/ gives what it says it gives.
//!
//! A statement ends with a semicolon at the end of a line. What it gives stands below it: `-- expect:`, rows
//! parted by commas, cells parted by spaces, null as a word.

use std::fs;
use std::path::Path;
use std::process::Command;

use tidemill_tests::{Server, files, program, repository};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, SimpleQueryRow};

/// A statement and the rows it is to give, if it is a question.
struct Step {
    statement: String,
    expected: Option<Vec<String>>,
}

#[tokio::test]
async fn every_file_opens_with_its_purpose_and_gives_what_it_says() {
    let found = files(&repository().join("queries"), ".sql");
    assert!(found.len() >= 5, "the examples are there");
    for file in found {
        let text = fs::read_to_string(&file).expect("an example can be read");
        assert!(text.starts_with("-- "), "{} does not open with its purpose", file.display());
        let server = Server::start();
        check(&file, &text, &server).await;
        server.stop();
    }
}

async fn check(file: &Path, text: &str, server: &Server) {
    let (client, connection) = tokio_postgres::connect(&server.postgres(), NoTls).await.expect("connects");
    let connection = tokio::spawn(connection);
    let mut questions = 0;
    for step in steps(text) {
        let rows = rows(&client, &step.statement)
            .await
            .unwrap_or_else(|error| panic!("{}: {}\n{error:?}", file.display(), step.statement));
        if let Some(expected) = step.expected {
            questions += 1;
            assert_eq!(rows, expected, "{}: {}", file.display(), step.statement);
        }
    }
    assert!(questions > 0, "{} shows no result", file.display());
    drop(client);
    connection.await.expect("the connection does not panic").expect("the connection ends in order");
}

async fn rows(client: &Client, statement: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let messages = client.simple_query(statement).await?;
    let row = |row: &SimpleQueryRow| {
        (0..row.len()).map(|cell| row.get(cell).unwrap_or("null")).collect::<Vec<_>>().join(" ")
    };
    Ok(messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(found) => Some(row(found)),
            _ => None,
        })
        .collect())
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut statement = String::new();
    let mut expecting = false;
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("--") {
            let rows = match comment.trim().strip_prefix("expect:") {
                Some(rows) => rows,
                None if expecting => comment,
                None => continue,
            };
            expecting = true;
            let step = steps.last_mut().expect("an expectation stands below its statement");
            let rows = rows.split(',').map(|row| row.trim().to_owned()).filter(|row| !row.is_empty());
            step.expected.get_or_insert_default().extend(rows);
            continue;
        }
        expecting = false;
        statement.push_str(line);
        statement.push('\n');
        if line.ends_with(';') {
            steps.push(Step { statement: std::mem::take(&mut statement).trim().to_owned(), expected: None });
        }
    }
    assert!(statement.trim().is_empty(), "the last statement has no semicolon: {statement}");
    steps
}

#[test]
fn the_quickstart_runs_without_a_server_as_its_first_lines_say() {
    let file = repository().join("queries/quickstart.sql");
    let text = fs::read_to_string(&file).expect("the quickstart can be read");
    assert!(text.contains("tidemill sql -f queries/quickstart.sql"), "it says how to run it");
    let directory = tempfile::tempdir().expect("a directory for its data");
    let ran = Command::new(program())
        .args(["sql", "-f", "queries/quickstart.sql", "--data-dir"])
        .arg(directory.path())
        .current_dir(repository())
        .output()
        .expect("the program runs");
    let (answers, complaints) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{complaints}");
    for row in [" bob      | desk  |    250", " ann      |            2 |   160"] {
        assert!(answers.contains(row), "{answers}");
    }
}
