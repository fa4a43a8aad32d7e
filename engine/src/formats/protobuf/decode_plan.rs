//! How the fields of a writer's message become the columns of a reader, worked out once a schema.
//!
//! A column takes the field that [`member_names`](crate::formats::member_names) finds. What the message has
//! no field for is NULL. A column whose field is of a type that it cannot hold makes the whole plan fail:
//! every record of that schema is then rejected with the reason.

use arrow::datatypes::{DataType, Field, TimeUnit};
use prost_reflect::{Cardinality, FieldDescriptor, Kind, MessageDescriptor, Value};

use super::columns_of_schema::{Member, map_entry, members, real_oneof};
use super::encoding::Encoding;
use super::well_known::WellKnown;
use super::wire::{WireType, zigzag};
use crate::formats::member_names::{column_of_member, member_of_column};
use crate::formats::sql_type::type_name;

/// What to do with the fields of a message, and what becomes of each column afterwards.
pub(super) struct MessagePlan {
    /// By field number, ascending. A field that feeds two columns stands there twice.
    actions: Vec<(u32, Action)>,
    /// In the order of the columns.
    pub(super) columns: Vec<ColumnPlan>,
    /// Number of values that are kept until all fields have been seen.
    pub(super) slots: usize,
    /// Fields without which there is no message: slot and name.
    pub(super) required: Vec<(usize, String)>,
}

/// What happens when a field is met.
#[derive(Clone, Copy)]
pub(super) enum Action {
    /// A scalar: the last one counts.
    Keep { slot: usize, wire: WireType },
    /// A message: several are one.
    Merge { slot: usize },
    /// A field of a oneof: it displaces the others.
    Choose { slot: usize, member: usize, wire: WireType, merge: bool },
    /// An item of a list, or several in a row.
    Item { column: usize },
    /// An entry of a map.
    Entry { column: usize },
}

/// What a column takes when all fields have been seen.
pub(super) enum ColumnPlan {
    /// The message has no such field.
    Missing,
    Single {
        name: String,
        slot: usize,
        value: ValuePlan,
        absent: Absent,
    },
    List {
        name: String,
        items: ValuePlan,
    },
    Map {
        name: String,
        entry: EntryPlan,
    },
    Oneof {
        name: String,
        slot: usize,
        members: Vec<MemberPlan>,
    },
}

/// What a field that is not set means.
pub(super) enum Absent {
    Null,
    Number(u64),
    Bytes(Vec<u8>),
}

/// A field of a oneof: the position of its column, if there is one.
pub(super) struct MemberPlan {
    pub(super) column: Option<usize>,
    pub(super) name: String,
    pub(super) value: ValuePlan,
}

/// The entries of a map.
pub(super) struct EntryPlan {
    pub(super) key: Encoding,
    /// The key stands in a message of its own.
    pub(super) key_is_wrapped: bool,
    /// A message of one column: the value.
    pub(super) value: MessagePlan,
}

/// How a value is laid out.
pub(super) enum ValuePlan {
    Scalar(Encoding),
    /// A message around a scalar.
    Wrapper(Encoding),
    Timestamp,
    Date,
    Time,
    Decimal,
    Struct(Box<MessagePlan>),
}

impl MessagePlan {
    /// A plan for columns of these names and types, in this order.
    ///
    /// # Errors
    /// A reason for people: a column that cannot hold its field.
    pub(super) fn new<'a>(
        columns: impl IntoIterator<Item = &'a Field>,
        message: &MessageDescriptor,
    ) -> Result<MessagePlan, String> {
        let members = members(message);
        let mut builder = PlanBuilder::default();
        for column in columns {
            let member = member_of_column(members.iter().map(Member::name), column.name());
            let plan = match member.map(|member| &members[member]) {
                None => ColumnPlan::Missing,
                Some(Member::Oneof(_, oneof)) => {
                    let fields: Vec<_> = oneof.fields().collect();
                    builder.oneof(column, &fields)?
                }
                Some(Member::Field(field)) => builder.field(column, field)?,
            };
            builder.columns.push(plan);
        }
        builder.require(message);
        Ok(builder.finish())
    }

    /// What to do with a field. `hint` is where the last one was found: fields mostly stand in order.
    #[inline]
    pub(super) fn actions(&self, number: u32, hint: &mut usize) -> &[(u32, Action)] {
        let is_at = |index: usize| self.actions.get(index).is_some_and(|(other, _)| *other == number);
        let start = if is_at(*hint) && (*hint == 0 || !is_at(*hint - 1)) {
            *hint
        } else if is_at(*hint + 1) && !is_at(*hint) {
            *hint + 1
        } else {
            self.actions.partition_point(|(other, _)| *other < number)
        };
        *hint = start;
        let found = &self.actions[start.min(self.actions.len())..];
        let length = found.iter().take_while(|(other, _)| *other == number).count();
        &found[..length]
    }
}

