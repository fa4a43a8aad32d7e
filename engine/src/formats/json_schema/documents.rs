//! The documents of a schema: its own and those it builds on, and what references in them lead to.

use serde_json::Value;

use crate::registry::ResolvedSchema;

/// References that may lead to one another before a schema comes.
const REFERENCES_MAX: usize = 32;

/// The documents of a schema.
pub(super) struct Documents {
    root: Value,
    /// What the schema builds on, by the names it has there.
    imports: Vec<(String, Value)>,
}

/// A schema within a document.
#[derive(Clone, Copy)]
pub(super) struct Place<'s> {
    pub(super) schema: &'s Value,
    /// What references without a name lead into.
    document: &'s Value,
}

impl Documents {
    /// Reads the texts of a schema.
    ///
    /// # Errors
    /// A sentence for people: one of them is not JSON.
    pub(super) fn parse(schema: &ResolvedSchema) -> Result<Documents, String> {
        let imports = schema.imports.iter().map(|(name, text)| Ok((name.clone(), document(text)?)));
        Ok(Documents {
            root: document(&schema.definition.text)?,
            imports: imports.collect::<Result<_, String>>()?,
        })
    }

    /// The schema itself.
    pub(super) fn root(&self) -> Place<'_> {
        Place { schema: &self.root, document: &self.root }
    }

    /// What the reference of a schema leads to; `None` where that is nothing.
    pub(super) fn resolve<'s>(&'s self, reference: &str, place: Place<'s>) -> Option<Place<'s>> {
        let (name, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let document = if name.is_empty() {
            place.document
        } else if self.root.get("$id").and_then(Value::as_str) == Some(name) {
            &self.root
        } else {
            self.imports.iter().find(|(known, _)| known == name).map(|(_, document)| document)?
        };
        Some(Place { schema: document.pointer(pointer)?, document })
    }

    /// The schema, or what references lead to from there; `None` where there is nothing.
    pub(super) fn followed<'s>(&'s self, mut place: Place<'s>) -> Option<Place<'s>> {
        for _ in 0..REFERENCES_MAX {
            match place.reference() {
                Some(reference) => place = self.resolve(reference, place)?,
                None => return Some(place),
            }
        }
        None
    }
}

impl<'s> Place<'s> {
    /// What the schema refers to, if it stands for another one.
    pub(super) fn reference(self) -> Option<&'s str> {
        self.schema.get("$ref")?.as_str()
    }

    /// Another schema of the same document.
    pub(super) fn beside(self, schema: &'s Value) -> Place<'s> {
        Place { schema, ..self }
    }
}

fn document(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("the schema is not valid JSON: {error}"))
}
