//! What is set for the registry as a whole or for one subject: the compatibility level, the mode, and
//! whether schemas are normalized.

use std::fmt;
use std::str::FromStr;

use crate::registry::compatibility::CompatibilityLevel;
use crate::registry::error::RegistryError;

/// What may be changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Everything.
    ReadWrite,
    /// Nothing.
    ReadOnly,
    /// Nothing in any subject, whatever is set for it.
    ReadOnlyOverride,
    /// Schemas come with the numbers and versions they have elsewhere, and are not checked.
    Import,
}

impl Mode {
    const ALL: [Mode; 4] = [Mode::ReadWrite, Mode::ReadOnly, Mode::ReadOnlyOverride, Mode::Import];

    /// The name in the registry's REST dialogue.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Mode::ReadWrite => "READWRITE",
            Mode::ReadOnly => "READONLY",
            Mode::ReadOnlyOverride => "READONLY_OVERRIDE",
            Mode::Import => "IMPORT",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Mode {
    type Err = RegistryError;

    fn from_str(name: &str) -> Result<Mode, RegistryError> {
        let found = Mode::ALL.into_iter().find(|mode| mode.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| RegistryError::InvalidMode(name.to_owned()))
    }
}

/// What is set; `None` where nothing is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Settings {
    /// How a schema may change.
    pub compatibility: Option<CompatibilityLevel>,
    /// What may be changed.
    pub mode: Option<Mode>,
    /// Whether schemas are normalized even where the request does not ask for it.
    pub normalize: Option<bool>,
}

impl Settings {
    /// What holds for a subject: its own settings, then those of the whole registry.
    #[must_use]
    pub fn over(self, fallback: Settings) -> Settings {
        Settings {
            compatibility: self.compatibility.or(fallback.compatibility),
            mode: self.mode.or(fallback.mode),
            normalize: self.normalize.or(fallback.normalize),
        }
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Settings::default()
    }
}
