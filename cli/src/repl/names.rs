//! The names that exist: what completion proposes beside the words of the language.

use std::collections::BTreeMap;

use futures::StreamExt;

use super::backend::{Answer, Backend, Failure, Row};

/// Streams and tables whose columns are asked for. Beyond them names alone are completed: asking takes
/// a statement each, while somebody waits for the prompt.
const DESCRIBED_MAX: usize = 200;

/// Rows of one listing that are read at most.
const ROWS_MAX: usize = 10_000;

/// Streams, tables, their columns, and functions.
#[derive(Debug, Default, Clone)]
pub(crate) struct Names {
    /// Columns by stream or table.
    pub(crate) sources: BTreeMap<String, Vec<String>>,
    /// Functions.
    pub(crate) functions: Vec<String>,
}

impl Names {
    /// Asks for what exists now. What cannot be told is left out: a listing that fails is no reason to
    /// trouble somebody who has not asked for it.
    pub(crate) async fn load(backend: &mut dyn Backend) -> Names {
        let mut names = Names::default();
        for listing in ["SHOW STREAMS", "SHOW TABLES"] {
            for name in first_column(rows(backend, listing).await) {
                names.sources.insert(name, Vec::new());
            }
        }
        for (name, columns) in names.sources.iter_mut().take(DESCRIBED_MAX) {
            let describe = format!("DESCRIBE \"{}\"", name.replace('"', "\"\""));
            *columns = first_column(rows(backend, &describe).await);
        }
        names.functions = first_column(rows(backend, "SHOW FUNCTIONS").await);
        names
    }
}

/// Whether a statement may change the names.
pub(crate) fn changes_names(statement: &str) -> bool {
    let first = statement.split_whitespace().next().unwrap_or_default().to_uppercase();
    matches!(first.as_str(), "CREATE" | "DROP" | "ALTER")
}

async fn rows(backend: &mut dyn Backend, statement: &str) -> Result<Vec<Row>, Failure> {
    let mut found = Vec::new();
    let Answer::Rows { mut rows, .. } = backend.execute(statement).await? else { return Ok(found) };
    while let Some(batch) = rows.next().await {
        let room = ROWS_MAX - found.len();
        // The rest is read and dropped, so that nothing is left to cancel.
        found.extend(batch?.into_iter().take(room));
    }
    Ok(found)
}

fn first_column(rows: Result<Vec<Row>, Failure>) -> Vec<String> {
    rows.unwrap_or_default().into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_definitions_change_names() {
        assert!(changes_names("create stream s (a INT)") && changes_names("DROP TABLE t"));
        assert!(!changes_names("SELECT 1") && !changes_names("INSERT INTO s VALUES (1)"));
    }

    #[test]
    fn a_listing_that_fails_gives_no_names() {
        assert!(first_column(Err(Failure::new("no"))).is_empty());
        assert_eq!(first_column(Ok(vec![vec![Some("a".to_owned())], vec![None], vec![]])), ["a"]);
    }
}
