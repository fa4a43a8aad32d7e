//! Functions on MAPs.
//!
//! A MAP keeps its entries in the order in which their keys came; of equal keys the last value stands. What
//! is made of the entries one after the other is in ksqlDB's order ([`super::entry_order`]).

use std::sync::Arc;

use ahash::{HashMap, HashMapExt};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray, UInt64Array};
use arrow::compute;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
use super::elements::{Elements, Selection, of_type, taken};
use super::entry_order::in_ksqldbs_order;
use super::nested::comparable_rows;
use crate::expressions::failures;

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "as_map",
        category: Category::Map,
        description: "Makes a MAP of an ARRAY of keys and an ARRAY of values. Keys without a value have NULL, \
                      values without a key are left out.",
        overloads: &[Overload {
            signature: "(keys ARRAY<STRING>, values ARRAY<V>)",
            returns: Returns::Type("MAP<STRING, V>"),
            evaluate: Evaluate::Arrays(as_map),
        }],
        examples: &["AS_MAP(ARRAY['a', 'b'], ARRAY[1, 2]) = MAP('a' := 1, 'b' := 2)"],
        is_deterministic: true,
    },
    Declaration {
        name: "map_keys",
        category: Category::Map,
        description: "Gives the keys of a MAP.",
        overloads: &[Overload {
            signature: "(map MAP<K, V>)",
            returns: Returns::Type("ARRAY<K>"),
            evaluate: Evaluate::Arrays(keys),
        }],
        examples: &["MAP_KEYS(MAP('a' := 1, 'b' := 2)) = ARRAY['a', 'b']"],
        is_deterministic: true,
    },
    Declaration {
        name: "map_values",
        category: Category::Map,
        description: "Gives the values of a MAP, in the order of its entries.",
        overloads: &[Overload {
            signature: "(map MAP<K, V>)",
            returns: Returns::Type("ARRAY<V>"),
            evaluate: Evaluate::Arrays(values),
        }],
        examples: &["MAP_VALUES(MAP('a' := 1, 'b' := 2)) = ARRAY[1, 2]"],
        is_deterministic: true,
    },
    Declaration {
        name: "map_union",
        category: Category::Map,
        description: "Gives the entries of two MAPs; of a key that both have, the second one's value. Where one \
                      of them is NULL, the other.",
        overloads: &[Overload {
            signature: "(first MAP<K, V>, second MAP<K, V>)",
            returns: Returns::Type("MAP<K, V>"),
            evaluate: Evaluate::Arrays(union),
        }],
        examples: &["MAP_UNION(MAP('a' := 1, 'b' := 2), MAP('b' := 3)) = MAP('a' := 1, 'b' := 3)"],
        is_deterministic: true,
    },
];

/// The text of a key that is NULL: a MAP has no such keys.
const NULL_KEY: &str = "null";

fn as_map(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let [keys, values] = columns else { return exec_err!("a MAP is made of keys and values") };
    let (key_elements, value_elements) = (Elements::of(keys)?, Elements::of(values)?);
    let key_texts = key_elements.columns[0].as_string::<i32>();
    let key_texts: StringArray = key_texts.iter().map(|key| Some(key.unwrap_or(NULL_KEY))).collect();
    // The value of each key, by its place among the keys; where there is none the place behind the last.
    let none = value_elements.len();
    let mut value_of = vec![none; key_elements.len()];
    let mut selection = Selection::with_capacity(keys.len(), key_elements.len());
    let mut places = HashMap::new();
    let mut entries: Vec<usize> = Vec::new();
    for row in 0..keys.len() {
        if keys.is_null(row) || values.is_null(row) {
            failures::note(|| "the keys or the values of a MAP are NULL".to_owned());
            selection.push_null();
            continue;
        }
        entries.clear();
        places.clear();
        let mut of_row = value_elements.range(row);
        for key in key_elements.range(row) {
            let value = of_row.next().unwrap_or(none);
            let place = *places.entry(key_texts.value(key)).or_insert_with(|| {
                entries.push(key);
                key
            });
            value_of[place] = value;
        }
        selection.push(entries.iter().copied());
    }
    let value_of = value_of.into_iter().map(|value| (value < none).then_some(value as u64));
    let value_of: UInt64Array = value_of.collect();
    let values = taken(&value_elements.columns[0], &value_of)?;
    selection.maps(&(Arc::new(key_texts) as ArrayRef), &values, data_type)
}

