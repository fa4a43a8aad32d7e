//! Messages to column builders, by a plan.
//!
//! One pass over a message's bytes: items of lists go straight to their columns, and of every other
//! field its bytes or its number is kept until the end, because the last one counts. Nothing is
//! allocated for a message; what is kept stands in two stacks that all messages share.

use super::decode_plan::{Absent, Action, ColumnPlan, EntryPlan, MessagePlan, ValuePlan};
use super::encoding::Encoding;
use super::reason::{Outcome, Reason};
use super::scalars::{Value, append_key, append_scalar, first_field};
use super::wire::{Malformed, WireFields, WireType, WireValue, read_fixed32, read_fixed64, read_varint};
use crate::formats::column_builder::{ColumnBuilder, MapBuilder};

/// Values a payload may stand for, for each of its bytes and in all cases: an empty message in a list
/// takes two bytes, and a value of every column of its type.
const VALUES_PER_BYTE_MAX: usize = 64;
const VALUES_MIN: usize = 1 << 16;

/// Entries of a map that are compared with each other; larger maps are hashed.
const SMALL_MAP_ENTRIES: usize = 16;

/// Reads messages of payloads that live as long as `'a`.
pub(super) struct Reader<'a> {
    slots: Vec<Slot<'a>>,
    entries: Vec<(usize, &'a [u8])>,
    /// Values that the current payload may still stand for.
    budget: usize,
}

/// What is kept of a field.
#[derive(Clone, Default)]
struct Slot<'a> {
    kept: Kept<'a>,
    /// Which field it is, of a oneof.
    member: usize,
}

#[derive(Clone, Default)]
enum Kept<'a> {
    #[default]
    Nothing,
    Value(Value<'a>),
    /// Messages of one field, one behind the other, which is what merging them means.
    Merged(Vec<u8>),
}

