//! [`Candidate`]: a schema that somebody brings, read and in the form it would be stored in; and how it is held
//! against what is stored.

use crate::registry::compatibility::{CompatibilityLevel, CompatibilityReport};
use crate::registry::definition::{RegisteredSchema, ResolvedSchema, SchemaDefinition};
use crate::registry::error::{RegistryError, RegistryResult};
use crate::registry::parsed::ParsedSchema;
use crate::registry::references::{self, Targets};
use crate::registry::settings::Settings;
use crate::registry::snapshot::Snapshot;

/// Largest text of a schema, in bytes. The largest that people register (generated from whole data models)
/// have some hundred thousand.
pub const SCHEMA_BYTES_MAX: usize = 1 << 20;

/// Most references of one schema.
const REFERENCES_MAX: usize = 256;

/// A schema that somebody brings, as it would be stored.
pub(super) struct Candidate {
    pub(super) parsed: ParsedSchema,
    pub(super) schema: ResolvedSchema,
}

impl Candidate {
    pub(super) fn read(
        definition: SchemaDefinition,
        normalize: bool,
        settings: Settings,
        snapshot: &Snapshot,
    ) -> RegistryResult<Candidate> {
        check_size(&definition)?;
        if definition.references.len() > REFERENCES_MAX {
            return Err(RegistryError::LimitExceeded(format!(
                "a schema may have {REFERENCES_MAX} references, and no more"
            )));
        }
        let imports = references::resolve(&definition.references, snapshot, Targets::Live)?;
        let mut schema = ResolvedSchema { definition, imports };
        let parsed = ParsedSchema::parse(&schema)?;
        if normalize || settings.normalize == Some(true) {
            schema.definition.text = parsed.normalized_text();
            schema.definition.references.sort();
            schema.definition.references.dedup();
        } else {
            schema.definition.text = parsed.canonical_text();
        }
        // Spaces that nobody wrote make a text larger.
        check_size(&schema.definition)?;
        Ok(Candidate { parsed, schema })
    }
}

/// Holds a schema against versions, newest first, as far as the level asks; stops at the first that is in
/// the way.
pub(super) fn held_against(
    level: CompatibilityLevel,
    new: &ParsedSchema,
    versions: impl IntoIterator<Item = RegisteredSchema>,
) -> RegistryResult<CompatibilityReport> {
    let compatible = CompatibilityReport { level, version: None, reasons: Vec::new() };
    if level == CompatibilityLevel::None {
        return Ok(compatible);
    }
    let count = if level.is_transitive() { usize::MAX } else { 1 };
    for version in versions.into_iter().take(count) {
        let old = ParsedSchema::parse(&version.schema)?;
        let reasons = level.check(new, &old);
        if !reasons.is_empty() {
            return Ok(CompatibilityReport { level, version: Some(version.version), reasons });
        }
    }
    Ok(compatible)
}

fn check_size(definition: &SchemaDefinition) -> RegistryResult<()> {
    let bytes = definition.text.len();
    if bytes > SCHEMA_BYTES_MAX {
        return Err(RegistryError::SchemaTooLarge { bytes, bytes_max: SCHEMA_BYTES_MAX });
    }
    Ok(())
}