#[derive(Default)]
struct PlanBuilder {
    actions: Vec<(u32, Action)>,
    columns: Vec<ColumnPlan>,
    slots: usize,
    required: Vec<(usize, String)>,
}

impl PlanBuilder {
    fn finish(mut self) -> MessagePlan {
        self.actions.sort_by_key(|(number, _)| *number);
        MessagePlan {
            actions: self.actions,
            columns: self.columns,
            slots: self.slots,
            required: self.required,
        }
    }

    fn slot(&mut self) -> usize {
        self.slots += 1;
        self.slots - 1
    }

    /// The plan of the column that is added next.
    fn field(&mut self, column: &Field, field: &FieldDescriptor) -> Result<ColumnPlan, String> {
        let name = column.name().clone();
        let index = self.columns.len();
        if field.is_group() {
            return Err(format!("column `{name}`: groups are not supported"));
        }
        Ok(match column.data_type() {
            DataType::Map(entries, _) => {
                let (Some((key, value)), DataType::Struct(parts)) = (map_entry(field), entries.data_type())
                else {
                    return Err(mismatch(column, field));
                };
                let [_, value_column] = parts.as_ref() else { return Err(mismatch(column, field)) };
                self.actions.push((field.number(), Action::Entry { column: index }));
                ColumnPlan::Map { name, entry: EntryPlan::new(&key, value_column, &value)? }
            }
            DataType::List(items) => {
                if field.cardinality() != Cardinality::Repeated {
                    return Err(mismatch(column, field));
                }
                let items = value_plan(items.data_type(), field)?.ok_or_else(|| mismatch(column, field))?;
                self.actions.push((field.number(), Action::Item { column: index }));
                ColumnPlan::List { name, items }
            }
            data_type => {
                if field.cardinality() == Cardinality::Repeated {
                    return Err(mismatch(column, field));
                }
                let value = value_plan(data_type, field)?.ok_or_else(|| mismatch(column, field))?;
                let slot = self.slot();
                self.actions.push((field.number(), value.action(slot)));
                ColumnPlan::Single { name, slot, value, absent: Absent::of(field) }
            }
        })
    }

    fn oneof(&mut self, column: &Field, fields: &[FieldDescriptor]) -> Result<ColumnPlan, String> {
        let DataType::Struct(columns) = column.data_type() else {
            return Err(format!("column `{}`: the schema has a oneof, which is a STRUCT", column.name()));
        };
        let slot = self.slot();
        let mut members = Vec::with_capacity(fields.len());
        for field in fields {
            let position = column_of_member(columns, field.name());
            let value = match position {
                Some(position) => value_plan(columns[position].data_type(), field)?
                    .ok_or_else(|| mismatch(&columns[position], field))?,
                // Which field is set matters even where its value does not.
                None => ValuePlan::Scalar(Encoding::Bytes),
            };
            let wire = match field.kind() {
                Kind::Message(_) => WireType::Bytes,
                kind => Encoding::of(&kind).map_or(WireType::Bytes, |encoding| encoding.wire()),
            };
            let merge = matches!(field.kind(), Kind::Message(_));
            self.actions.push((field.number(), Action::Choose { slot, member: members.len(), wire, merge }));
            members.push(MemberPlan { column: position, name: field.name().to_owned(), value });
        }
        Ok(ColumnPlan::Oneof { name: column.name().clone(), slot, members })
    }

    fn require(&mut self, message: &MessageDescriptor) {
        for field in message.fields() {
            if field.cardinality() != Cardinality::Required || field.is_group() {
                continue;
            }
            let kept = self.actions.iter().find_map(|(number, action)| match action {
                Action::Keep { slot, .. } | Action::Merge { slot } if *number == field.number() => {
                    Some(*slot)
                }
                _ => None,
            });
            let slot = kept.unwrap_or_else(|| {
                let slot = self.slot();
                let action = match Encoding::of(&field.kind()) {
                    Some(encoding) => Action::Keep { slot, wire: encoding.wire() },
                    None => Action::Merge { slot },
                };
                self.actions.push((field.number(), action));
                slot
            });
            self.required.push((slot, field.name().to_owned()));
        }
    }
}

