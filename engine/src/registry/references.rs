//! Following references: what a schema builds on, in the order in which it has to be read.

use crate::registry::definition::SchemaReference;
use crate::registry::error::{RegistryError, RegistryResult};
use crate::registry::snapshot::Snapshot;

/// How long a chain of references may be.
const DEPTH_MAX: usize = 32;

/// How many schemas one schema may build on, directly or not. All of them are read with it.
const IMPORTS_MAX: usize = 512;

/// Which versions references may name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Targets {
    /// Those that are not deleted: what a new schema may refer to.
    Live,
    /// Also those that were deleted softly: what a stored schema may have come to refer to.
    Stored,
}

/// The names and texts of all a schema builds on.
pub(super) fn resolve(
    references: &[SchemaReference],
    snapshot: &Snapshot,
    targets: Targets,
) -> RegistryResult<Vec<(String, String)>> {
    let mut imports = Vec::new();
    follow(references, snapshot, targets, 0, &mut imports)?;
    Ok(imports)
}

fn follow(
    references: &[SchemaReference],
    snapshot: &Snapshot,
    targets: Targets,
    depth: usize,
    imports: &mut Vec<(String, String)>,
) -> RegistryResult<()> {
    if depth >= DEPTH_MAX {
        return Err(RegistryError::LimitExceeded(format!(
            "references are followed {DEPTH_MAX} deep, and no deeper"
        )));
    }
    for reference in references {
        if imports.iter().any(|(name, _)| *name == reference.name) {
            continue;
        }
        let found = snapshot.definition_of(&reference.subject, reference.version, targets == Targets::Stored);
        let Some(definition) = found else {
            return Err(RegistryError::InvalidSchema(format!(
                "there is no schema reference '{}': subject '{}' has no version {}",
                reference.name, reference.subject, reference.version
            )));
        };
        follow(&definition.references, snapshot, targets, depth + 1, imports)?;
        if imports.len() >= IMPORTS_MAX {
            return Err(RegistryError::LimitExceeded(format!(
                "a schema may build on {IMPORTS_MAX} others, and no more"
            )));
        }
        imports.push((reference.name.clone(), definition.text.clone()));
    }
    Ok(())
}
