//! Compatibility levels: which versions a new schema is held against, and who has to be able to read whose
//! data.

use std::fmt;
use std::str::FromStr;

use crate::registry::error::RegistryError;
use crate::registry::parsed::ParsedSchema;

/// How a subject's schemas may change.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum CompatibilityLevel {
    /// In any way.
    None,
    /// The new schema reads data of the newest version.
    #[default]
    Backward,
    /// The new schema reads data of all versions.
    BackwardTransitive,
    /// The newest version reads data of the new schema.
    Forward,
    /// All versions read data of the new schema.
    ForwardTransitive,
    /// The new schema and the newest version read each other's data.
    Full,
    /// The new schema and every version read each other's data.
    FullTransitive,
}

impl CompatibilityLevel {
    const ALL: [CompatibilityLevel; 7] = [
        CompatibilityLevel::None,
        CompatibilityLevel::Backward,
        CompatibilityLevel::BackwardTransitive,
        CompatibilityLevel::Forward,
        CompatibilityLevel::ForwardTransitive,
        CompatibilityLevel::Full,
        CompatibilityLevel::FullTransitive,
    ];

    /// The name in the registry's REST dialogue.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CompatibilityLevel::None => "NONE",
            CompatibilityLevel::Backward => "BACKWARD",
            CompatibilityLevel::BackwardTransitive => "BACKWARD_TRANSITIVE",
            CompatibilityLevel::Forward => "FORWARD",
            CompatibilityLevel::ForwardTransitive => "FORWARD_TRANSITIVE",
            CompatibilityLevel::Full => "FULL",
            CompatibilityLevel::FullTransitive => "FULL_TRANSITIVE",
        }
    }

    /// Whether all versions count, not the newest alone.
    #[must_use]
    pub fn is_transitive(self) -> bool {
        matches!(
            self,
            CompatibilityLevel::BackwardTransitive
                | CompatibilityLevel::ForwardTransitive
                | CompatibilityLevel::FullTransitive
        )
    }

    fn new_reads_old(self) -> bool {
        matches!(
            self,
            CompatibilityLevel::Backward
                | CompatibilityLevel::BackwardTransitive
                | CompatibilityLevel::Full
                | CompatibilityLevel::FullTransitive
        )
    }

    fn old_reads_new(self) -> bool {
        matches!(
            self,
            CompatibilityLevel::Forward
                | CompatibilityLevel::ForwardTransitive
                | CompatibilityLevel::Full
                | CompatibilityLevel::FullTransitive
        )
    }

    /// What keeps a new schema from following an earlier version under this level.
    #[must_use]
    pub fn check(self, new: &ParsedSchema, old: &ParsedSchema) -> Vec<Incompatibility> {
        let mut found = Vec::new();
        if self.new_reads_old() {
            found.extend(new.obstacles_to_reading(old, Roles { reader: "new", writer: "old" }));
        }
        if self.old_reads_new() {
            found.extend(old.obstacles_to_reading(new, Roles { reader: "old", writer: "new" }));
        }
        found
    }
}

impl fmt::Display for CompatibilityLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for CompatibilityLevel {
    type Err = RegistryError;

    fn from_str(name: &str) -> Result<CompatibilityLevel, RegistryError> {
        let found = CompatibilityLevel::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| RegistryError::InvalidCompatibility(name.to_owned()))
    }
}

/// What the two schemas are called in messages: a level asks in one direction or the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Roles {
    /// The schema that is to read.
    pub reader: &'static str,
    /// The schema the data was written with.
    pub writer: &'static str,
}

/// One thing that keeps data of one schema from being read by another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Incompatibility {
    /// What kind of change it is, by the name Confluent's tools know it under.
    pub code: &'static str,
    /// What it is, where, and in which of the two schemas.
    pub description: String,
}

impl fmt::Display for Incompatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{errorType:\"{}\", description:\"{}\"}}", self.code, self.description)
    }
}

/// What holding a schema against earlier versions has shown.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct CompatibilityReport {
    /// The level it was done under.
    pub level: CompatibilityLevel,
    /// The first version that is in the way.
    pub version: Option<i32>,
    /// What is in the way; nothing where the schema is compatible.
    pub reasons: Vec<Incompatibility>,
}

impl CompatibilityReport {
    /// Whether nothing is in the way.
    #[must_use]
    pub fn is_compatible(&self) -> bool {
        self.reasons.is_empty()
    }

    /// What is in the way, each as one text, and what it was held against.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        let mut messages: Vec<String> = self.reasons.iter().map(ToString::to_string).collect();
        if let Some(version) = self.version {
            messages.push(format!("{{oldSchemaVersion: {version}}}"));
            messages.push(format!("{{compatibility: '{}'}}", self.level));
        }
        messages
    }
}

/// How deep two schemas are compared. Types that refer to each other by name make any depth possible, and
/// the comparison descends on the thread's stack.
const DEPTH_MAX: usize = 200;

/// How many pairs of types are compared. Alternatives within alternatives are compared each with each, so
/// that a small text can ask for very many.
const PAIRS_MAX: usize = 500_000;

/// What the comparison of two schemas may still cost.
#[derive(Debug)]
pub(super) struct Budget {
    depth: usize,
    pairs: usize,
}

impl Budget {
    pub(super) fn new() -> Budget {
        Budget { depth: 0, pairs: 0 }
    }

    /// Goes one level down, unless that is too much. Goes with [`Budget::leave`].
    pub(super) fn enter(&mut self) -> bool {
        if self.depth >= DEPTH_MAX || self.pairs >= PAIRS_MAX {
            return false;
        }
        self.depth += 1;
        self.pairs += 1;
        true
    }

    /// Comes back from a level.
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// What is said of schemas that cannot be compared within bounds: they do not count as compatible.
    pub(super) fn exceeded(path: &str) -> Incompatibility {
        Incompatibility {
            code: "SCHEMA_TOO_COMPLEX",
            description: format!(
                "the schemas are nested too deeply or have too many alternatives to be compared (at '{path}')"
            ),
        }
    }
}
