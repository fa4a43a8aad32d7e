//! Whether a reader's schema can read what a writer's schema wrote, by the resolution rules of Avro's
//! specification.
//!
//! Numbers may be widened (int → long → float → double), bytes and strings read as each other, names match
//! directly or by the reader's aliases, a field only the reader has needs a default, a symbol only the
//! writer has needs the reader's default symbol, and every alternative of a writer's union must be readable.
//! Logical types play no part: Avro's libraries do not compare them either.

use std::collections::HashSet;

use super::{AvroField, AvroNode, AvroSchema, AvroShape, NamedDefinition, NamedType, Primitive};
use crate::registry::compatibility::{Budget, Incompatibility, Roles};

/// See [`AvroSchema::obstacles_to_reading`].
pub(super) fn obstacles(reader: &AvroSchema, writer: &AvroSchema, roles: Roles) -> Vec<Incompatibility> {
    let mut comparison = Comparison {
        reader,
        writer,
        roles,
        taken_to_fit: HashSet::new(),
        trail: Vec::new(),
        budget: Budget::new(),
        path: Vec::new(),
    };
    comparison.nodes(&reader.root, &writer.root)
}

struct Comparison<'s> {
    reader: &'s AvroSchema,
    writer: &'s AvroSchema,
    roles: Roles,
    /// Pairs of named types that are being compared further up, or were found to fit if those do.
    taken_to_fit: HashSet<(usize, usize)>,
    /// The same pairs as they came, so that all that was found on an assumption goes with it.
    trail: Vec<(usize, usize)>,
    budget: Budget,
    path: Vec<String>,
}

impl<'s> Comparison<'s> {
    fn nodes(&mut self, reader: &'s AvroNode, writer: &'s AvroNode) -> Vec<Incompatibility> {
        if !self.budget.enter() {
            return vec![Budget::exceeded(&self.place())];
        }
        let found = self.shapes(reader, writer);
        self.budget.leave();
        found
    }

    fn shapes(&mut self, reader: &'s AvroNode, writer: &'s AvroNode) -> Vec<Incompatibility> {
        match (&reader.shape, &writer.shape) {
            (_, AvroShape::Union(branches)) => self.written_union(reader, branches),
            (AvroShape::Union(branches), _) => self.read_union(branches, writer),
            (AvroShape::Primitive(to), AvroShape::Primitive(from)) if reads(*to, *from) => Vec::new(),
            (AvroShape::Array(to), AvroShape::Array(from)) => self.below("items", to, from),
            (AvroShape::Map(to), AvroShape::Map(from)) => self.below("values", to, from),
            (AvroShape::Named(to), AvroShape::Named(from)) => self.named(*to, *from),
            _ => vec![self.type_mismatch(reader, writer)],
        }
    }

    /// Every alternative that may have been written has to be readable.
    fn written_union(&mut self, reader: &'s AvroNode, branches: &'s [AvroNode]) -> Vec<Incompatibility> {
        let mut found = Vec::new();
        for (index, branch) in branches.iter().enumerate() {
            self.path.push(index.to_string());
            found.extend(self.nodes(reader, branch));
            self.path.pop();
        }
        found
    }

    /// One of the alternatives that are expected has to fit.
    fn read_union(&mut self, branches: &'s [AvroNode], writer: &'s AvroNode) -> Vec<Incompatibility> {
        let meant = branches.iter().position(|branch| self.is_same_type(branch, writer));
        let mut of_meant = None;
        if let Some(meant) = meant {
            let found = self.nodes(&branches[meant], writer);
            if found.is_empty() {
                return found;
            }
            of_meant = Some(found);
        }
        for (index, branch) in branches.iter().enumerate() {
            if Some(index) != meant && self.nodes(branch, writer).is_empty() {
                return Vec::new();
            }
        }
        // What is wrong within the alternative that was meant says more than that none fits.
        of_meant.unwrap_or_else(|| {
            vec![self.obstacle(
                "MISSING_UNION_BRANCH",
                format!(
                    "the {} schema has a union without the type {}, which the {} schema has",
                    self.roles.reader,
                    described(writer, self.writer),
                    self.roles.writer
                ),
            )]
        })
    }

    fn is_same_type(&self, reader: &AvroNode, writer: &AvroNode) -> bool {
        match (&reader.shape, &writer.shape) {
            (AvroShape::Named(to), AvroShape::Named(from)) => {
                self.reader.named(*to).name == self.writer.named(*from).name
            }
            (AvroShape::Array(_), AvroShape::Array(_)) | (AvroShape::Map(_), AvroShape::Map(_)) => true,
            _ => false,
        }
    }

