//! What is set for the registry and for subjects: compatibility levels, modes, normalization.

use crate::registry::compatibility::CompatibilityLevel;
use crate::registry::error::{RegistryError, RegistryResult};
use crate::registry::schema_registry::SchemaRegistry;
use crate::registry::selection::Deleted;
use crate::registry::settings::{Mode, Settings};
use crate::registry::snapshot::{Snapshot, WHOLE_REGISTRY};
use crate::registry::subject;

impl SchemaRegistry {
    /// What is set for a subject itself, or for the whole registry.
    #[must_use]
    pub fn own_settings(&self, subject: Option<&str>) -> Settings {
        self.snapshot().own_settings(subject.unwrap_or(WHOLE_REGISTRY))
    }

    /// What holds for a subject, or for the whole registry.
    #[must_use]
    pub fn settings(&self, subject: Option<&str>) -> Settings {
        let set = self.snapshot().settings(subject.unwrap_or(WHOLE_REGISTRY));
        set.over(Settings {
            compatibility: Some(CompatibilityLevel::default()),
            mode: Some(Mode::ReadWrite),
            normalize: Some(false),
        })
    }

    /// Changes what is set for a subject, or for the whole registry (blocking). The mode may be changed in
    /// every mode.
    ///
    /// # Errors
    /// Those of `set`, `InvalidSubject`, `NotPermitted`, bounds, and those of the disk.
    pub fn change_settings<T>(
        &self,
        subject: Option<&str>,
        set: impl FnOnce(&mut Settings) -> RegistryResult<T>,
    ) -> RegistryResult<T> {
        subject.map_or(Ok(()), subject::check_name)?;
        let subject = subject.unwrap_or(WHOLE_REGISTRY);
        self.change(|change| {
            let mut settings = change.snapshot.own_settings(subject);
            let before = settings;
            let given = set(&mut settings)?;
            let is_mode_alone = Settings { mode: settings.mode, ..before } == settings;
            if !is_mode_alone {
                check_writable(subject, &change.snapshot)?;
            }
            if settings != before {
                change.put_settings(subject, settings)?;
            }
            Ok(given)
        })
    }

    /// Changes the mode of a subject, or of the whole registry (blocking).
    ///
    /// # Errors
    /// `NotPermitted` where schemas are to be imported beside others and `is_forced` does not say that this
    /// is meant, and those of [`SchemaRegistry::change_settings`].
    pub fn set_mode(&self, subject: Option<&str>, mode: Mode, is_forced: bool) -> RegistryResult<()> {
        let has_others = match subject {
            Some(subject) => self.latest(subject).is_some(),
            None => !self.subjects("", Deleted::Excluded).is_empty(),
        };
        if mode == Mode::Import && has_others && !is_forced {
            return Err(RegistryError::NotPermitted(
                "Cannot import since found existing subjects; force=true imports beside them".to_owned(),
            ));
        }
        self.change_settings(subject, |settings| {
            settings.mode = Some(mode);
            Ok(())
        })
    }
}

/// Refuses a change that the mode of the registry or of a subject forbids.
pub(super) fn check_writable(subject: &str, snapshot: &Snapshot) -> RegistryResult<()> {
    let is_overridden = snapshot.own_settings(WHOLE_REGISTRY).mode == Some(Mode::ReadOnlyOverride);
    match snapshot.settings(subject).mode {
        _ if is_overridden => {
            Err(RegistryError::NotPermitted("The registry is in read-only mode".to_owned()))
        }
        Some(Mode::ReadOnly) if subject == WHOLE_REGISTRY => {
            Err(RegistryError::NotPermitted("The registry is in read-only mode".to_owned()))
        }
        Some(Mode::ReadOnly | Mode::ReadOnlyOverride) => {
            Err(RegistryError::NotPermitted(format!("Subject {subject} is in read-only mode")))
        }
        Some(Mode::ReadWrite | Mode::Import) | None => Ok(()),
    }
}
