//! Reading a JSON schema.
//!
//! The parts of a schema wait in a queue and are read one after the other: neither nesting nor references
//! take the thread's stack. What a schema object says with several keywords (a type and an `enum`, an
//! `anyOf` beside properties) becomes the combination of all of them.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::addresses::Addresses;
use super::{
    Additional, ArrayShape, Criterion, JsonNode, JsonSchema, JsonShape, NumberShape, ObjectShape, Place,
    TextShape,
};

/// Most nodes of one schema with all it refers to.
const NODES_MAX: usize = 200_000;

/// Most patterns of property names in one schema. A comparison compiles each, and keeps it.
const PATTERNS_MAX: usize = 1_000;

const ARRAY_KEYWORDS: [&str; 8] = [
    "items",
    "prefixItems",
    "additionalItems",
    "unevaluatedItems",
    "minItems",
    "maxItems",
    "uniqueItems",
    "contains",
];
const OBJECT_KEYWORDS: [&str; 11] = [
    "properties",
    "required",
    "patternProperties",
    "additionalProperties",
    "unevaluatedProperties",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "minProperties",
    "maxProperties",
    "propertyNames",
];
const NUMBER_KEYWORDS: [&str; 5] =
    ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
const TEXT_KEYWORDS: [&str; 3] = ["minLength", "maxLength", "pattern"];

/// Reads a schema, with the schemas it builds on.
pub(super) fn parse(text: &str, imports: &[(String, String)]) -> Result<JsonSchema, String> {
    let document = read(text)?;
    let mut others = Vec::with_capacity(imports.len());
    for (name, text) in imports {
        let other = read(text).map_err(|error| format!("in the reference '{name}': {error}"))?;
        others.push((name.as_str(), other));
    }
    let others = others.iter().map(|(name, other)| (*name, other));
    let addresses = Addresses::new([("", &document)].into_iter().chain(others));
    let nodes =
        Parser { addresses, places: HashMap::new(), parts: Vec::new(), pattern_count: 0 }.nodes(&document)?;
    Ok(JsonSchema { document, nodes })
}

fn read(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))
}

/// Something that becomes a node.
#[derive(Clone, Copy)]
struct Part<'v> {
    /// Which document it is in: addresses are relative to that.
    document: usize,
    source: Source<'v>,
}

#[derive(Clone, Copy)]
enum Source<'v> {
    /// A whole schema.
    Schema(&'v Value),
    /// One of the things that a schema object says.
    Facet(&'v Map<String, Value>, Facet<'v>),
}

