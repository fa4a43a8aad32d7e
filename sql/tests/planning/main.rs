//! Statements and the plans or errors they become, as golden text.
//!
//! Every file in `tests/plans` holds statements and what planning makes of the last one of each block:
//!
//! ```text
//! statements that every block of the file starts from
//!
//! ## what the block shows
//! statements; the last one is planned and shown
//! ----
//! the plan, or the error
//! ```
//!
//! `TIDEMILL_UPDATE=1` rewrites the files with what planning makes of them now; the difference is then
//! read like prose.

mod functions;
mod lookup;
mod show;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::lookup::MemoryLookup;

#[test]
fn statements_become_the_plans_and_errors_written_down() {
    let mut files: Vec<PathBuf> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans"))
        .expect("the directory of golden files")
        .map(|entry| entry.expect("a directory entry").path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "there are no golden files");
    let update = std::env::var_os("TIDEMILL_UPDATE").is_some();
    let mut differences = String::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a golden file");
        let golden = Golden::read(&text);
        let now = golden.now();
        if update {
            fs::write(&file, now).expect("writing a golden file");
        } else if now != text {
            let _ = writeln!(differences, "{}:\n{}", file.display(), first_difference(&text, &now));
        }
    }
    assert!(differences.is_empty(), "{differences}\nTIDEMILL_UPDATE=1 writes down what is planned now");
}

struct Golden<'a> {
    setup: &'a str,
    blocks: Vec<Block<'a>>,
}

struct Block<'a> {
    title: &'a str,
    statements: &'a str,
}

impl<'a> Golden<'a> {
    fn read(text: &'a str) -> Golden<'a> {
        let mut parts = text.split("\n## ");
        let setup = parts.next().unwrap_or_default();
        let blocks = parts
            .map(|part| {
                let (title, rest) = part.split_once('\n').unwrap_or((part, ""));
                let statements = rest.split_once("\n----").map_or(rest, |(statements, _)| statements);
                Block { title, statements: statements.trim_end() }
            })
            .collect();
        Golden { setup: setup.trim_end(), blocks }
    }

    fn now(&self) -> String {
        let mut text = format!("{}\n", self.setup);
        for block in &self.blocks {
            let mut lookup = MemoryLookup::default();
            let setup = lookup.run(self.setup).map(|_| ());
            let shown = match setup.and_then(|()| lookup.run(block.statements)) {
                Ok(shown) => shown,
                Err(error) => format!("{:?}: {error}", error.kind),
            };
            let _ = write!(text, "\n## {}\n{}\n----\n{}\n", block.title, block.statements, shown.trim_end());
        }
        text
    }
}

fn first_difference(expected: &str, found: &str) -> String {
    let mut title = "";
    for (expected, found) in expected.lines().zip(found.lines()) {
        title = if found.starts_with("## ") { found } else { title };
        if expected != found {
            return format!("{title}\n  expected: {expected}\n  found:    {found}");
        }
    }
    format!("{title}\n  the files have {} and {} lines", expected.lines().count(), found.lines().count())
}
