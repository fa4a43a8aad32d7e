//! What a decoder has made of the schemas that payloads were written with, by id.
//!
//! A schema is compiled when the first payload written with it comes; from then on a payload costs one
//! look-up by its id.

use std::collections::HashMap;

use crate::registry::{ResolvedSchema, SchemaId, SchemaRegistry};

/// Schemas kept in compiled form; when there are more they are compiled again. Topics have a handful;
/// the bound is for payloads that were made to fill memory.
const COMPILED_MAX: usize = 256;

/// Compiled schemas of one decoder.
pub(super) struct CompiledSchemas<T> {
    schemas: SchemaRegistry,
    compiled: HashMap<SchemaId, Result<T, String>, ahash::RandomState>,
}

impl<T> CompiledSchemas<T> {
    /// None yet; they are looked up in the registry.
    pub(super) fn new(schemas: SchemaRegistry) -> CompiledSchemas<T> {
        CompiledSchemas { schemas, compiled: HashMap::default() }
    }

    /// The compiled form of a schema, made by `compile` the first time.
    ///
    /// # Errors
    /// A reason for people: there is no such schema, or what `compile` says, which is remembered too.
    pub(super) fn get(
        &mut self,
        id: SchemaId,
        compile: impl FnOnce(&ResolvedSchema) -> Result<T, String>,
    ) -> Result<&T, String> {
        if !self.compiled.contains_key(&id) {
            // An id that is not known is not remembered: it may be registered at any time.
            let schema = self.schemas.by_id(id).ok_or_else(|| unknown(id))?;
            if self.compiled.len() >= COMPILED_MAX {
                self.compiled.clear();
            }
            let compiled = compile(&schema).map_err(|reason| format!("schema {}: {reason}", id.0));
            self.compiled.insert(id, compiled);
        }
        match self.compiled.get(&id) {
            Some(Ok(compiled)) => Ok(compiled),
            Some(Err(reason)) => Err(reason.clone()),
            None => Err(unknown(id)),
        }
    }
}

fn unknown(id: SchemaId) -> String {
    format!("the schema registry has no schema {}", id.0)
}
