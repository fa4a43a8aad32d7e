//! Whether every statement of a directory of cases parses, and every statement that must not parse
//! does not.
//!
//! The cases are not part of this project. `TIDEMILL_CONFORMANCE` names a directory of them:
//! subdirectories with `*.json` files of the form `{"cases": [{"id", "statements": […],
//! "expectedException": {"type"}}]}`, and `*.sql` files of statements. The test is run by its name, with
//! `-- --ignored`.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use tidemill_sql::parser::parse;

#[test]
#[ignore = "needs a directory of cases in TIDEMILL_CONFORMANCE"]
fn every_statement_of_the_given_cases_parses_or_fails_as_the_case_says() -> Result<(), Box<dyn Error>> {
    let directory =
        std::env::var_os("TIDEMILL_CONFORMANCE").ok_or("TIDEMILL_CONFORMANCE names no directory")?;
    let mut failures = Vec::new();
    let mut statements = 0;
    for file in files(Path::new(&directory))? {
        let text = fs::read_to_string(&file)?;
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("sql") => {
                let pieces = tidemill_sql::parser::split(&text);
                for piece in pieces.statements.into_iter().chain(pieces.remainder) {
                    statements += 1;
                    if let Err(error) = parse(piece.text) {
                        failures.push(format!("{}: {error}\n{}", file.display(), piece.text));
                    }
                }
            }
            Some("json") => {
                let json: serde_json::Value = serde_json::from_str(&text)?;
                for case in json["cases"].as_array().into_iter().flatten() {
                    statements += check_case(case, &mut failures);
                }
            }
            _ => {}
        }
    }
    assert!(statements > 0, "there are no cases in {}", Path::new(&directory).display());
    assert!(
        failures.is_empty(),
        "{} of {statements} statements:\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
    Ok(())
}

/// Checks the statements of one case and returns how many there were.
fn check_case(case: &serde_json::Value, failures: &mut Vec<String>) -> usize {
    let statements: Vec<&str> = case["statements"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|statement| statement.as_str())
        .collect();
    let must_fail =
        case["expectedException"]["type"].as_str().is_some_and(|name| name.ends_with("ParseFailedException"));
    let last = statements.len().saturating_sub(1);
    for (index, statement) in statements.iter().enumerate() {
        match parse(statement) {
            Ok(_) if must_fail && index == last => {
                failures.push(format!("{} parses but must not:\n{statement}", case["id"]));
            }
            Err(error) if !(must_fail && index == last) => {
                failures.push(format!("{}: {error}\n{statement}", case["id"]));
            }
            _ => {}
        }
    }
    statements.len()
}

fn files(directory: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
