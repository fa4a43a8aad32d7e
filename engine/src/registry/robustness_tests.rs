//! Whatever a schema's text is, it is read or refused; and what was read is written so that it reads the
//! same.

use base64::Engine as _;
use proptest::prelude::*;

use super::*;

/// Schemas that use much of each language, to be damaged.
const SAMPLES: [(SchemaKind, &str); 3] = [
    (
        SchemaKind::Avro,
        r#"{"type":"record","name":"a.B","aliases":["C"],"fields":[{"name":"x","type":["null",{"type":"map","values":
        {"type":"enum","name":"E","symbols":["P","Q"],"default":"P"}}],"default":null,"order":"ignore"},{"name":"y","type":
        {"type":"array","items":"a.B"}},{"name":"z","type":{"type":"fixed","name":"n.F","size":4,"logicalType":"u"}}]}"#,
    ),
    (
        SchemaKind::Json,
        r##"{"$id":"http://x/y","type":["object","null"],"properties":{"a":{"$ref":"#/definitions/d"},"b":{"enum":[1,"x"]},
        "c":{"oneOf":[{"type":"integer","multipleOf":2},{"not":{"pattern":"^a"}}]}},"required":["a"],"patternProperties":
        {"^q":true},"additionalProperties":false,"definitions":{"d":{"items":[{"$ref":"#"}],"minItems":1}}}"##,
    ),
    (
        SchemaKind::Protobuf,
        r#"syntax = "proto3"; package a.b; import public "google/type/date.proto"; option java_package = "x";
        message A { reserved 5, 7 to max; map<string, B> m = 1; oneof o { bytes y = 2 [deprecated = true, (confluent.field_meta) =
        {doc: "d", params: [{key: "k", value: "v"}], tags: ["t"]}]; } message B { optional .google.type.Date d = 1; }
        repeated E e = 3 [(confluent.field_meta).doc = "\303\274"]; enum E { option allow_alias = true; P = 0; Q = 0x0; }
        } service S { rpc M (stream A) returns (A.B) { option deprecated = true; } }"#,
    ),
];

fn parse(kind: SchemaKind, text: &str) -> RegistryResult<ParsedSchema> {
    let definition = SchemaDefinition::new(kind, text);
    ParsedSchema::parse(&ResolvedSchema { definition, imports: Vec::new() })
}

/// What is read must also be written and compared.
fn read(kind: SchemaKind, text: &str) {
    let Ok(schema) = parse(kind, text) else { return };
    let canonical = schema.canonical_text();
    let again = parse(kind, &canonical).unwrap_or_else(|error| panic!("{canonical}: {error}"));
    assert_eq!(again.canonical_text(), canonical);
    let normalized = schema.normalized_text();
    let again = parse(kind, &normalized).unwrap_or_else(|error| panic!("{normalized}: {error}"));
    assert_eq!(again.normalized_text(), normalized);
    let roles = compatibility::Roles { reader: "new", writer: "old" };
    assert_eq!(schema.obstacles_to_reading(&schema, roles), [], "a schema reads its own data: {text}");
    if let Ok(Some(serialized)) = schema.text_in(TextForm::Serialized) {
        parse(kind, &serialized).unwrap_or_else(|error| panic!("{canonical} as a descriptor: {error}"));
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        for (kind, _) in SAMPLES {
            read(kind, &text);
        }
    }

    #[test]
    fn a_damaged_schema_is_read_or_refused(
        sample in 0_usize..3,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..4, "[\\PC\n]{0,3}"), 1..4),
    ) {
        let (kind, text) = SAMPLES[sample];
        let mut characters: Vec<char> = text.chars().collect();
        for (place, removed, inserted) in edits {
            let start = place.index(characters.len());
            let end = (start + removed).min(characters.len());
            characters.splice(start..end, inserted.chars());
            prop_assume!(!characters.is_empty());
        }
        read(kind, &characters.into_iter().collect::<String>());
    }

    #[test]
    fn a_damaged_descriptor_is_read_or_refused(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (kind, text) = SAMPLES[2];
        let schema = parse(kind, text).expect("a schema");
        let serialized = schema.text_in(TextForm::Serialized).expect("is written").expect("a descriptor");
        let engine = base64::engine::general_purpose::STANDARD;
        let mut bytes = engine.decode(serialized).expect("base64");
        for (place, byte) in edits {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        read(kind, &engine.encode(bytes));
    }

    #[test]
    fn any_descriptor_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        read(SchemaKind::Protobuf, &text);
    }
}

#[test]
fn the_samples_are_schemas() {
    for (kind, text) in SAMPLES {
        parse(kind, text).unwrap_or_else(|error| panic!("{kind}: {error}"));
        read(kind, text);
    }
}
