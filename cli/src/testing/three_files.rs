//! A case of three files in a directory, as people write them by hand: `statements.sql`, `input.json`
//! with `{"inputs": […]}` and `output.json` with `{"outputs": […]}`. Such a case is strict.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tidemill_sql::parser;

use super::Place;
use super::case::{Case, CaseRecord};
use super::case_files::{CaseSource, read_json};

/// The statements.
const STATEMENTS: &str = "statements.sql";

/// What goes in; may be missing where statements insert it.
const INPUT: &str = "input.json";

/// What has to come out.
pub(super) const OUTPUT: &str = "output.json";

/// Whether a directory is a case.
pub(super) fn is_case(directory: &Path) -> bool {
    directory.join(STATEMENTS).is_file() && directory.join(OUTPUT).is_file()
}

/// Reads such a directory; its path is the case's id.
pub(super) fn read(directory: &Path) -> CaseSource {
    let id = directory.display().to_string();
    let case = read_case(directory, &id).map(Box::new);
    CaseSource { place: Place::Directory(directory.to_owned()), id, tier: String::new(), case }
}

fn read_case(directory: &Path, id: &str) -> Result<Case, String> {
    let path = directory.join(STATEMENTS);
    let text =
        fs::read_to_string(&path).map_err(|error| format!("could not read {}: {error}", path.display()))?;
    let split = parser::split(&text);
    let statements = split.statements.iter().chain(&split.remainder);
    let input = directory.join(INPUT);
    Ok(Case {
        id: id.to_owned(),
        statements: statements.map(|piece| format!("{};", piece.text)).collect(),
        inputs: if input.is_file() { records(&input, "inputs")? } else { Vec::new() },
        outputs: records(&directory.join(OUTPUT), "outputs")?,
        is_strict: true,
        ..Case::default()
    })
}

fn records(path: &Path, name: &str) -> Result<Vec<CaseRecord>, String> {
    let mut content = read_json(path).map_err(|error| error.to_string())?;
    let records = content.get_mut(name).map(Value::take);
    let records = records.ok_or_else(|| format!("{} holds no list \"{name}\"", path.display()))?;
    serde_json::from_value(records).map_err(|error| format!("{}: {error}", path.display()))
}
