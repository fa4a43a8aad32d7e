//! The cases that paths lead to: files of cases, directories of three files, and directories of both.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::case::Case;
use super::{Place, Selection, three_files};
use crate::failure::CommandFailure;

/// Directories within each other that are looked through.
const DEPTH_MAX: usize = 32;

/// A case and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct CaseSource {
    /// Where it stands.
    pub(crate) place: Place,
    /// Its id, also where the rest of it cannot be read.
    pub(crate) id: String,
    /// Its tier; empty where it has none.
    pub(crate) tier: String,
    /// The case, or why it cannot be read.
    pub(crate) case: Result<Box<Case>, String>,
}

impl CaseSource {
    /// Lets everything count that the case says.
    pub(crate) fn be_strict(&mut self) {
        if let Ok(case) = &mut self.case {
            case.is_strict = true;
        }
    }
}

/// All selected cases, in the order of the paths, and within a directory in that of the files' names.
///
/// # Errors
/// A path that is not there, a file that is no file of cases, an id that two cases have.
pub(crate) fn collect(
    paths: &[impl AsRef<Path>],
    selection: &Selection,
) -> Result<Vec<CaseSource>, CommandFailure> {
    let mut found = Vec::new();
    for path in paths {
        walk(path.as_ref(), 0, true, &mut found)?;
    }
    let mut ids = BTreeSet::new();
    if let Some(twice) = found.iter().find(|source| !ids.insert(source.id.clone())) {
        return Err(CommandFailure(format!("two cases have the id '{}'", twice.id)));
    }
    found.retain(|source| selection.takes(&source.id, &source.tier));
    Ok(found)
}

/// `named`: the path was given as it is, so it must hold cases.
fn walk(path: &Path, depth: usize, named: bool, found: &mut Vec<CaseSource>) -> Result<(), CommandFailure> {
    let failed =
        |error: std::io::Error| CommandFailure(format!("could not read {}: {error}", path.display()));
    if fs::metadata(path).map_err(failed)?.is_file() {
        return read_file(path, named, found);
    }
    if three_files::is_case(path) {
        found.push(three_files::read(path));
        return Ok(());
    }
    if depth == DEPTH_MAX {
        return Err(CommandFailure(format!("{} lies too deep", path.display())));
    }
    let entries: Result<Vec<_>, _> = fs::read_dir(path).map_err(failed)?.collect();
    let mut below: Vec<_> = entries.map_err(failed)?.into_iter().map(|entry| entry.path()).collect();
    below.sort();
    for path in below {
        if path.is_dir() || path.extension().is_some_and(|extension| extension == "json") {
            walk(&path, depth + 1, false, found)?;
        }
    }
    Ok(())
}

/// Reads a file of cases. One that was not named and holds none is passed over: it is about something else.
fn read_file(path: &Path, named: bool, found: &mut Vec<CaseSource>) -> Result<(), CommandFailure> {
    let mut content = read_json(path)?;
    let cases = match content.get_mut("cases").map(Value::take) {
        Some(Value::Array(cases)) => cases,
        _ if !named => return Ok(()),
        _ => {
            return Err(CommandFailure(format!("{} holds no list \"cases\"", path.display())));
        }
    };
    if named && cases.is_empty() {
        return Err(CommandFailure(format!("{} holds no case", path.display())));
    }
    for (position, case) in cases.into_iter().enumerate() {
        let text = |name: &str| case.get(name).and_then(Value::as_str).map(str::to_owned);
        let id = text("id").unwrap_or_else(|| format!("{}#{position}", path.display()));
        let tier = text("tier").unwrap_or_default();
        let read = serde_json::from_value::<Case>(case).map_err(|error| format!("no case: {error}"));
        let case = read.map(|case| Box::new(Case { id: id.clone(), ..case }));
        found.push(CaseSource { place: Place::InFile(path.to_owned(), position), id, tier, case });
    }
    Ok(())
}

/// A JSON file.
pub(super) fn read_json(path: &Path) -> Result<Value, CommandFailure> {
    let text = fs::read_to_string(path)
        .map_err(|error| CommandFailure(format!("could not read {}: {error}", path.display())))?;
    serde_json::from_str(&text)
        .map_err(|error| CommandFailure(format!("{} is no JSON: {error}", path.display())))
}
