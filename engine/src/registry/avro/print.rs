//! Writing an Avro schema as text.

use serde_json::Value;

use super::{AvroField, AvroName, AvroNode, AvroSchema, AvroShape, NamedDefinition, NamedType, Properties};

/// See [`AvroSchema::canonical_text`].
pub(super) fn canonical(schema: &AvroSchema) -> String {
    Printer::new(schema, Form::Written).print()
}

/// See [`AvroSchema::normalized_text`].
pub(super) fn normalized(schema: &AvroSchema) -> String {
    Printer::new(schema, Form::Normalized).print()
}

/// See [`AvroSchema::resolved_text`].
pub(super) fn resolved(schema: &AvroSchema) -> Option<String> {
    let mut printer = Printer::new(schema, Form::Resolved);
    printer.node(&schema.root, "");
    Some(printer.text).filter(|_| !printer.is_too_deep)
}

/// How many types may stand in each other. A text that is read has no more than a JSON parser takes; only one
/// with all it builds on in it can have more.
const DEPTH_MAX: usize = 400;

/// What is written how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// Types the schema builds on are only named.
    Written,
    /// So too; names are written in full, and what has no order of its own is sorted.
    Normalized,
    /// Types the schema builds on stand in it.
    Resolved,
}

struct Printer<'s> {
    schema: &'s AvroSchema,
    form: Form,
    /// Which named types have been written: from then on they are only named.
    is_written: Vec<bool>,
    text: String,
    depth: usize,
    is_too_deep: bool,
}