impl<'a> Reader<'a> {
    pub(super) fn new() -> Reader<'a> {
        Reader { slots: Vec::new(), entries: Vec::new(), budget: 0 }
    }

    /// Appends one entry to each column, unless it fails: then some may lack theirs.
    pub(super) fn payload(
        &mut self,
        plan: &MessagePlan,
        payload: &'a [u8],
        columns: &mut [ColumnBuilder],
    ) -> Outcome {
        self.budget = VALUES_MIN.max(payload.len().saturating_mul(VALUES_PER_BYTE_MAX));
        self.message(plan, payload, columns)
    }

    fn message(&mut self, plan: &MessagePlan, message: &'a [u8], columns: &mut [ColumnBuilder]) -> Outcome {
        self.budget = self
            .budget
            .checked_sub(plan.columns.len().max(1))
            .ok_or_else(|| Reason::new("more values than the bytes of a record may stand for"))?;
        let (slots, entries) = (self.slots.len(), self.entries.len());
        self.slots.resize(slots + plan.slots, Slot::default());
        let result = self
            .fields(plan, message, columns, slots)
            .and_then(|()| self.finish(plan, columns, slots, entries));
        self.slots.truncate(slots);
        self.entries.truncate(entries);
        result
    }

    /// Goes over the fields, once.
    fn fields(
        &mut self,
        plan: &MessagePlan,
        message: &'a [u8],
        columns: &mut [ColumnBuilder],
        base: usize,
    ) -> Outcome {
        let mut fields = WireFields::new(message);
        let mut hint = 0;
        while let Some((number, value)) = fields.next()? {
            for (_, action) in plan.actions(number, &mut hint) {
                match *action {
                    Action::Keep { slot, wire } => {
                        if let Some(value) = Value::of(value, wire) {
                            self.slots[base + slot].kept = Kept::Value(value);
                        }
                    }
                    Action::Merge { slot } => {
                        if let WireValue::Bytes(bytes) = value {
                            self.slots[base + slot].kept.merge(bytes);
                        }
                    }
                    Action::Choose { slot, member, wire, merge } => {
                        let Some(value) = Value::of(value, wire) else { continue };
                        let slot = &mut self.slots[base + slot];
                        match value {
                            Value::Bytes(bytes) if merge && slot.member == member => slot.kept.merge(bytes),
                            value => *slot = Slot { kept: Kept::Value(value), member },
                        }
                    }
                    Action::Item { column } => {
                        self.items(&plan.columns[column], value, &mut columns[column])?
                    }
                    Action::Entry { column } => {
                        if let WireValue::Bytes(bytes) = value {
                            self.entries.push((column, bytes));
                        }
                    }
                }
            }
        }
        match plan.required.iter().find(|(slot, _)| matches!(self.slots[base + slot].kept, Kept::Nothing)) {
            None => Ok(()),
            Some((_, name)) => Err(Reason::new(format!("the message lacks its required field '{name}'"))),
        }
    }

    /// Gives every column its entry.
    fn finish(
        &mut self,
        plan: &MessagePlan,
        columns: &mut [ColumnBuilder],
        base: usize,
        entries: usize,
    ) -> Outcome {
        for (index, (plan, column)) in plan.columns.iter().zip(columns).enumerate() {
            match plan {
                ColumnPlan::Missing => column.append_null(),
                ColumnPlan::Single { name, slot, value, absent } => {
                    let kept = std::mem::take(&mut self.slots[base + slot].kept);
                    self.single(value, kept, absent, column).map_err(|reason| reason.within_field(name))?;
                }
                ColumnPlan::List { name, .. } => match column {
                    ColumnBuilder::List(list) => list.close(true),
                    _ => return Err(Reason::unplanned(name)),
                },
                ColumnPlan::Map { name, entry } => {
                    let ColumnBuilder::Map(map) = column else { return Err(Reason::unplanned(name)) };
                    let result = self.map(entry, index, entries, map);
                    map.close(result.is_ok());
                    result.map_err(|reason| reason.within_field(name))?;
                }
                ColumnPlan::Oneof { name, slot, members } => {
                    let slot = std::mem::take(&mut self.slots[base + slot]);
                    let ColumnBuilder::Struct(choice) = column else { return Err(Reason::unplanned(name)) };
                    if matches!(slot.kept, Kept::Nothing) {
                        choice.close(false);
                        continue;
                    }
                    let member = members.get(slot.member);
                    let result = match member.and_then(|member| Some((member, member.column?))) {
                        Some((member, position)) => self
                            .single(&member.value, slot.kept, &Absent::Null, &mut choice.columns[position])
                            .map_err(|reason| reason.within_field(&member.name)),
                        None => Ok(()),
                    };
                    choice.close(result.is_ok());
                    result.map_err(|reason| reason.within_field(name))?;
                }
            }
        }
        Ok(())
    }

    /// Appends one entry, whatever it returns.
    fn single(
        &mut self,
        plan: &ValuePlan,
        kept: Kept<'a>,
        absent: &Absent,
        column: &mut ColumnBuilder,
    ) -> Outcome {
        match (kept, absent) {
            (Kept::Value(value), _) => self.value(plan, value, column),
            (Kept::Nothing, Absent::Number(number)) => self.value(plan, Value::Number(*number), column),
            (Kept::Nothing, Absent::Null) => {
                column.append_null();
                Ok(())
            }
            (Kept::Nothing, Absent::Bytes(bytes)) => match column {
                ColumnBuilder::Scalar(column) => append_scalar(plan, Value::Bytes(bytes), column),
                column => self.aside(plan, bytes, column),
            },
            (Kept::Merged(bytes), _) => self.aside(plan, &bytes, column),
        }
    }

    /// Reads bytes that do not live as long as the payload, with stacks of their own.
    #[cold]
    fn aside(&mut self, plan: &ValuePlan, bytes: &[u8], column: &mut ColumnBuilder) -> Outcome {
        let mut reader = Reader { slots: Vec::new(), entries: Vec::new(), budget: self.budget };
        let result = reader.value(plan, Value::Bytes(bytes), column);
        self.budget = reader.budget;
        result
    }

    /// Appends one entry, whatever it returns.
    #[inline]
    fn value(&mut self, plan: &ValuePlan, value: Value<'a>, column: &mut ColumnBuilder) -> Outcome {
        match (plan, column, value) {
            (ValuePlan::Struct(plan), ColumnBuilder::Struct(fields), Value::Bytes(bytes)) => {
                let result = self.message(plan, bytes, &mut fields.columns);
                fields.close(result.is_ok());
                result
            }
            (plan, ColumnBuilder::Scalar(column), value) => append_scalar(plan, value, column),
            (_, column, _) => {
                column.append_null();
                Err(Reason::unplanned("value"))
            }
        }
    }

    /// Appends the items that a field holds: one, or several packed numbers.
    fn items(&mut self, plan: &ColumnPlan, value: WireValue<'a>, column: &mut ColumnBuilder) -> Outcome {
        let (ColumnPlan::List { name, items: plan }, ColumnBuilder::List(list)) = (plan, column) else {
            return Err(Reason::unplanned("list"));
        };
        let wire = match plan {
            ValuePlan::Scalar(encoding) => encoding.wire(),
            _ => WireType::Bytes,
        };
        if wire != WireType::Bytes
            && let WireValue::Bytes(mut packed) = value
        {
            while !packed.is_empty() {
                let number = match wire {
                    WireType::Fixed64 => read_fixed64(&mut packed)?,
                    WireType::Fixed32 => u64::from(read_fixed32(&mut packed)?),
                    _ => read_varint(&mut packed)?,
                };
                self.value(plan, Value::Number(number), &mut list.items)
                    .map_err(|reason| reason.within_field(name))?;
            }
            return Ok(());
        }
        match Value::of(value, wire) {
            Some(value) => {
                self.value(plan, value, &mut list.items).map_err(|reason| reason.within_field(name))
            }
            None => Ok(()),
        }
    }

    /// Appends the entries of a map, of those with the same key the last one.
    fn map(&mut self, plan: &EntryPlan, column: usize, base: usize, map: &mut MapBuilder) -> Outcome {
        let of_column = |entry: &&(usize, &'a [u8])| entry.0 == column;
        let count = self.entries[base..].iter().filter(of_column).count();
        let mut later = LaterKeys::new(count);
        if count > 1 {
            for &(_, entry) in self.entries[base..].iter().filter(of_column) {
                later.expect(plan.key_of(entry)?);
            }
        }
        for index in base..self.entries.len() {
            let (of, entry) = self.entries[index];
            if of != column {
                continue;
            }
            let key = plan.key_of(entry)?;
            if count > 1 && later.comes_again(key) {
                continue;
            }
            append_key(&plan.key, key, map)?;
            self.message(&plan.value, entry, std::slice::from_mut(&mut map.values))?;
        }
        Ok(())
    }
}

