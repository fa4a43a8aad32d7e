//! Deleting subjects and versions: softly first, and then for good.

use crate::registry::administration::check_writable;
use crate::registry::error::{RegistryError, RegistryResult};
use crate::registry::lookup::visible_subject;
use crate::registry::schema_registry::SchemaRegistry;
use crate::registry::selection::{Deleted, Deletion, VersionSelector};
use crate::registry::settings::Settings;
use crate::registry::snapshot::{Change, Snapshot};
use crate::registry::subject::SubjectVersion;

impl SchemaRegistry {
    /// Deletes a subject with all its versions (blocking); gives their numbers. What is set for it goes
    /// with it.
    ///
    /// # Errors
    /// `SubjectNotFound`, `SubjectSoftDeleted`, `SubjectNotSoftDeleted`, `ReferenceExists`, `NotPermitted`,
    /// and those of the disk.
    pub fn delete_subject(&self, subject: &str, deletion: Deletion) -> RegistryResult<Vec<i32>> {
        self.change(|change| {
            let known = visible_subject(&change.snapshot, subject, Deleted::Included)?.clone();
            check_writable(subject, &change.snapshot)?;
            let numbers: Vec<i32> = match deletion {
                Deletion::Soft if known.is_deleted() => {
                    return Err(RegistryError::SubjectSoftDeleted(subject.to_owned()));
                }
                Deletion::Permanent if !known.is_deleted() => {
                    return Err(RegistryError::SubjectNotSoftDeleted(subject.to_owned()));
                }
                Deletion::Soft => known.live().map(|(number, _)| number).collect(),
                Deletion::Permanent => known.versions.keys().copied().collect(),
            };
            for number in &numbers {
                check_not_referenced(&change.snapshot, subject, *number, deletion)?;
            }
            for number in &numbers {
                remove(change, subject, *number, deletion)?;
            }
            change.put_settings(subject, Settings::default())?;
            Ok(numbers)
        })
    }

    /// Deletes one version of a subject (blocking); gives its number.
    ///
    /// # Errors
    /// `SubjectNotFound`, `VersionNotFound`, `VersionSoftDeleted`, `VersionNotSoftDeleted`,
    /// `ReferenceExists`, `NotPermitted`, and those of the disk.
    pub fn delete_version(
        &self,
        subject: &str,
        selector: VersionSelector,
        deletion: Deletion,
    ) -> RegistryResult<i32> {
        self.change(|change| {
            let known = visible_subject(&change.snapshot, subject, Deleted::Included)?;
            let number = match selector {
                VersionSelector::Number(number) => number,
                VersionSelector::Latest => {
                    let latest = match deletion {
                        Deletion::Soft => known.live().next_back().map(|(number, _)| number),
                        Deletion::Permanent => known.versions.keys().next_back().copied(),
                    };
                    latest.ok_or_else(|| RegistryError::SubjectNotFound(subject.to_owned()))?
                }
            };
            let version = known.versions.get(&number).copied();
            let version = version.ok_or_else(|| RegistryError::VersionNotFound(number.to_string()))?;
            check_writable(subject, &change.snapshot)?;
            match deletion {
                Deletion::Soft if version.is_deleted => {
                    return Err(RegistryError::VersionSoftDeleted {
                        subject: subject.to_owned(),
                        version: number,
                    });
                }
                Deletion::Permanent if !version.is_deleted => {
                    return Err(RegistryError::VersionNotSoftDeleted {
                        subject: subject.to_owned(),
                        version: number,
                    });
                }
                Deletion::Soft | Deletion::Permanent => {}
            }
            check_not_referenced(&change.snapshot, subject, number, deletion)?;
            remove(change, subject, number, deletion)?;
            Ok(number)
        })
    }
}

fn remove(change: &mut Change, subject: &str, number: i32, deletion: Deletion) -> RegistryResult<()> {
    let Some(known) = change.snapshot.subject(subject) else { return Ok(()) };
    let Some(version) = known.versions.get(&number).copied() else { return Ok(()) };
    match deletion {
        Deletion::Soft => change.put_version(subject, number, SubjectVersion { is_deleted: true, ..version }),
        Deletion::Permanent => {
            change.remove_version(subject, number);
            Ok(())
        }
    }
}

/// A schema that others build on stays. Those that are deleted softly can still be read, with what they build
/// on: that may be deleted softly too, but not forgotten.
fn check_not_referenced(
    snapshot: &Snapshot,
    subject: &str,
    version: i32,
    deletion: Deletion,
) -> RegistryResult<()> {
    let mut referrers = snapshot.referrers(subject, version);
    if deletion == Deletion::Soft {
        referrers.retain(|id| snapshot.is_live(*id));
    }
    if referrers.is_empty() {
        return Ok(());
    }
    let referrers = referrers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(RegistryError::ReferenceExists { subject: subject.to_owned(), version, referrers })
}
