//! What may be the name of a subject, and what a subject holds.

use std::collections::BTreeMap;

use crate::registry::definition::SchemaId;
use crate::registry::error::{RegistryError, RegistryResult};

/// Longest name of a subject, in bytes. A subject is named after a topic (249 bytes at most) and a record
/// type, whose names are not bounded but are seldom longer than a line.
const SUBJECT_BYTES_MAX: usize = 1024;

/// Most subjects, and most names that something is set for, so that what is held in memory has a bound. A
/// topic has two.
pub(super) const SUBJECTS_MAX: usize = 200_000;

/// Names that Confluent's registry keeps for itself.
const RESERVED_SUBJECTS: [&str; 2] = ["__GLOBAL", "__EMPTY"];

/// How names begin that say which context a subject is in.
const CONTEXT_MARK: &str = ":.";

/// One version of a subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SubjectVersion {
    pub(super) id: SchemaId,
    /// Whether it was deleted softly: it is not found any more, and can still be read by its number.
    pub(super) is_deleted: bool,
}

/// The versions of a subject, by number.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Subject {
    pub(super) versions: BTreeMap<i32, SubjectVersion>,
}

impl Subject {
    /// The versions that are not deleted, oldest first.
    pub(super) fn live(&self) -> impl DoubleEndedIterator<Item = (i32, SchemaId)> {
        let live = self.versions.iter().filter(|(_, version)| !version.is_deleted);
        live.map(|(number, version)| (*number, version.id))
    }

    /// Whether all versions are deleted.
    pub(super) fn is_deleted(&self) -> bool {
        self.live().next().is_none()
    }

    /// The number of the next version. One that was deleted softly is not given again.
    pub(super) fn next_version(&self) -> i32 {
        self.versions.last_key_value().map_or(1, |(number, _)| number.saturating_add(1))
    }
}

/// Checks a name.
pub(super) fn check_name(subject: &str) -> RegistryResult<()> {
    let reason = if subject.is_empty() {
        "it is empty".to_owned()
    } else if subject.len() > SUBJECT_BYTES_MAX {
        format!("it is longer than {SUBJECT_BYTES_MAX} bytes")
    } else if subject.chars().any(char::is_control) {
        "it has control characters".to_owned()
    } else if RESERVED_SUBJECTS.contains(&subject) {
        "the name is reserved".to_owned()
    } else if subject.starts_with(CONTEXT_MARK) {
        "contexts are not supported: there is only the default one, and its subjects have plain names"
            .to_owned()
    } else {
        return Ok(());
    };
    Err(RegistryError::InvalidSubject { subject: subject.to_owned(), reason })
}
