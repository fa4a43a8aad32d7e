//! How columns become the fields of a message, worked out once an encoder.
//!
//! Every column must have a field of exactly its name; fields that no column has are left unset.

use arrow::datatypes::{DataType, Field, TimeUnit};
use prost_reflect::{Cardinality, FieldDescriptor, Kind, MessageDescriptor};

use super::columns_of_schema::{Member, map_entry, members};
use super::encoding::Encoding;
use super::well_known::WellKnown;
use crate::formats::sql_type::type_name;

/// The fields of a message, by number: the order in which other implementations write them, so that
/// equal rows are equal bytes whoever wrote them.
pub(super) struct MessageLayout {
    pub(super) fields: Vec<FieldLayout>,
}

/// A field and the column it is written from.
pub(super) struct FieldLayout {
    pub(super) name: String,
    pub(super) number: u32,
    pub(super) column: usize,
    pub(super) form: FieldForm,
}

/// What kind of a field it is.
pub(super) enum FieldForm {
    /// Written unless it is null, and, where the schema does not tell them apart, unless it is the
    /// default value.
    Single {
        tells_unset: bool,
        value: ValueLayout,
    },
    /// Field of a oneof, from that field of the column's STRUCT.
    Choice {
        member: usize,
        value: ValueLayout,
    },
    List {
        packed: bool,
        items: ValueLayout,
    },
    /// The entry is a message of two columns, key and value.
    Map {
        entry: MessageLayout,
    },
}

/// How a value is written.
pub(super) enum ValueLayout {
    Scalar(Encoding),
    /// A message around a scalar.
    Wrapper(Encoding),
    Timestamp,
    Date,
    Time,
    Decimal,
    Struct(MessageLayout),
}

impl MessageLayout {
    /// The layout of a message with fields for these columns, in this order.
    ///
    /// # Errors
    /// A sentence for the user: a column without a field, or with one that it cannot be written to.
    pub(super) fn new<'a>(
        columns: impl IntoIterator<Item = &'a Field>,
        message: &MessageDescriptor,
    ) -> Result<MessageLayout, String> {
        let members = members(message);
        let mut fields = Vec::new();
        let mut written = Vec::new();
        for (index, column) in columns.into_iter().enumerate() {
            match members.iter().find(|member| member.name() == column.name()) {
                None => {
                    let name = column.name();
                    return Err(format!("Schema from Schema Registry misses field with name: {name}"));
                }
                Some(Member::Field(field)) => {
                    written.push(field.number());
                    fields.push(FieldLayout::new(index, column, field)?);
                }
                Some(Member::Oneof(name, oneof)) => {
                    let DataType::Struct(choices) = column.data_type() else {
                        return Err(format!(
                            "column `{name}`: the schema has a oneof, which is written from a STRUCT"
                        ));
                    };
                    for (member, choice) in choices.iter().enumerate() {
                        let field = oneof.fields().find(|field| field.name() == choice.name());
                        let field = field.ok_or_else(|| {
                            let name = choice.name();
                            format!("Schema from Schema Registry misses field with name: {name}")
                        })?;
                        let value = ValueLayout::new(choice, choice.data_type(), &field)?;
                        fields.push(FieldLayout {
                            name: choice.name().clone(),
                            number: field.number(),
                            column: index,
                            form: FieldForm::Choice { member, value },
                        });
                    }
                }
            }
        }
        let missing = message
            .fields()
            .find(|field| field.cardinality() == Cardinality::Required && !written.contains(&field.number()));
        if let Some(field) = missing {
            return Err(format!(
                "Missing default value for required Protobuf field: [{}]. This field appears in Protobuf \
                 schema in Schema Registry",
                field.name()
            ));
        }
        fields.sort_by_key(|field: &FieldLayout| field.number);
        Ok(MessageLayout { fields })
    }
}

impl FieldLayout {
    fn new(index: usize, column: &Field, field: &FieldDescriptor) -> Result<FieldLayout, String> {
        let is_repeated = field.cardinality() == Cardinality::Repeated;
        let form = match column.data_type() {
            _ if field.is_group() => return Err(mismatch(column, field)),
            DataType::Map(entries, _) => {
                let (Some((key, value)), DataType::Struct(parts)) = (map_entry(field), entries.data_type())
                else {
                    return Err(mismatch(column, field));
                };
                let [_, value_column] = parts.as_ref() else { return Err(mismatch(column, field)) };
                let key = FieldLayout {
                    name: key.name().to_owned(),
                    number: key.number(),
                    column: 0,
                    form: FieldForm::Single {
                        tells_unset: key.supports_presence(),
                        value: ValueLayout::of_key(&key).ok_or_else(|| mismatch(column, field))?,
                    },
                };
                let value = FieldLayout::new(1, value_column, &value)?;
                FieldForm::Map { entry: MessageLayout { fields: vec![key, value] } }
            }
            DataType::List(items) if is_repeated => FieldForm::List {
                packed: field.is_packed(),
                items: ValueLayout::new(column, items.data_type(), field)?,
            },
            data_type if !is_repeated => FieldForm::Single {
                tells_unset: field.supports_presence(),
                value: ValueLayout::new(column, data_type, field)?,
            },
            _ => return Err(mismatch(column, field)),
        };
        Ok(FieldLayout { name: column.name().clone(), number: field.number(), column: index, form })
    }
}

impl ValueLayout {
    /// Keys are text in a column; numbers and truth values are read from it.
    fn of_key(key: &FieldDescriptor) -> Option<ValueLayout> {
        match key.kind() {
            Kind::Message(message) => match WellKnown::of(&message) {
                Some(WellKnown::Wrapper(kind)) => Encoding::of(&kind).map(ValueLayout::Wrapper),
                _ => None,
            },
            kind => Encoding::of(&kind).map(ValueLayout::Scalar),
        }
    }

    fn new(column: &Field, data_type: &DataType, field: &FieldDescriptor) -> Result<ValueLayout, String> {
        let misfit = || mismatch(column, field);
        let Kind::Message(message) = field.kind() else {
            let encoding = Encoding::of(&field.kind()).filter(|encoding| encoding.takes(data_type));
            return encoding.map(ValueLayout::Scalar).ok_or_else(misfit);
        };
        let layout = match (WellKnown::of(&message), data_type) {
            (Some(WellKnown::Wrapper(kind)), data_type) => {
                let encoding = Encoding::of(&kind).filter(|encoding| encoding.takes(data_type));
                ValueLayout::Wrapper(encoding.ok_or_else(misfit)?)
            }
            (Some(WellKnown::Timestamp), DataType::Timestamp(TimeUnit::Millisecond, _)) => {
                ValueLayout::Timestamp
            }
            (Some(WellKnown::Date), DataType::Date32) => ValueLayout::Date,
            (Some(WellKnown::Time), DataType::Time32(TimeUnit::Millisecond)) => ValueLayout::Time,
            (Some(WellKnown::Decimal), DataType::Decimal128(..) | DataType::Decimal256(..)) => {
                ValueLayout::Decimal
            }
            (None, DataType::Struct(columns)) => {
                ValueLayout::Struct(MessageLayout::new(columns.iter().map(AsRef::as_ref), &message)?)
            }
            _ => return Err(misfit()),
        };
        Ok(layout)
    }
}

fn mismatch(column: &Field, field: &FieldDescriptor) -> String {
    let repeated = match field.cardinality() {
        Cardinality::Repeated => "repeated ",
        _ => "",
    };
    format!(
        "column `{}` of type {} cannot be written as {repeated}{:?}, which the schema has for it",
        column.name(),
        type_name(column.data_type()),
        field.kind()
    )
}