/// One of the things that a schema object may say.
#[derive(Clone, Copy)]
enum Facet<'v> {
    /// Of which type the data is.
    Type(&'v str),
    /// Of which types.
    Types(&'v [Value]),
    /// What holds if the data is of a type, which is not said.
    Keywords(Keywords),
    Values(&'v [Value]),
    Constant(&'v Value),
    Combined(Criterion, &'v [Value]),
    Not(&'v Value),
}

#[derive(Clone, Copy)]
enum Keywords {
    Array,
    Object,
    Number,
    Text,
}

struct Parser<'v> {
    addresses: Addresses<'v>,
    /// Where the node of a schema is, by the schema's address in memory.
    places: HashMap<*const Value, Place>,
    /// All parts in the order of their places.
    parts: Vec<Part<'v>>,
    pattern_count: usize,
}

impl<'v> Parser<'v> {
    fn nodes(mut self, root: &'v Value) -> Result<Vec<JsonNode>, String> {
        self.schema(0, root);
        let mut nodes = Vec::new();
        while let Some(part) = self.parts.get(nodes.len()).copied() {
            nodes.push(self.node(part)?);
            if self.parts.len() > NODES_MAX {
                return Err(format!("it has more than {NODES_MAX} parts"));
            }
        }
        Ok(nodes)
    }

    fn node(&mut self, part: Part<'v>) -> Result<JsonNode, String> {
        let document = part.document;
        let object = match part.source {
            Source::Facet(object, facet) => {
                return Ok(JsonNode { shape: self.facet(document, object, facet)?, has_default: false });
            }
            Source::Schema(Value::Bool(true)) => return Ok(bare(JsonShape::Any)),
            Source::Schema(Value::Bool(false)) => return Ok(bare(JsonShape::Never)),
            Source::Schema(Value::Object(object)) => object,
            Source::Schema(other) => {
                return Err(format!("a schema is an object, true or false, not {other}"));
            }
        };
        let has_default = object.contains_key("default");
        if let Some(address) = object.get("$ref") {
            let address = address.as_str().ok_or_else(|| format!("a $ref is a text, not {address}"))?;
            let (document, target) = self.addresses.find(document, address).ok_or_else(|| {
                format!("the $ref '{address}' leads nowhere: what it names has to be in the schema or a reference of it")
            })?;
            let shape = JsonShape::Reference(self.schema(document, target));
            return Ok(JsonNode { shape, has_default });
        }
        let mut facets = facets(object)?;
        let shape = match facets.len() {
            0 => JsonShape::Any,
            1 => self.facet(document, object, facets.swap_remove(0))?,
            _ => {
                let parts = facets.into_iter().map(|facet| self.part(document, object, facet)).collect();
                JsonShape::Combined(Criterion::All, parts)
            }
        };
        Ok(JsonNode { shape, has_default })
    }

    fn facet(
        &mut self,
        document: usize,
        object: &'v Map<String, Value>,
        facet: Facet<'v>,
    ) -> Result<JsonShape, String> {
        Ok(match facet {
            Facet::Type("null") => JsonShape::Null,
            Facet::Type("boolean") => JsonShape::Boolean,
            Facet::Type("integer") => JsonShape::Number(number(object, true)?),
            Facet::Type("number") | Facet::Keywords(Keywords::Number) => {
                JsonShape::Number(number(object, false)?)
            }
            Facet::Type("string") | Facet::Keywords(Keywords::Text) => JsonShape::Text(text(object)?),
            Facet::Type("object") | Facet::Keywords(Keywords::Object) => {
                JsonShape::Object(self.object(document, object)?)
            }
            Facet::Type("array") | Facet::Keywords(Keywords::Array) => {
                JsonShape::Array(self.array(document, object)?)
            }
            Facet::Type(other) => {
                return Err(format!(
                    "there is no type '{other}': it is one of null, boolean, integer, number, string, object and array"
                ));
            }
            Facet::Types(names) => {
                let mut parts = Vec::with_capacity(names.len());
                for name in names {
                    let name = name.as_str().ok_or_else(|| format!("a type is a text, not {name}"))?;
                    parts.push(self.part(document, object, Facet::Type(name)));
                }
                JsonShape::Combined(Criterion::Any, parts)
            }
            Facet::Values(values) => JsonShape::Values(values.to_vec()),
            Facet::Constant(value) => JsonShape::Values(vec![value.clone()]),
            Facet::Combined(criterion, schemas) => {
                // What is written twice counts once.
                let mut seen = HashSet::new();
                let different = schemas.iter().filter(|schema| seen.insert(schema.to_string()));
                let parts = different.map(|schema| self.schema(document, schema)).collect();
                JsonShape::Combined(criterion, parts)
            }
            Facet::Not(schema) => JsonShape::Not(self.schema(document, schema)),
        })
    }

    fn object(&mut self, document: usize, object: &'v Map<String, Value>) -> Result<ObjectShape, String> {
        let mut shape = ObjectShape {
            properties: self.members(document, object, "properties")?,
            patterns: self.members(document, object, "patternProperties")?,
            required: match object.get("required") {
                Some(Value::Array(names)) => strings("required", names)?,
                // An older draft has a boolean at the property itself.
                Some(Value::Bool(_)) | None => Vec::new(),
                Some(other) => return Err(format!("'required' is a list of names, not {other}")),
            },
            additional: self.additional(document, object, ["additionalProperties", "unevaluatedProperties"]),
            properties_max: limit(object, "maxProperties")?,
            properties_min: limit(object, "minProperties")?,
            ..ObjectShape::default()
        };
        self.pattern_count += shape.patterns.len();
        if self.pattern_count > PATTERNS_MAX {
            return Err(format!("it has more than {PATTERNS_MAX} patterns of property names"));
        }
        for keyword in ["dependencies", "dependentRequired", "dependentSchemas"] {
            for (name, dependency) in map(object, keyword)? {
                match dependency {
                    Value::Array(names) => {
                        shape.property_dependencies.push((name.clone(), strings(keyword, names)?));
                    }
                    schema => {
                        let place = self.schema(document, schema);
                        shape.schema_dependencies.push((name.clone(), place));
                    }
                }
            }
        }
        Ok(shape)
    }

    fn array(&mut self, document: usize, object: &'v Map<String, Value>) -> Result<ArrayShape, String> {
        let mut shape = ArrayShape {
            items_max: limit(object, "maxItems")?,
            items_min: limit(object, "minItems")?,
            is_unique: object.get("uniqueItems") == Some(&Value::Bool(true)),
            ..ArrayShape::default()
        };
        match (object.get("prefixItems"), object.get("items")) {
            (Some(Value::Array(first)), _) => {
                shape.first = first.iter().map(|schema| self.schema(document, schema)).collect();
                shape.additional = self.additional(document, object, ["items", "unevaluatedItems"]);
            }
            (Some(other), _) => return Err(format!("'prefixItems' is a list of schemas, not {other}")),
            (None, Some(Value::Array(first))) => {
                shape.first = first.iter().map(|schema| self.schema(document, schema)).collect();
                shape.additional = self.additional(document, object, ["additionalItems", "unevaluatedItems"]);
            }
            (None, Some(all)) => shape.all = Some(self.schema(document, all)),
            (None, None) => {
                shape.additional = self.additional(document, object, ["additionalItems", "unevaluatedItems"]);
            }
        }
        Ok(shape)
    }

    /// What the first of the keywords that is there says.
    fn additional(
        &mut self,
        document: usize,
        object: &'v Map<String, Value>,
        keywords: [&str; 2],
    ) -> Additional {
        match keywords.iter().find_map(|keyword| object.get(*keyword)) {
            None | Some(Value::Bool(true)) => Additional::Allowed,
            Some(Value::Bool(false)) => Additional::Forbidden,
            Some(schema) => Additional::Fitting(self.schema(document, schema)),
        }
    }

    fn members(
        &mut self,
        document: usize,
        object: &'v Map<String, Value>,
        keyword: &str,
    ) -> Result<Vec<(String, Place)>, String> {
        let members = map(object, keyword)?;
        Ok(members.map(|(name, schema)| (name.clone(), self.schema(document, schema))).collect())
    }

    fn schema(&mut self, document: usize, schema: &'v Value) -> Place {
        let next = self.parts.len();
        let place = *self.places.entry(std::ptr::from_ref(schema)).or_insert(next);
        if place == next {
            self.parts.push(Part { document, source: Source::Schema(schema) });
        }
        place
    }

    fn part(&mut self, document: usize, object: &'v Map<String, Value>, facet: Facet<'v>) -> Place {
        self.parts.push(Part { document, source: Source::Facet(object, facet) });
        self.parts.len() - 1
    }
}

/// All a schema object says.
fn facets(object: &Map<String, Value>) -> Result<Vec<Facet<'_>>, String> {
    let mut facets = Vec::new();
    match object.get("type") {
        Some(Value::String(name)) => facets.push(Facet::Type(name)),
        Some(Value::Array(names)) => facets.push(Facet::Types(names)),
        Some(other) => return Err(format!("a type is a text or a list of texts, not {other}")),
        None => {
            let has = |keywords: &[&str]| keywords.iter().any(|keyword| object.contains_key(*keyword));
            let sniffed = [
                (has(&ARRAY_KEYWORDS), Keywords::Array),
                (has(&OBJECT_KEYWORDS), Keywords::Object),
                (has(&NUMBER_KEYWORDS), Keywords::Number),
                (has(&TEXT_KEYWORDS), Keywords::Text),
            ];
            let sniffed = sniffed.into_iter().filter(|(is_there, _)| *is_there);
            facets.extend(sniffed.map(|(_, keywords)| Facet::Keywords(keywords)));
        }
    }
    if let Some(values) = object.get("enum") {
        facets.push(Facet::Values(list("enum", values)?));
    }
    if let Some(value) = object.get("const") {
        facets.push(Facet::Constant(value));
    }
    for (keyword, criterion) in
        [("allOf", Criterion::All), ("anyOf", Criterion::Any), ("oneOf", Criterion::One)]
    {
        if let Some(schemas) = object.get(keyword) {
            facets.push(Facet::Combined(criterion, list(keyword, schemas)?));
        }
    }
    if let Some(schema) = object.get("not") {
        facets.push(Facet::Not(schema));
    }
    Ok(facets)
}

fn text(object: &Map<String, Value>) -> Result<TextShape, String> {
    let pattern = match object.get("pattern") {
        None => None,
        Some(Value::String(pattern)) => Some(pattern.clone()),
        Some(other) => return Err(format!("'pattern' is a text, not {other}")),
    };
    Ok(TextShape {
        length_max: limit(object, "maxLength")?,
        length_min: limit(object, "minLength")?,
        pattern,
    })
}

fn number(object: &Map<String, Value>, is_integer: bool) -> Result<NumberShape, String> {
    let mut shape = NumberShape {
        is_integer,
        maximum: limit(object, "maximum")?,
        minimum: limit(object, "minimum")?,
        multiple_of: limit(object, "multipleOf")?,
        ..NumberShape::default()
    };
    // In an older draft the keyword says of the other limit that it is an exclusive one.
    match object.get("exclusiveMaximum") {
        Some(Value::Bool(true)) => shape.exclusive_maximum = shape.maximum.take(),
        Some(Value::Bool(false)) => {}
        _ => shape.exclusive_maximum = limit(object, "exclusiveMaximum")?,
    }
    match object.get("exclusiveMinimum") {
        Some(Value::Bool(true)) => shape.exclusive_minimum = shape.minimum.take(),
        Some(Value::Bool(false)) => {}
        _ => shape.exclusive_minimum = limit(object, "exclusiveMinimum")?,
    }
    Ok(shape)
}

fn bare(shape: JsonShape) -> JsonNode {
    JsonNode { shape, has_default: false }
}

fn limit(object: &Map<String, Value>, keyword: &str) -> Result<Option<f64>, String> {
    match object.get(keyword) {
        None => Ok(None),
        Some(value) => {
            let number = value.as_f64().ok_or_else(|| format!("'{keyword}' is a number, not {value}"))?;
            Ok(Some(number))
        }
    }
}

fn map<'v>(
    object: &'v Map<String, Value>,
    keyword: &str,
) -> Result<impl Iterator<Item = (&'v String, &'v Value)> + use<'v>, String> {
    match object.get(keyword) {
        None => Ok(None.into_iter().flatten()),
        Some(Value::Object(members)) => Ok(Some(members).into_iter().flatten()),
        Some(other) => Err(format!("'{keyword}' is an object, not {other}")),
    }
}

fn list<'v>(keyword: &str, value: &'v Value) -> Result<&'v [Value], String> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| format!("'{keyword}' is a list, not {value}"))
}

fn strings(keyword: &str, values: &[Value]) -> Result<Vec<String>, String> {
    let string = |value: &Value| {
        value.as_str().map(str::to_owned).ok_or_else(|| format!("'{keyword}' has names, not {value}"))
    };
    values.iter().map(string).collect()
}
