//! Which versions of a subject an operation means.

use std::str::FromStr;

use crate::registry::error::RegistryError;

/// Whether what was deleted softly is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Deleted {
    /// It does not exist.
    #[default]
    Excluded,
    /// It counts as what is not deleted.
    Included,
    /// Only it counts.
    Only,
}

impl Deleted {
    pub(super) fn admits(self, is_deleted: bool) -> bool {
        match self {
            Deleted::Excluded => !is_deleted,
            Deleted::Included => true,
            Deleted::Only => is_deleted,
        }
    }
}

/// How something is deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deletion {
    /// It is not found any more; data that was written with it can still be read.
    Soft,
    /// What was deleted softly is forgotten.
    Permanent,
}

/// Which version of a subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VersionSelector {
    /// The newest.
    Latest,
    /// The one of this number.
    Number(i32),
}

impl FromStr for VersionSelector {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<VersionSelector, RegistryError> {
        match text.parse::<i32>() {
            Ok(-1) => Ok(VersionSelector::Latest),
            Ok(number) if number >= 1 => Ok(VersionSelector::Number(number)),
            _ if text == "latest" => Ok(VersionSelector::Latest),
            _ => Err(RegistryError::InvalidVersion(text.to_owned())),
        }
    }
}
