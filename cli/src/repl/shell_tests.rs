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
        if statement.starts_with("SET") {
            return Ok(Answer::Done("SET".to_owned()));
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
async fn nothing_is_replaced_while_a_setting_says_so() {
    let (mut shell, sent) = shell();
    shell.define(&"t=orders".parse().unwrap());
    let switch = |value: &str| format!("SET 'ksql.variable.substitution.enable' = '{value}'");
    shell
        .run(&format!("{}; SELECT ${{t}}; {}; SELECT ${{T}}", switch("false"), switch("true")))
        .await
        .unwrap();
    assert_eq!(*sent.lock(), [switch("false").as_str(), "SELECT ${t}", &switch("true"), "SELECT orders"]);
}

#[tokio::test]
async fn backslash_commands_stand_on_lines_of_their_own_also_in_a_text() {
    let directory = tempfile::tempdir().unwrap();
    let (script, path) = (directory.path().join("a.sql"), directory.path().join("answers.txt"));
    let text = format!("-- Twice.\n\\o {}\n  \\x on\n ONE; \\dt\n\\o\nTWO;", path.display());
    std::fs::write(&script, text).unwrap();
    let (mut shell, sent) = shell();
    shell.run_file(&script).await.unwrap();
    assert_eq!(*sent.lock(), ["ONE", "SHOW TABLES", "TWO"]);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("tidemill> ONE;\n-[ RECORD 1 ]--\nstatement | ONE\n(1 row)\n"), "{text}");
    assert!(!text.contains("TWO"), "{text}");
    let Err(Stopped::Failed(failure)) = shell.run("\\x off\n\n SELECT ${missing}").await else {
        panic!("there is no such variable");
    };
    assert_eq!(failure.place, Some((3, 9)));
    assert!(matches!(shell.run("ONE; \\z\nTWO").await, Err(Stopped::Failed(_))));
}

#[tokio::test]
async fn what_stands_in_the_line_of_a_command_is_its_argument() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("it's;--answers.txt");
    let (mut shell, _) = shell();
    shell.run(&format!("\\o {}", path.display())).await.unwrap();
    assert!(path.exists());
}

#[tokio::test]
async fn answers_wider_than_the_terminal_are_records() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("answers.txt");
    let (mut shell, _) = shell();
    shell.set_terminal_columns(Some(20));
    shell.run(&format!("SPOOL '{}'; DEFINE a = 'b'; SHOW VARIABLES;", path.display())).await.unwrap();
    shell.run("UNDEFINE a; DEFINE a = 'a text that is too long for it'; SHOW VARIABLES;").await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\n name | value\n------+-------\n A    | b\n"), "{text}");
    assert!(text.contains("\nname  | A\nvalue | a text that is too long for it\n"), "{text}");
}

/// A backend that has something to tell before the rows, and something else behind them.
#[derive(Default)]
struct Telling(Vec<String>);

#[async_trait]
impl Backend for Telling {
    async fn execute(&mut self, statement: &str) -> Result<Answer, Failure> {
        self.0 = vec!["from now on".to_owned()];
        let rows = futures::stream::iter([Ok(vec![vec![Some(statement.to_owned())]])]).boxed();
        Ok(Answer::Rows { columns: vec!["statement".to_owned()], rows })
    }

    async fn cancel(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn notices(&mut self) -> Vec<String> {
        std::mem::replace(&mut self.0, vec!["left out".to_owned()])
    }

    async fn close(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

#[tokio::test]
async fn what_is_to_be_known_is_told_before_the_rows_and_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("answers.txt");
    let mut shell = Shell::new(Box::new(Telling::default()));
    shell.run(&format!("SPOOL '{}'; ONE; TWO", path.display())).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let answer = |statement: &str, told: &str| {
        format!(
            "tidemill> {statement};\n{told} statement\n-----------\n {statement}\n(1 row)\nNOTICE: left out\n"
        )
    };
    assert_eq!(text, answer("ONE", "NOTICE: from now on\n") + &answer("TWO", ""));
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