impl<'s> Printer<'s> {
    fn new(schema: &'s AvroSchema, form: Form) -> Printer<'s> {
        Printer {
            schema,
            form,
            is_written: vec![false; schema.types.len()],
            text: String::new(),
            depth: 0,
            is_too_deep: false,
        }
    }

    fn print(mut self) -> String {
        self.node(&self.schema.root, "");
        self.text
    }

    fn node(&mut self, node: &'s AvroNode, namespace: &str) {
        if self.depth >= DEPTH_MAX {
            self.is_too_deep = true;
            return;
        }
        self.depth += 1;
        self.shape(node, namespace);
        self.depth -= 1;
    }

    fn shape(&mut self, node: &'s AvroNode, namespace: &str) {
        match &node.shape {
            AvroShape::Primitive(primitive) if node.properties.is_empty() => self.quoted(primitive.name()),
            AvroShape::Primitive(primitive) => {
                self.text.push_str("{\"type\":");
                self.quoted(primitive.name());
                self.properties(&node.properties);
                self.text.push('}');
            }
            AvroShape::Array(items) => {
                self.text.push_str("{\"type\":\"array\",\"items\":");
                self.node(items, namespace);
                self.properties(&node.properties);
                self.text.push('}');
            }
            AvroShape::Map(values) => {
                self.text.push_str("{\"type\":\"map\",\"values\":");
                self.node(values, namespace);
                self.properties(&node.properties);
                self.text.push('}');
            }
            AvroShape::Union(branches) => {
                self.text.push('[');
                for (index, branch) in branches.iter().enumerate() {
                    if index > 0 {
                        self.text.push(',');
                    }
                    self.node(branch, namespace);
                }
                self.text.push(']');
            }
            AvroShape::Named(place) => self.named(*place, namespace),
        }
    }

    fn named(&mut self, place: usize, namespace: &str) {
        let named = self.schema.named(place);
        if self.is_written[place] || (named.is_imported && self.form != Form::Resolved) {
            let name = self.reference(&named.name, namespace);
            return self.quoted(&name);
        }
        self.is_written[place] = true;
        self.text.push_str("{\"type\":");
        match &named.definition {
            NamedDefinition::Record { is_error: true, .. } => self.quoted("error"),
            NamedDefinition::Record { .. } => self.quoted("record"),
            NamedDefinition::Enum { .. } => self.quoted("enum"),
            NamedDefinition::Fixed { .. } => self.quoted("fixed"),
        }
        self.own_name(named, namespace);
        if let Some(doc) = &named.doc {
            self.attribute("doc", doc);
        }
        match &named.definition {
            NamedDefinition::Record { fields, .. } => {
                self.text.push_str(",\"fields\":[");
                for (index, field) in fields.iter().enumerate() {
                    if index > 0 {
                        self.text.push(',');
                    }
                    self.field(field, &named.name.namespace);
                }
                self.text.push(']');
            }
            NamedDefinition::Enum { symbols, default } => {
                self.text.push_str(",\"symbols\":");
                self.list(symbols);
                if let Some(default) = default {
                    self.attribute("default", default);
                }
            }
            NamedDefinition::Fixed { size } => self.text.push_str(&format!(",\"size\":{size}")),
        }
        self.properties(&named.properties);
        let aliases: Vec<String> =
            named.aliases.iter().map(|alias| self.name_within(alias, &named.name.namespace)).collect();
        self.aliases(aliases);
        self.text.push('}');
    }

    fn own_name(&mut self, named: &NamedType, namespace: &str) {
        let is_outside = named.name.namespace.is_empty() && !namespace.is_empty();
        if self.form == Form::Normalized {
            self.attribute("name", &named.name.full());
        } else {
            self.attribute("name", &named.name.name);
        }
        if is_outside || (self.form != Form::Normalized && named.name.namespace != namespace) {
            self.attribute("namespace", &named.name.namespace);
        }
    }

    fn field(&mut self, field: &'s AvroField, namespace: &str) {
        self.text.push_str("{\"name\":");
        self.quoted(&field.name);
        self.text.push_str(",\"type\":");
        self.node(&field.node, namespace);
        if let Some(doc) = &field.doc {
            self.attribute("doc", doc);
        }
        if let Some(default) = &field.default {
            self.text.push_str(",\"default\":");
            self.text.push_str(&default.to_string());
        }
        if let Some(order) = &field.order {
            self.attribute("order", order);
        }
        self.aliases(field.aliases.clone());
        self.properties(&field.properties);
        self.text.push('}');
    }

    fn aliases(&mut self, mut aliases: Vec<String>) {
        if aliases.is_empty() {
            return;
        }
        if self.form == Form::Normalized {
            aliases.sort();
        }
        self.text.push_str(",\"aliases\":");
        self.list(&aliases);
    }

    fn properties(&mut self, properties: &Properties) {
        let mut ordered: Vec<&(String, Value)> = properties.iter().collect();
        if self.form == Form::Normalized {
            ordered.sort_by(|left, right| left.0.cmp(&right.0));
        }
        for (name, value) in ordered {
            self.text.push(',');
            self.quoted(name);
            self.text.push(':');
            self.text.push_str(&value.to_string());
        }
    }

    fn list(&mut self, texts: &[String]) {
        self.text.push('[');
        for (index, text) in texts.iter().enumerate() {
            if index > 0 {
                self.text.push(',');
            }
            self.quoted(text);
        }
        self.text.push(']');
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.text.push(',');
        self.quoted(name);
        self.text.push(':');
        self.quoted(value);
    }

    fn quoted(&mut self, text: &str) {
        self.text.push_str(&Value::from(text).to_string());
    }

    /// The name of a type, as short as it may be within a namespace.
    fn reference(&self, name: &AvroName, namespace: &str) -> String {
        let nearer = AvroName { namespace: namespace.to_owned(), name: name.name.clone() };
        if name.namespace.is_empty() && self.schema.types.iter().all(|named| named.name != nearer) {
            // It is found although it has no namespace, as long as there is none of its name nearer by.
            return name.name.clone();
        }
        self.name_within(name, namespace)
    }

    /// A name that means the same within a namespace.
    fn name_within(&self, name: &AvroName, namespace: &str) -> String {
        if name.namespace == namespace && self.form != Form::Normalized {
            name.name.clone()
        } else if name.namespace.is_empty() && !namespace.is_empty() {
            format!(".{}", name.name)
        } else {
            name.full()
        }
    }
}