impl<'a> Kept<'a> {
    #[inline]
    fn merge(&mut self, bytes: &'a [u8]) {
        match self {
            Kept::Value(Value::Bytes(first)) => *self = Kept::Merged([*first, bytes].concat()),
            Kept::Merged(all) => all.extend_from_slice(bytes),
            Kept::Nothing | Kept::Value(Value::Number(_)) => *self = Kept::Value(Value::Bytes(bytes)),
        }
    }
}

/// How often each key of a map is still to come.
enum LaterKeys<'a> {
    Few(Vec<Value<'a>>),
    Many(hashbrown::HashMap<Value<'a>, usize, ahash::RandomState>),
}

impl<'a> LaterKeys<'a> {
    fn new(entries: usize) -> LaterKeys<'a> {
        if entries <= SMALL_MAP_ENTRIES {
            LaterKeys::Few(Vec::new())
        } else {
            LaterKeys::Many(hashbrown::HashMap::default())
        }
    }

    fn expect(&mut self, key: Value<'a>) {
        match self {
            LaterKeys::Few(keys) => keys.push(key),
            LaterKeys::Many(keys) => *keys.entry(key).or_insert(0) += 1,
        }
    }

    /// Whether the key comes again behind the entry that stands next, which is then done with.
    fn comes_again(&mut self, key: Value<'a>) -> bool {
        match self {
            LaterKeys::Few(keys) => {
                if let Some(first) = keys.iter().position(|other| *other == key) {
                    keys.swap_remove(first);
                }
                keys.contains(&key)
            }
            LaterKeys::Many(keys) => match keys.get_mut(&key) {
                Some(left) => {
                    *left = left.saturating_sub(1);
                    *left > 0
                }
                None => false,
            },
        }
    }
}

impl EntryPlan {
    /// An entry's key; the default one if it has none.
    fn key_of<'a>(&self, entry: &'a [u8]) -> Result<Value<'a>, Malformed> {
        if !self.key_is_wrapped {
            return first_field(entry, &self.key);
        }
        match first_field(entry, &Encoding::Bytes)? {
            Value::Bytes(wrapper) => first_field(wrapper, &self.key),
            Value::Number(_) => Ok(Value::default_of(&self.key)),
        }
    }
}