impl EntryPlan {
    fn new(key: &FieldDescriptor, column: &Field, value: &FieldDescriptor) -> Result<EntryPlan, String> {
        let (kind, key_is_wrapped) = match key.kind() {
            Kind::Message(message) => match WellKnown::of(&message) {
                Some(WellKnown::Wrapper(kind)) => (kind, true),
                _ => return Err(mismatch(column, key)),
            },
            kind => (kind, false),
        };
        let key = Encoding::of(&kind).ok_or_else(|| mismatch(column, key))?;
        let mut builder = PlanBuilder::default();
        let mut plan = builder.field(column, value)?;
        // An entry of a real map always has a value: one that is not there is the default one.
        if let ColumnPlan::Single { value: ValuePlan::Struct(_), absent, .. } = &mut plan
            && value.parent_message().is_map_entry()
        {
            *absent = Absent::Bytes(Vec::new());
        }
        builder.columns.push(plan);
        Ok(EntryPlan { key, key_is_wrapped, value: builder.finish() })
    }
}

impl ValuePlan {
    fn action(&self, slot: usize) -> Action {
        match self {
            ValuePlan::Scalar(encoding) => Action::Keep { slot, wire: encoding.wire() },
            _ => Action::Merge { slot },
        }
    }
}

impl Absent {
    fn of(field: &FieldDescriptor) -> Absent {
        let is_optional = field.field_descriptor_proto().proto3_optional();
        if is_optional || real_oneof(field).is_some() || matches!(field.kind(), Kind::Message(_)) {
            return Absent::Null;
        }
        match field.default_value() {
            Value::Bool(value) => Absent::Number(u64::from(value)),
            Value::I32(value) => Absent::number(&field.kind(), i64::from(value)),
            Value::I64(value) => Absent::number(&field.kind(), value),
            Value::U32(value) => Absent::Number(u64::from(value)),
            Value::U64(value) => Absent::Number(value),
            Value::F32(value) => Absent::Number(u64::from(value.to_bits())),
            Value::F64(value) => Absent::Number(value.to_bits()),
            Value::EnumNumber(value) => Absent::Number(i64::from(value) as u64),
            Value::String(value) => Absent::Bytes(value.into_bytes()),
            Value::Bytes(value) => Absent::Bytes(value.to_vec()),
            Value::Message(_) | Value::List(_) | Value::Map(_) => Absent::Null,
        }
    }

    /// A signed number as it stands in the bytes of its kind.
    fn number(kind: &Kind, value: i64) -> Absent {
        Absent::Number(match kind {
            Kind::Sint32 | Kind::Sint64 => zigzag(value),
            _ => value as u64,
        })
    }
}

/// The layout of a field's single value, for a column of this type; `None` if they do not fit.
fn value_plan(data_type: &DataType, field: &FieldDescriptor) -> Result<Option<ValuePlan>, String> {
    let Kind::Message(message) = field.kind() else {
        let encoding = Encoding::of_field(field).filter(|encoding| encoding.fits(data_type));
        return Ok(encoding.map(ValuePlan::Scalar));
    };
    let is_whole = matches!(data_type, DataType::Int32 | DataType::Int64 | DataType::Utf8);
    Ok(match WellKnown::of(&message) {
        Some(WellKnown::Wrapper(kind)) => {
            Encoding::of(&kind).filter(|encoding| encoding.fits(data_type)).map(ValuePlan::Wrapper)
        }
        Some(WellKnown::Timestamp) => {
            let fits = is_whole && *data_type != DataType::Int32;
            let is_timestamp = matches!(data_type, DataType::Timestamp(TimeUnit::Millisecond, _));
            (is_timestamp || fits).then_some(ValuePlan::Timestamp)
        }
        Some(WellKnown::Date) => (is_whole || *data_type == DataType::Date32).then_some(ValuePlan::Date),
        Some(WellKnown::Time) => {
            let is_time = matches!(data_type, DataType::Time32(TimeUnit::Millisecond));
            (is_whole || is_time).then_some(ValuePlan::Time)
        }
        Some(WellKnown::Decimal) => {
            let is_decimal = matches!(data_type, DataType::Decimal128(..) | DataType::Decimal256(..));
            is_decimal.then_some(ValuePlan::Decimal)
        }
        None => match data_type {
            DataType::Struct(columns) => {
                let columns = columns.iter().map(|column| column.as_ref());
                Some(ValuePlan::Struct(Box::new(MessagePlan::new(columns, &message)?)))
            }
            _ => None,
        },
    })
}

fn mismatch(column: &Field, field: &FieldDescriptor) -> String {
    let repeated = match field.cardinality() {
        Cardinality::Repeated => "repeated ",
        _ => "",
    };
    format!(
        "column `{}`: the schema has {repeated}{:?} '{}', which cannot be read as {}",
        column.name(),
        field.kind(),
        field.name(),
        type_name(column.data_type())
    )
}
