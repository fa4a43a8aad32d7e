//! What the shell keeps to itself and what it sends on, told with a backend that remembers.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use parking_lot::Mutex;

use super::*;

/// A backend that remembers its statements and answers each with one row.
struct Remembering(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Backend for Remembering {
    async fn execute(&mut self, statement: &str) -> Result<Answer, Failure> {
        self.0.lock().push(statement.to_owned());
        if statement.starts_with("FAIL") {
            return Err(Failure::new("as told"));
        }
        let rows = futures::stream::iter([Ok(vec![vec![Some(statement.to_owned())]])]).boxed();
        Ok(Answer::Rows { columns: vec!["statement".to_owned()], rows })
    }

    async fn cancel(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn notices(&mut self) -> Vec<String> {
        Vec::new()
    }

    async fn close(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

fn shell() -> (Shell, Arc<Mutex<Vec<String>>>) {
    let sent = Arc::new(Mutex::new(Vec::new()));
    (Shell::new(Box::new(Remembering(sent.clone()))), sent)
}

#[tokio::test]
async fn variables_are_replaced_before_a_statement_is_sent() {
    let (mut shell, sent) = shell();
    shell.run("DEFINE t = 'orders'; SELECT * FROM ${t}; UNDEFINE t;").await.unwrap();
    assert_eq!(*sent.lock(), ["SELECT * FROM orders"]);
    assert!(matches!(shell.run("SELECT ${t};").await, Err(Stopped::Failed(_))));
    assert_eq!(sent.lock().len(), 1);
}

#[tokio::test]
async fn the_first_failure_ends_a_text() {
    let (mut shell, sent) = shell();
    assert!(matches!(shell.run("ONE; FAIL; TWO;").await, Err(Stopped::Failed(_))));
    assert_eq!(*sent.lock(), ["ONE", "FAIL"]);
}

#[tokio::test]
async fn quit_leaves_the_rest_alone() {
    let (mut shell, sent) = shell();
    assert_eq!(shell.run("ONE; quit; TWO").await.unwrap(), Flow::Quit);
    assert_eq!(*sent.lock(), ["ONE"]);
}

#[tokio::test]
async fn a_script_that_runs_itself_is_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("self.sql");
    std::fs::write(&script, format!("ONE; RUN SCRIPT '{}';", script.display())).unwrap();
    let (mut shell, sent) = shell();
    assert!(matches!(shell.run_file(&script).await, Err(Stopped::Failed(_))));
    assert_eq!(sent.lock().len(), SCRIPT_DEPTH_MAX);
}

#[tokio::test]
async fn answers_are_spooled_as_tables() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("answers.txt");
    let (mut shell, _) = shell();
    shell.run(&format!("SPOOL '{}'; ONE; SPOOL OFF;", path.display())).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("tidemill> ONE;\n statement\n-----------\n ONE\n(1 row)\n"), "{text}");
}

#[tokio::test]
async fn names_are_asked_for_again_after_a_definition_only() {
    let (mut shell, sent) = shell();
    shell.names().await;
    let asked = sent.lock().len();
    shell.names().await;
    assert_eq!(sent.lock().len(), asked);
    shell.run("CREATE STREAM s (a INT);").await.unwrap();
    shell.names().await;
    assert!(sent.lock().len() > asked + 1);
}
