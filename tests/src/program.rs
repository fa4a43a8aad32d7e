//! The program under test: the one that stands beside the running test, brought up to date first.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::repository;

/// The path of `tidemill`.
///
/// `TIDEMILL_BINARY` names one to take as it is. Otherwise it is the one of the running test's own build
/// folder; under cargo it is built, because cargo builds a program only for the tests of its own package.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| match std::env::var_os("TIDEMILL_BINARY") {
        Some(given) => given.into(),
        None => built(),
    })
}

fn built() -> PathBuf {
    // TARGET/PROFILE/deps/TEST
    let test = std::env::current_exe().expect("a running test has a path");
    let profile = test.ancestors().nth(2).expect("tests run from a build folder");
    if let Some(cargo) = std::env::var_os("CARGO") {
        let mut build = Command::new(cargo);
        // The whole workspace, so that dependencies have the features they were built with before.
        build.args(["build", "--quiet", "--locked", "--workspace", "--bin", "tidemill"]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let target = profile.parent().expect("a profile has a folder in the build folder");
        let status = build.arg("--target-dir").arg(target).current_dir(repository()).status();
        assert!(status.is_ok_and(|status| status.success()), "tidemill does not build");
    }
    profile.join(format!("tidemill{}", std::env::consts::EXE_SUFFIX))
}