    fn named(&mut self, to: usize, from: usize) -> Vec<Incompatibility> {
        let (reader, writer) = (self.reader.named(to), self.writer.named(from));
        let same_kind =
            std::mem::discriminant(&reader.definition) == std::mem::discriminant(&writer.definition);
        if !same_kind {
            return vec![self.kind_mismatch(&described_named(reader), &described_named(writer))];
        }
        if reader.name != writer.name && !reader.aliases.contains(&writer.name) {
            return vec![self.obstacle(
                "NAME_MISMATCH",
                format!(
                    "the {} schema has the name '{}', and the {} schema '{}', which is none of its aliases",
                    self.roles.reader,
                    reader.name.full(),
                    self.roles.writer,
                    writer.name.full()
                ),
            )];
        }
        if !self.taken_to_fit.insert((to, from)) {
            return Vec::new();
        }
        let assumed = self.trail.len();
        self.trail.push((to, from));
        let mut found = Vec::new();
        match (&reader.definition, &writer.definition) {
            (NamedDefinition::Record { fields: to, .. }, NamedDefinition::Record { fields: from, .. }) => {
                found.extend(self.fields(to, from))
            }
            (NamedDefinition::Enum { symbols: to, default }, NamedDefinition::Enum { symbols: from, .. }) => {
                found.extend(self.symbols(to, default.as_deref(), from))
            }
            (NamedDefinition::Fixed { size: to }, NamedDefinition::Fixed { size: from }) if to != from => {
                found.push(self.obstacle(
                    "FIXED_SIZE_MISMATCH",
                    format!(
                        "the fixed type '{}' has {to} bytes in the {} schema and {from} in the {} schema",
                        reader.name.full(),
                        self.roles.reader,
                        self.roles.writer
                    ),
                ));
            }
            _ => {}
        }
        if !found.is_empty() {
            for pair in self.trail.drain(assumed..) {
                self.taken_to_fit.remove(&pair);
            }
        }
        found
    }

    fn fields(&mut self, readers: &'s [AvroField], writers: &'s [AvroField]) -> Vec<Incompatibility> {
        let mut found = Vec::new();
        for (index, reader) in readers.iter().enumerate() {
            self.path.push(format!("fields/{index}"));
            let by_name = writers.iter().find(|writer| writer.name == reader.name);
            let writer =
                by_name.or_else(|| writers.iter().find(|writer| reader.aliases.contains(&writer.name)));
            match writer {
                Some(writer) => found.extend(self.below("type", &reader.node, &writer.node)),
                None if reader.default.is_none() => found.push(self.obstacle(
                    "READER_FIELD_MISSING_DEFAULT_VALUE",
                    format!(
                        "the field '{}' of the {} schema has no default value and is missing in the {} schema",
                        reader.name, self.roles.reader, self.roles.writer
                    ),
                )),
                None => {}
            }
            self.path.pop();
        }
        found
    }

    fn symbols(
        &self,
        readers: &[String],
        default: Option<&str>,
        writers: &[String],
    ) -> Option<Incompatibility> {
        let known: HashSet<&String> = readers.iter().collect();
        let missing: Vec<&str> =
            writers.iter().filter(|symbol| !known.contains(symbol)).map(String::as_str).collect();
        if missing.is_empty() || default.is_some() {
            return None;
        }
        Some(self.obstacle(
            "MISSING_ENUM_SYMBOLS",
            format!(
                "the {} schema lacks enum symbols of the {} schema and has no default symbol: {}",
                self.roles.reader,
                self.roles.writer,
                missing.join(", ")
            ),
        ))
    }

    fn below(&mut self, step: &str, reader: &'s AvroNode, writer: &'s AvroNode) -> Vec<Incompatibility> {
        self.path.push(step.to_owned());
        let found = self.nodes(reader, writer);
        self.path.pop();
        found
    }

    fn type_mismatch(&self, reader: &AvroNode, writer: &AvroNode) -> Incompatibility {
        self.kind_mismatch(&described(reader, self.reader), &described(writer, self.writer))
    }

    fn kind_mismatch(&self, reader: &str, writer: &str) -> Incompatibility {
        self.obstacle(
            "TYPE_MISMATCH",
            format!(
                "the type is {reader} in the {} schema and {writer} in the {} schema, and one cannot be read as the other",
                self.roles.reader, self.roles.writer
            ),
        )
    }

    fn obstacle(&self, code: &'static str, what: String) -> Incompatibility {
        Incompatibility { code, description: format!("{what} (at '{}')", self.place()) }
    }

    fn place(&self) -> String {
        format!("/{}", self.path.join("/"))
    }
}

/// Whether values of one primitive type can be read as another.
fn reads(reader: Primitive, writer: Primitive) -> bool {
    use Primitive::{Bytes, Double, Float, Int, Long, String};
    reader == writer
        || matches!(
            (reader, writer),
            (Long, Int)
                | (Float, Int | Long)
                | (Double, Int | Long | Float)
                | (Bytes, String)
                | (String, Bytes)
        )
}

fn described(node: &AvroNode, schema: &AvroSchema) -> String {
    match &node.shape {
        AvroShape::Primitive(primitive) => primitive.name().to_owned(),
        AvroShape::Array(_) => "array".to_owned(),
        AvroShape::Map(_) => "map".to_owned(),
        AvroShape::Union(_) => "union".to_owned(),
        AvroShape::Named(place) => described_named(schema.named(*place)),
    }
}

fn described_named(named: &NamedType) -> String {
    let kind = match &named.definition {
        NamedDefinition::Record { .. } => "record",
        NamedDefinition::Enum { .. } => "enum",
        NamedDefinition::Fixed { .. } => "fixed",
    };
    format!("{kind} '{}'", named.name.full())
}
