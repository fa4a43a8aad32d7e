//! What declarations register and infer.

use serde_json::json;
use tidemill_sql::lookup::{ColumnRole, FormatSpec, SchemaInquiry, Source, SourceColumn, SourceKind};
use tidemill_sql::type_system::SqlType;

use super::{PartFormat, Registration};
use crate::formats::{RecordPart, inferred_columns, json_to_payload, payload_to_value};
use crate::registry::{SchemaDefinition, SchemaKind, SchemaRegistry};

fn spec(name: &str, properties: &[(&str, &str)]) -> FormatSpec {
    let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    FormatSpec { properties: properties.collect(), ..FormatSpec::named(name) }
}

fn source(value_format: FormatSpec, columns: &[(&str, &str)]) -> Source {
    let column = |(name, data_type): &(&str, &str)| {
        let data_type: SqlType = data_type.parse().expect("a type");
        SourceColumn::new(name, data_type.to_arrow().expect("an arrow type"), ColumnRole::Value)
    };
    Source {
        name: "S".to_owned(),
        kind: SourceKind::Stream,
        columns: columns.iter().map(column).collect(),
        topic: "t".to_owned(),
        partitions: 1,
        key_format: spec("NONE", &[]),
        value_format,
        window: None,
        timestamp: None,
        read_only: false,
    }
}

fn value(source: &Source) -> PartFormat {
    PartFormat::of(source, RecordPart::Value).expect("the format has the columns")
}

#[test]
fn a_declaration_that_is_changed_registers_its_schema_where_its_own_was_the_newest() {
    let newest = |registry: &SchemaRegistry| registry.latest("t-value").map(|latest| latest.version);
    let one = value(&source(spec("AVRO", &[]), &[("A", "INTEGER")]));
    let two = value(&source(spec("AVRO", &[]), &[("A", "INTEGER"), ("B", "STRING")]));
    let registry_of_it = SchemaRegistry::in_memory();
    one.register(&registry_of_it, Registration::FirstOfTopic).unwrap();
    two.register_in_place_of(&one, &registry_of_it).unwrap();
    assert_eq!(newest(&registry_of_it), Some(2));
    let registry_of_others = SchemaRegistry::in_memory();
    let others = value(&source(spec("AVRO", &[]), &[("A", "INTEGER"), ("C", "STRING")]));
    others.register(&registry_of_others, Registration::FirstOfTopic).unwrap();
    two.register_in_place_of(&one, &registry_of_others).unwrap();
    assert_eq!(newest(&registry_of_others), Some(1));
    let empty = SchemaRegistry::in_memory();
    two.register_in_place_of(&one, &empty).unwrap();
    assert_eq!(newest(&empty), None);
}

#[test]
fn a_declaration_registers_the_first_schema_of_its_topic_and_a_query_the_newest() {
    let registry = SchemaRegistry::in_memory();
    let one = value(&source(spec("AVRO", &[]), &[("A", "INTEGER")]));
    let two = value(&source(spec("AVRO", &[]), &[("A", "INTEGER"), ("B", "STRING")]));
    one.register(&registry, Registration::FirstOfTopic).unwrap();
    two.register(&registry, Registration::FirstOfTopic).unwrap();
    assert_eq!(registry.latest("t-value").map(|latest| latest.version), Some(1));
    two.register(&registry, Registration::NewestVersion).unwrap();
    two.register(&registry, Registration::NewestVersion).unwrap();
    assert_eq!(registry.latest("t-value").map(|latest| latest.version), Some(2));
}

#[test]
fn a_query_does_not_write_what_readers_of_the_topic_could_not_read() {
    let registry = SchemaRegistry::in_memory();
    let number = value(&source(spec("AVRO", &[]), &[("A", "INTEGER")]));
    let text = value(&source(spec("AVRO", &[]), &[("A", "STRING")]));
    number.register(&registry, Registration::NewestVersion).unwrap();
    let refused = text.register(&registry, Registration::NewestVersion).unwrap_err();
    assert!(refused.message.starts_with("Could not register schema for topic 't'"), "{refused}");
}

#[test]
fn a_schema_named_by_its_number_is_written_with_and_registered_for_the_topic() {
    let registry = SchemaRegistry::in_memory();
    let text =
        json!({ "type": "record", "name": "Mine", "fields": [{ "name": "A", "type": ["null", "int"] }] });
    let definition = SchemaDefinition::new(SchemaKind::Avro, text.to_string());
    let id = registry.register("elsewhere", definition, false).unwrap().id;
    let named = spec("AVRO", &[("VALUE_SCHEMA_ID", &id.to_string())]);
    let format = value(&source(named, &[("A", "INTEGER")]));
    format.register(&registry, Registration::FirstOfTopic).unwrap();
    assert_eq!(registry.latest("t-value").map(|latest| latest.id), Some(id));
    assert!(format.encoder(&registry).is_ok());
    let unknown = spec("AVRO", &[("VALUE_SCHEMA_ID", "77")]);
    let refused = value(&source(unknown, &[("A", "INTEGER")])).encoder(&registry).err().unwrap();
    assert_eq!(refused.message, "the schema registry has no schema 77");
}

