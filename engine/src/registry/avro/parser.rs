//! Reading an Avro schema from its JSON text.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    AvroField, AvroName, AvroNode, AvroSchema, AvroShape, NamedDefinition, NamedType, Primitive, Properties,
};

/// Reads a schema, after the schemas it builds on.
pub(super) fn parse(text: &str, imports: &[(String, String)]) -> Result<AvroSchema, String> {
    let mut parser = Parser { types: Vec::new(), places: HashMap::new(), is_importing: true };
    for (name, text) in imports {
        parser.text(text).map_err(|error| format!("in the reference '{name}': {error}"))?;
    }
    parser.is_importing = false;
    let root = parser.text(text)?;
    Ok(AvroSchema { root, types: parser.types.into_iter().flatten().collect() })
}

struct Parser {
    /// A place is taken when a type's name is read, and filled when the type is: it may refer to itself.
    types: Vec<Option<NamedType>>,
    places: HashMap<AvroName, usize>,
    is_importing: bool,
}

impl Parser {
    fn text(&mut self, text: &str) -> Result<AvroNode, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
        self.node(&value, "")
    }

    /// A type in any of its three forms: a name, a list of alternatives, an object.
    fn node(&mut self, value: &Value, namespace: &str) -> Result<AvroNode, String> {
        match value {
            Value::String(name) => Ok(plain(self.name(name, namespace)?)),
            Value::Array(branches) => self.union(branches, namespace),
            Value::Object(object) => self.object(object, namespace),
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                Err(format!("a type is a name, a list or an object, not {}", shown(value)))
            }
        }
    }

    fn name(&self, name: &str, namespace: &str) -> Result<AvroShape, String> {
        if let Some(primitive) = Primitive::of_name(name) {
            return Ok(AvroShape::Primitive(primitive));
        }
        let nearest = AvroName::within(name, namespace);
        // A name without a namespace may also be that of a type without one.
        let outermost = AvroName::within(name, "");
        let place = self.places.get(&nearest).or_else(|| self.places.get(&outermost));
        place.map(|place| AvroShape::Named(*place)).ok_or_else(|| {
            format!(
                "the type '{}' is not defined: a type has to be defined before it is named",
                nearest.full()
            )
        })
    }

    fn union(&mut self, branches: &[Value], namespace: &str) -> Result<AvroNode, String> {
        let mut nodes: Vec<AvroNode> = Vec::with_capacity(branches.len());
        for branch in branches {
            let node = self.node(branch, namespace)?;
            if matches!(node.shape, AvroShape::Union(_)) {
                return Err("a union cannot hold a union as one of its types".to_owned());
            }
            if nodes.iter().any(|other| same_branch(&other.shape, &node.shape)) {
                return Err(format!("a union has the type {} twice", shown(branch)));
            }
            nodes.push(node);
        }
        Ok(plain(AvroShape::Union(nodes)))
    }

    fn object(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<AvroNode, String> {
        let declared = match object.get("type") {
            Some(Value::String(name)) => name.as_str(),
            Some(nested @ (Value::Object(_) | Value::Array(_))) => {
                let mut node = self.node(nested, namespace)?;
                if !matches!(node.shape, AvroShape::Named(_) | AvroShape::Union(_)) {
                    node.properties.extend(properties(object, &["type"]));
                }
                return Ok(node);
            }
            _ => {
                return Err(format!(
                    "the type {} has no attribute 'type'",
                    shown(&Value::Object(object.clone()))
                ));
            }
        };
        let (shape, own): (AvroShape, &[&str]) = match declared {
            "record" | "error" => return self.record(object, namespace, declared == "error"),
            "enum" => return self.enumeration(object, namespace),
            "fixed" => return self.fixed(object, namespace),
            "array" => {
                let items = object.get("items").ok_or("an array has no attribute 'items'")?;
                (AvroShape::Array(Box::new(self.node(items, namespace)?)), &["type", "items"])
            }
            "map" => {
                let values = object.get("values").ok_or("a map has no attribute 'values'")?;
                (AvroShape::Map(Box::new(self.node(values, namespace)?)), &["type", "values"])
            }
            name => (self.name(name, namespace)?, &["type"]),
        };
        // What is said where a named type is only named would be said of the type itself.
        let is_named = matches!(shape, AvroShape::Named(_));
        let properties = if is_named { Properties::new() } else { properties(object, own) };
        Ok(AvroNode { shape, properties })
    }

    fn record(
        &mut self,
        object: &Map<String, Value>,
        namespace: &str,
        is_error: bool,
    ) -> Result<AvroNode, String> {
        let name = self.own_name(object, namespace)?;
        let place = self.take_place(&name)?;
        let declared = object.get("fields").and_then(Value::as_array);
        let declared =
            declared.ok_or_else(|| format!("the record '{}' has no list 'fields'", name.full()))?;
        let mut fields: Vec<AvroField> = Vec::with_capacity(declared.len());
        for value in declared {
            let field = self.field(value, &name)?;
            if fields.iter().any(|other| other.name == field.name) {
                return Err(format!("the record '{}' has the field '{}' twice", name.full(), field.name));
            }
            fields.push(field);
        }
        let own = ["type", "name", "namespace", "doc", "aliases", "fields"];
        let definition = NamedDefinition::Record { fields, is_error };
        self.fill(place, name, object, definition, &own)
    }

    fn field(&mut self, value: &Value, record: &AvroName) -> Result<AvroField, String> {
        let of = || format!("of the record '{}'", record.full());
        let object = value
            .as_object()
            .ok_or_else(|| format!("a field {} is {}, not an object", of(), shown(value)))?;
        let name = text(object, "name")?.ok_or_else(|| format!("a field {} has no name", of()))?;
        check_name(name).map_err(|error| format!("the field '{name}' {}: {error}", of()))?;
        let declared =
            object.get("type").ok_or_else(|| format!("the field '{name}' {} has no type", of()))?;
        let node = self
            .node(declared, &record.namespace)
            .map_err(|error| format!("in the field '{name}' {}: {error}", of()))?;
        let order = text(object, "order")?.filter(|order| *order != "ascending").map(str::to_owned);
        if order.as_deref().is_some_and(|order| order != "descending" && order != "ignore") {
            return Err(format!(
                "the order of the field '{name}' {} is one of 'ascending', 'descending' and 'ignore'",
                of()
            ));
        }
        Ok(AvroField {
            name: name.to_owned(),
            aliases: texts(object, "aliases")?,
            doc: text(object, "doc")?.map(str::to_owned),
            node,
            default: object.get("default").cloned(),
            order,
            properties: properties(object, &["name", "type", "doc", "default", "order", "aliases"]),
        })
    }

    fn enumeration(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<AvroNode, String> {
        let name = self.own_name(object, namespace)?;
        let place = self.take_place(&name)?;
        let of = || format!("of the enum '{}'", name.full());
        if !object.contains_key("symbols") {
            return Err(format!("the enum '{}' has no list 'symbols'", name.full()));
        }
        let symbols = texts(object, "symbols")?;
        let mut seen = std::collections::HashSet::new();
        for symbol in &symbols {
            check_name(symbol).map_err(|error| format!("the symbol '{symbol}' {}: {error}", of()))?;
            if !seen.insert(symbol) {
                return Err(format!("the symbol '{symbol}' {} is there twice", of()));
            }
        }
        let default = text(object, "default")?.map(str::to_owned);
        if let Some(default) = default.as_ref().filter(|default| !symbols.contains(default)) {
            return Err(format!("the default '{default}' {} is none of its symbols", of()));
        }
        let own = ["type", "name", "namespace", "doc", "aliases", "symbols", "default"];
        self.fill(place, name, object, NamedDefinition::Enum { symbols, default }, &own)
    }

    fn fixed(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<AvroNode, String> {
        let name = self.own_name(object, namespace)?;
        let place = self.take_place(&name)?;
        let size = object.get("size").and_then(Value::as_u64);
        let size = size.ok_or_else(|| format!("the fixed type '{}' has no number 'size'", name.full()))?;
        let own = ["type", "name", "namespace", "doc", "aliases", "size"];
        self.fill(place, name, object, NamedDefinition::Fixed { size }, &own)
    }

    fn own_name(&self, object: &Map<String, Value>, namespace: &str) -> Result<AvroName, String> {
        let written = text(object, "name")?
            .ok_or_else(|| format!("the type {} has no name", shown(&Value::Object(object.clone()))))?;
        let namespace = text(object, "namespace")?.unwrap_or(namespace);
        let name = AvroName::within(written, namespace);
        let parts = name.namespace.split('.').filter(|_| !name.namespace.is_empty());
        for part in parts.chain([name.name.as_str()]) {
            check_name(part).map_err(|error| format!("the name '{}': {error}", name.full()))?;
        }
        if Primitive::of_name(&name.full()).is_some() {
            return Err(format!("'{}' is the name of a type of Avro itself", name.full()));
        }
        Ok(name)
    }

    fn take_place(&mut self, name: &AvroName) -> Result<usize, String> {
        let place = self.types.len();
        if self.places.insert(name.clone(), place).is_some() {
            return Err(format!("the type '{}' is defined twice", name.full()));
        }
        self.types.push(None);
        Ok(place)
    }

    fn fill(
        &mut self,
        place: usize,
        name: AvroName,
        object: &Map<String, Value>,
        definition: NamedDefinition,
        own: &[&str],
    ) -> Result<AvroNode, String> {
        let aliases = texts(object, "aliases")?;
        let aliases = aliases.iter().map(|alias| AvroName::within(alias, &name.namespace)).collect();
        self.types[place] = Some(NamedType {
            aliases,
            doc: text(object, "doc")?.map(str::to_owned),
            definition,
            properties: properties(object, own),
            is_imported: self.is_importing,
            name,
        });
        Ok(plain(AvroShape::Named(place)))
    }
}

fn plain(shape: AvroShape) -> AvroNode {
    AvroNode { shape, properties: Properties::new() }
}

/// Whether a value could not tell two branches of a union apart.
fn same_branch(left: &AvroShape, right: &AvroShape) -> bool {
    match (left, right) {
        (AvroShape::Primitive(left), AvroShape::Primitive(right)) => left == right,
        (AvroShape::Array(_), AvroShape::Array(_)) | (AvroShape::Map(_), AvroShape::Map(_)) => true,
        (AvroShape::Named(left), AvroShape::Named(right)) => left == right,
        _ => false,
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let mut characters = name.chars();
    let begins = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if begins && characters.all(|other| other.is_ascii_alphanumeric() || other == '_') {
        return Ok(());
    }
    Err("a name begins with a letter or '_' and goes on with letters, digits and '_'".to_owned())
}

fn text<'o>(object: &'o Map<String, Value>, attribute: &str) -> Result<Option<&'o str>, String> {
    match object.get(attribute) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("the attribute '{attribute}' is a text, not {}", shown(other))),
    }
}

fn texts(object: &Map<String, Value>, attribute: &str) -> Result<Vec<String>, String> {
    let Some(value) = object.get(attribute).filter(|value| !value.is_null()) else { return Ok(Vec::new()) };
    let wrong = || format!("the attribute '{attribute}' is a list of texts, not {}", shown(value));
    let values = value.as_array().ok_or_else(wrong)?;
    values.iter().map(|text| text.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}

fn properties(object: &Map<String, Value>, own: &[&str]) -> Properties {
    let foreign = object.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    foreign.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A value in a message, cut where it is long.
fn shown(value: &Value) -> String {
    const SHOWN_CHARACTERS_MAX: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
