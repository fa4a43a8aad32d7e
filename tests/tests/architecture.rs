//! The arrows between the crates: who may know whom.

use std::fs;

use tidemill_tests::repository;

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
        ("cli", "tidemill-engine", &["tidemill-storage", "rocksdb", "datafusion"]),
    ];
    for (folder, needed, forbidden) in rules {
        let known = dependencies(folder);
        assert!(known.iter().any(|name| name == needed), "{folder} depends on {needed}: {known:?}");
        let wrong: Vec<&&str> =
            forbidden.iter().filter(|name| known.iter().any(|known| known == *name)).collect();
        assert!(wrong.is_empty(), "{folder} must not know {wrong:?}");
    }
}
