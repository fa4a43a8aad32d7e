//! Record headers as columns: `HEADERS` and `HEADER('name')`.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, ListBuilder, StringBuilder, StructBuilder};
use arrow::datatypes::{DataType, Field, Fields};

use crate::batch::Headers;

/// Type of a `HEADERS` column: `ARRAY<STRUCT<KEY STRING, VALUE BYTES>>`.
#[must_use]
pub fn headers_type() -> DataType {
    DataType::List(Arc::new(Field::new("item", DataType::Struct(header_fields()), true)))
}

fn header_fields() -> Fields {
    Fields::from(vec![Field::new("KEY", DataType::Utf8, true), Field::new("VALUE", DataType::Binary, true)])
}

/// All headers of each row, in order.
#[must_use]
pub fn all(headers: Option<&[Headers]>, rows: usize) -> ArrayRef {
    let item = StructBuilder::new(
        header_fields(),
        vec![Box::new(StringBuilder::new()), Box::new(BinaryBuilder::new())],
    );
    let mut list = ListBuilder::new(item);
    for row in 0..rows {
        for (name, value) in
            headers.and_then(|headers| headers.get(row)).into_iter().flat_map(|row| row.iter())
        {
            let item = list.values();
            if let Some(names) = item.field_builder::<StringBuilder>(0) {
                names.append_value(name);
            }
            if let Some(values) = item.field_builder::<BinaryBuilder>(1) {
                values.append_option(value.as_deref());
            }
            item.append(true);
        }
        list.append(true);
    }
    Arc::new(list.finish())
}

/// The last header of a name of each row; NULL where there is none.
#[must_use]
pub fn last(headers: Option<&[Headers]>, name: &str, rows: usize) -> ArrayRef {
    let mut values = BinaryBuilder::new();
    for row in 0..rows {
        let found = headers
            .and_then(|headers| headers.get(row))
            .and_then(|row| row.iter().rev().find(|(key, _)| key.as_ref() == name));
        values.append_option(found.and_then(|(_, value)| value.as_deref()));
    }
    Arc::new(values.finish())
}
