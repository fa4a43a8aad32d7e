//! Where the repository is, and what stands in it.

use std::path::{Path, PathBuf};

/// The repository's top folder: of the clone whose tests run, which need not be the one they were built in.
#[must_use]
pub fn repository() -> PathBuf {
    let running = std::env::var_os("CARGO_MANIFEST_DIR");
    let crate_folder = running.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    crate_folder.parent().map_or_else(|| crate_folder.clone(), Path::to_owned)
}

/// All files below a folder whose names end so, sorted; folders of build output are left out.
#[must_use]
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if path.is_dir() && !hidden && entry.file_name() != "target" {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