#[test]
fn names_that_the_format_does_not_allow_are_refused_where_they_are_declared() {
    let refused = value(&source(spec("AVRO", &[]), &[("A B", "INTEGER")])).check().unwrap_err();
    assert_eq!(refused.message, "Schema is not compatible with Avro: Illegal character in: A B");
    assert!(value(&source(spec("JSON_SR", &[]), &[("A B", "INTEGER")])).check().is_ok());
}

#[test]
fn inferred_names_are_in_upper_case_unless_the_statement_names_the_schema() {
    let registry = SchemaRegistry::in_memory();
    let text = json!({
        "type": "record", "name": "R",
        "fields": [{ "name": "a", "type": { "type": "record", "name": "P", "fields": [{ "name": "x", "type": "int" }] } }],
    });
    let definition = SchemaDefinition::new(SchemaKind::Avro, text.to_string());
    let id = registry.register("t-value", definition, false).unwrap().id;
    let infer = |topic: &str, format: &FormatSpec| {
        let inquiry = SchemaInquiry { source: "S", topic, part: RecordPart::Value, format };
        let columns = inferred_columns(&registry, &inquiry).map_err(|error| error.message)?;
        let text = |column: &SourceColumn| {
            format!("{} {}", column.name, SqlType::from_arrow(&column.data_type).expect("a type"))
        };
        Ok::<_, String>(columns.iter().map(text).collect::<Vec<_>>().join(", "))
    };
    assert_eq!(infer("t", &spec("AVRO", &[])).unwrap(), "A STRUCT<`X` INTEGER>");
    let named = spec("AVRO", &[("VALUE_SCHEMA_ID", &id.to_string())]);
    assert_eq!(infer("t", &named).unwrap(), "a STRUCT<`x` INTEGER>");
    let missing = infer("u", &spec("AVRO", &[])).unwrap_err();
    assert_eq!(missing, "Schema for message values on topic 'u' does not exist in the Schema Registry.");
    let other = infer("t", &spec("JSON_SR", &[])).unwrap_err();
    assert!(other.contains("You may want to set VALUE_FORMAT to 'AVRO'"), "{other}");
}

#[test]
fn a_json_value_becomes_a_payload_of_the_topics_newest_schema_and_back() {
    let registry = SchemaRegistry::in_memory();
    let text = json!({
        "type": "record", "name": "R",
        "fields": [
            { "name": "id", "type": "long" },
            { "name": "price", "type": ["null", { "type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2 }] },
        ],
    });
    registry.register("t-value", SchemaDefinition::new(SchemaKind::Avro, text.to_string()), false).unwrap();
    let given = json!({ "ID": 7, "price": 10.3, "unknown": true });
    let payload = json_to_payload(&registry, "t", RecordPart::Value, None, &given).unwrap().unwrap();
    let value = payload_to_value(&registry, RecordPart::Value, &payload).unwrap();
    let shown = arrow::util::display::array_value_to_string(&value, 0).unwrap();
    assert_eq!(shown, "{id: 7, price: 10.30}");
    let refused =
        json_to_payload(&registry, "t", RecordPart::Value, None, &json!({ "id": "x" })).unwrap_err();
    assert!(refused.message.contains("expected BIGINT"), "{refused}");
}

#[test]
fn a_json_value_becomes_the_message_of_its_name_and_is_read_as_that_message() {
    let registry = SchemaRegistry::in_memory();
    let text =
        "syntax = \"proto3\"; message A { uint32 a = 1; } message B { string B = 1; repeated int32 l = 2; }";
    registry.register("t-value", SchemaDefinition::new(SchemaKind::Protobuf, text), false).unwrap();
    let given = json!({ "b": "x", "A": 1 });
    for (name, expected) in [(None, "{a: 1}"), (Some("B"), "{B: x, l: []}")] {
        let payload = json_to_payload(&registry, "t", RecordPart::Value, name, &given).unwrap().unwrap();
        let value = payload_to_value(&registry, RecordPart::Value, &payload).unwrap();
        assert_eq!(arrow::util::display::array_value_to_string(&value, 0).unwrap(), expected);
    }
}
