//! AVRO schemas of columns, and columns of AVRO schemas.

use serde_json::{Value, json};
use tidemill_sql::type_system::SqlType;

use super::AvroFormat;
use super::test_schemas::{Trial, schema_text};
use crate::formats::schema_format::{PayloadShape, SchemaFormat as _};
use crate::formats::schema_format_harness::{schema, shape};
use crate::formats::{RecordPart, Wrapping};

#[test]
fn columns_are_described_as_kafka_connect_describes_them() {
    let columns = schema(&[
        ("ID", "INTEGER"),
        ("AMOUNT", "DECIMAL(4, 2)"),
        ("AT", "TIMESTAMP"),
        ("TAGS", "ARRAY<STRING>"),
        ("COUNTS", "MAP<STRING, BIGINT>"),
        ("PLACE", "STRUCT<`TOWN` STRING>"),
    ]);
    let namespace = "io.confluent.ksql.avro_schemas";
    let decimal = json!({
        "type": "bytes", "scale": 2, "precision": 4, "connect.version": 1,
        "connect.parameters": { "scale": "2", "connect.decimal.precision": "4" },
        "connect.name": "org.apache.kafka.connect.data.Decimal", "logicalType": "decimal",
    });
    let timestamp = json!({
        "type": "long", "connect.version": 1, "connect.name": "org.apache.kafka.connect.data.Timestamp",
        "logicalType": "timestamp-millis",
    });
    let counts = json!({
        "type": "array",
        "items": {
            "type": "record", "name": "KsqlDataSourceSchema_COUNTS",
            "fields": [
                { "name": "key", "type": ["null", "string"], "default": null },
                { "name": "value", "type": ["null", "long"], "default": null },
            ],
            "connect.internal.type": "MapEntry",
        },
        "connect.name": format!("{namespace}.KsqlDataSourceSchema_COUNTS"),
    });
    let place = json!({
        "type": "record", "name": "KsqlDataSourceSchema_PLACE",
        "fields": [{ "name": "TOWN", "type": ["null", "string"], "default": null }],
        "connect.name": format!("{namespace}.KsqlDataSourceSchema_PLACE"),
    });
    let field =
        |name: &str, data_type: Value| json!({ "name": name, "type": ["null", data_type], "default": null });
    assert_eq!(
        schema_text(&columns, &shape(Wrapping::Record)),
        json!({
            "type": "record", "name": "KsqlDataSourceSchema", "namespace": namespace,
            "fields": [
                field("ID", json!("int")),
                field("AMOUNT", decimal),
                field("AT", timestamp),
                field("TAGS", json!({ "type": "array", "items": ["null", "string"] })),
                field("COUNTS", counts),
                field("PLACE", place),
            ],
            "connect.name": format!("{namespace}.KsqlDataSourceSchema"),
        })
    );
}

#[test]
fn a_bare_column_is_described_by_its_type_alone_and_records_are_called_as_the_statement_says() {
    let key = PayloadShape { part: RecordPart::Key, source: "MY_OUTPUT".to_owned(), ..shape(Wrapping::Bare) };
    assert_eq!(schema_text(&schema(&[("K", "STRING")]), &key), json!("string"));
    let text = schema_text(&schema(&[("K", "STRUCT<`A` INTEGER>")]), &key);
    assert_eq!(text["name"], json!("MyOutputKey"));
    let named = PayloadShape { full_name: Some("com.example.Sale".to_owned()), ..shape(Wrapping::Record) };
    let text = schema_text(&schema(&[("A", "INTEGER")]), &named);
    assert_eq!((&text["namespace"], &text["name"]), (&json!("com.example"), &json!("Sale")));
}

#[test]
fn names_that_avro_does_not_allow_are_refused() {
    let columns = schema(&[("A", "INTEGER"), ("B", "STRUCT<`1st` INTEGER>")]);
    let refused = AvroFormat.schema_of(&columns, &shape(Wrapping::Record)).unwrap_err();
    assert_eq!(refused, "Schema is not compatible with Avro: Illegal initial character: 1st");
}

#[test]
fn what_a_schema_holds_is_told_as_columns() {
    let trial = Trial::of(&json!({
        "type": "record", "name": "R", "namespace": "n",
        "fields": [
            { "name": "f", "type": "float" },
            { "name": "e", "type": { "type": "enum", "name": "E", "symbols": ["A"] } },
            { "name": "x", "type": { "type": "fixed", "name": "X", "size": 3 } },
            { "name": "d", "type": { "type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 1 } },
            { "name": "day", "type": { "type": "int", "logicalType": "date" } },
            { "name": "time", "type": { "type": "int", "logicalType": "time-millis" } },
            { "name": "at", "type": ["null", { "type": "long", "logicalType": "timestamp-millis" }] },
            { "name": "micros", "type": { "type": "long", "logicalType": "timestamp-micros" } },
            { "name": "m", "type": { "type": "map", "values": ["null", "int"] } },
            { "name": "n", "type": "null" },
            { "name": "self", "type": ["null", "R"] },
            { "name": "again", "type": "E" },
        ],
    }));
    assert_eq!(
        trial.columns(),
        [
            "f DOUBLE",
            "e STRING",
            "x BYTES",
            "d DECIMAL(5, 1)",
            "day DATE",
            "time TIME",
            "at TIMESTAMP",
            "micros BIGINT",
            "m MAP<STRING, INTEGER>",
            "again STRING",
        ]
    );
    let int = trial.register("k-key", &json!("int"));
    let key = PayloadShape { part: RecordPart::Key, ..shape(Wrapping::Bare) };
    let columns = AvroFormat.columns_of(&int.schema, &key).unwrap();
    assert_eq!((columns[0].name.as_str(), &columns[0].data_type), ("ROWKEY", &SqlType::Integer));
    let refused = AvroFormat.columns_of(&int.schema, &shape(Wrapping::Record)).unwrap_err();
    assert!(refused.contains("set 'WRAP_SINGLE_VALUE=false'"), "{refused}");
}