fn keys(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    parts(columns, data_type, 0)
}

fn values(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    parts(columns, data_type, 1)
}

/// The keys or the values.
fn parts(columns: &[ArrayRef], data_type: &DataType, part: usize) -> Result<ArrayRef> {
    let ([map], DataType::List(item)) = (columns, data_type) else {
        return exec_err!("the parts of a MAP are an ARRAY");
    };
    let elements = in_ksqldbs_order(Elements::of(map)?, map.len())?;
    let parts = of_type(elements.columns[part].clone(), item.data_type())?;
    let list = ListArray::try_new(item.clone(), elements.offsets().clone(), parts, map.nulls().cloned())?;
    Ok(Arc::new(list))
}

fn union(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let [first, second] = columns else { return exec_err!("two MAPs are united") };
    let (first_entries, second_entries) = (Elements::of(first)?, Elements::of(second)?);
    let of_both = |part: usize| {
        let parts = [first_entries.columns[part].as_ref(), second_entries.columns[part].as_ref()];
        compute::concat(&parts)
    };
    let (keys, values) = (of_both(0)?, of_both(1)?);
    let compared = comparable_rows(&[&keys])?.remove(0);
    let before = first_entries.len();
    let mut selection = Selection::with_capacity(first.len(), keys.len());
    let mut places = HashMap::new();
    let mut entries: Vec<usize> = Vec::new();
    for row in 0..first.len() {
        if first.is_null(row) && second.is_null(row) {
            selection.push_null();
            continue;
        }
        entries.clear();
        places.clear();
        let second = second_entries.range(row);
        for entry in first_entries.range(row).chain(second.start + before..second.end + before) {
            match places.get(&compared.row(entry)) {
                Some(place) => entries[*place] = entry,
                None => {
                    places.insert(compared.row(entry), entries.len());
                    entries.push(entry);
                }
            }
        }
        selection.push(entries.iter().copied());
    }
    selection.maps(&keys, &values, data_type)
}

#[cfg(test)]
mod tests {
    use super::super::sql_harness::assert_values;

    #[test]
    fn maps_are_made_taken_apart_and_united() {
        assert_values(&[
            ("AS_MAP(ARRAY['a', 'b'], ARRAY[1])", "MAP<STRING, INTEGER>", Some("{a=1, b=null}")),
            ("AS_MAP(ARRAY['a'], ARRAY[1, 2])", "MAP<STRING, INTEGER>", Some("{a=1}")),
            ("AS_MAP(ARRAY['a', NULL, 'a'], ARRAY[1, 2, 3])", "MAP<STRING, INTEGER>", Some("{null=2, a=3}")),
            ("AS_MAP(NULL, ARRAY[1])", "MAP<STRING, INTEGER>", None),
            ("MAP_KEYS(MAP('b' := 1, 'a' := 2))", "ARRAY<STRING>", Some("[a, b]")),
            ("MAP_VALUES(MAP('b' := 1, 'a' := NULL))", "ARRAY<INTEGER>", Some("[null, 1]")),
            ("MAP_VALUES(CAST(NULL AS MAP<STRING, INTEGER>))", "ARRAY<INTEGER>", None),
            (
                "MAP_UNION(MAP('a' := 1, 'b' := 2), MAP('b' := 3, 'c' := 4))",
                "MAP<STRING, INTEGER>",
                Some("{a=1, b=3, c=4}"),
            ),
            ("MAP_UNION(NULL, MAP('b' := 3))", "MAP<STRING, INTEGER>", Some("{b=3}")),
            ("MAP_UNION(CAST(NULL AS MAP<STRING, INTEGER>), NULL)", "MAP<STRING, INTEGER>", None),
        ]);
    }
}
