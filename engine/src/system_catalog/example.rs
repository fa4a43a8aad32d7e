//! A made-up snapshot for tests: a stream, a table with a key of two columns, some functions.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};

use super::snapshot::{
    CatalogColumn, CatalogFunction, CatalogRelation, CatalogSetting, CatalogSnapshot, FunctionKind,
    FunctionType, RelationKind,
};

fn column(name: &str, data_type: DataType, is_key: bool) -> CatalogColumn {
    CatalogColumn { name: name.to_owned(), data_type, is_key, comment: None }
}

/// The snapshot.
pub(crate) fn snapshot() -> CatalogSnapshot {
    let address = DataType::Struct(vec![Field::new("city", DataType::Utf8, true)].into());
    CatalogSnapshot {
        database: "mill".to_owned(),
        user: "ada".to_owned(),
        backend_id: 42,
        relations: vec![
            CatalogRelation {
                oid: 16_384,
                name: "orders".to_owned(),
                kind: RelationKind::Stream,
                columns: vec![
                    column("id", DataType::Int64, true),
                    column("customer", DataType::Utf8, false),
                    column("amount", DataType::Decimal128(10, 2), false),
                    column("placed_at", DataType::Timestamp(TimeUnit::Millisecond, None), false),
                    column("tags", DataType::new_list(DataType::Utf8, true), false),
                ],
                comment: Some("stream over topic 'orders'".to_owned()),
            },
            CatalogRelation {
                oid: 16_385,
                name: "users".to_owned(),
                kind: RelationKind::Table,
                columns: vec![
                    column("region", DataType::Utf8, true),
                    column("id", DataType::Int32, true),
                    column("address", address, false),
                    column(
                        "scores",
                        DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true))),
                        false,
                    ),
                ],
                comment: None,
            },
        ],
        functions: vec![
            CatalogFunction {
                name: "ucase".to_owned(),
                arguments: vec![("value".to_owned(), FunctionType::Of(DataType::Utf8))],
                result: FunctionType::Of(DataType::Utf8),
                kind: FunctionKind::Scalar,
                comment: Some("upper-case letters".to_owned()),
            },
            CatalogFunction {
                name: "topk".to_owned(),
                arguments: vec![
                    ("value".to_owned(), FunctionType::Any),
                    ("k".to_owned(), FunctionType::Of(DataType::Int32)),
                ],
                result: FunctionType::ArrayOfAny,
                kind: FunctionKind::Aggregate,
                comment: None,
            },
        ],
        settings: vec![
            CatalogSetting {
                name: "work_mem".to_owned(),
                value: "4MB".to_owned(),
                description: "memory of one operation".to_owned(),
            },
            CatalogSetting { name: "jit".to_owned(), value: "off".to_owned(), description: String::new() },
            CatalogSetting {
                name: "search_path".to_owned(),
                value: "public".to_owned(),
                description: String::new(),
            },
        ],
    }
}
