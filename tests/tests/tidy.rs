//! What holds of every file.

use std::fs;

use tidemill_tests::{files, repository};

#[test]
fn every_module_says_what_it_is() {
    let silent: Vec<_> = files(&repository(), ".rs")
        .into_iter()
        .filter(|path| path.components().any(|part| part.as_os_str() == "src"))
        .filter(|path| !fs::read_to_string(path).unwrap_or_default().starts_with("//!"))
        .collect();
    assert!(silent.is_empty(), "modules that do not open with //!: {silent:#?}");
}

#[test]
fn nothing_is_left_to_be_done_later() {
    let words = [["to", "do!("].concat(), ["unimple", "mented!("].concat(), ["FIX", "ME"].concat()];
    for path in files(&repository(), ".rs") {
        let text = fs::read_to_string(&path).unwrap_or_default();
        for word in &words {
            assert!(!text.contains(word), "{} has {word}", path.display());
        }
    }
}

#[test]
fn paths_in_the_readme_exist() {
    let readme = fs::read_to_string(repository().join("README.md")).expect("the README is there");
    let mut checked = 0;
    for quoted in readme.split('`').skip(1).step_by(2) {
        let folder = quoted.split('/').next().unwrap_or_default();
        if quoted.contains('/')
            && !quoted.contains(' ')
            && ["storage", "sql", "engine", "cli", "tests", "queries"].contains(&folder)
        {
            assert!(repository().join(quoted).exists(), "the README names {quoted}");
            checked += 1;
        }
    }
    assert!(checked > 5, "the README names the places to look at");
}
