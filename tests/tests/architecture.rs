//! The arrows between the crates: who may know whom.

use std::fs;

use tidemill_tests::{files, repository};

/// Names in a crate's `[dependencies]`.
fn dependencies(folder: &str) -> Vec<String> {
    let manifest =
        fs::read_to_string(repository().join(folder).join("Cargo.toml")).expect("the manifest is there");
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| {
            line.split(['.', '=', ' ']).next().filter(|name| !name.is_empty()).map(str::to_owned)
        })
        .collect()
}

#[test]
fn every_crate_knows_only_those_below_it() {
    // Folder, a dependency it must have, and those it must not have.
    let rules: [(&str, &str, &[&str]); 4] = [
        (
            "storage",
            "bytes",
            &[
                "tidemill-sql",
                "tidemill-engine",
                "arrow",
                "arrow-schema",
                "datafusion",
                "sqlparser",
                "pgwire",
                "kafka-protocol",
            ],
        ),
        ("sql", "sqlparser", &["tidemill-storage", "tidemill-engine", "tokio", "rocksdb", "datafusion"]),
        ("engine", "tidemill-storage", &["pgwire", "kafka-protocol", "axum", "clap", "rustyline"]),
        (
            "cli",
            "tidemill-engine",
            &[
                "tidemill-storage",
                "rocksdb",
                "datafusion",
                "datafusion-common",
                "datafusion-expr",
                "sqlparser",
                // What records mean is known to the engine's formats.
                "prost-reflect",
                "protox",
            ],
        ),
    ];
    for (folder, needed, forbidden) in rules {
        let known = dependencies(folder);
        assert!(known.iter().any(|name| name == needed), "{folder} depends on {needed}: {known:?}");
        let wrong: Vec<&&str> =
            forbidden.iter().filter(|name| known.iter().any(|known| known == *name)).collect();
        assert!(wrong.is_empty(), "{folder} must not know {wrong:?}");
    }
}

#[test]
fn the_doors_read_text_with_the_language_and_leave_its_meaning_to_the_engine() {
    let reading = [
        "parser",
        "type_system",
        "SqlError",
        "Position",
        // What a word was meant to be.
        "closest",
        // Points in time as parameters have them, and words for on and off in settings.
        "analyzer::time_text",
        "lookup::is_on",
    ];
    let mut used = 0;
    for file in files(&repository().join("cli/src"), ".rs") {
        let text = fs::read_to_string(&file).unwrap_or_default();
        for path in text.split("tidemill_sql::").skip(1) {
            let is_read = reading.iter().any(|allowed| path.starts_with(allowed));
            let shown: String = path.chars().take(40).collect();
            assert!(is_read, "{} uses tidemill_sql::{shown}", file.display());
            used += 1;
        }
    }
    assert!(used > 10, "the doors read statements");
}
