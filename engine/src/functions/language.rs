//! What is written like a function and is part of the language: the parser or the planner gives it its
//! meaning, so there is nothing to call. It is described like the functions are.

use super::Description;
use super::declaration::Category;

/// A part of the language that looks like a function.
struct Construct {
    name: &'static str,
    category: Category,
    description: &'static str,
    forms: &'static [&'static str],
    examples: &'static [&'static str],
}

const CONSTRUCTS: &[Construct] = &[
    Construct {
        name: "ARRAY",
        category: Category::Array,
        description: "Makes an ARRAY of values, which are converted to one type.",
        forms: &["ARRAY[T value, ...]: ARRAY<T>"],
        examples: &["ARRAY[3, 2 * 3][2] = 6"],
    },
    Construct {
        name: "AS_VALUE",
        category: Category::Other,
        description: "Gives a value as it is: a copy of a column of the key for the value of a result.",
        forms: &["AS_VALUE(T value): T"],
        examples: &["SELECT id, AS_VALUE(id) AS id_copy, COUNT(*) FROM orders GROUP BY id EMIT CHANGES"],
    },
    Construct {
        name: "CAST",
        category: Category::Other,
        description: "Converts a value to another type; NULL where it has no counterpart there.",
        forms: &["CAST(value AS type): type"],
        examples: &["CAST('12' AS INTEGER) = 12", "CAST(ARRAY[1, 2] AS ARRAY<STRING>) = ARRAY['1', '2']"],
    },
    Construct {
        name: "MAP",
        category: Category::Map,
        description: "Makes a MAP of keys and values, which are converted to one type. Of equal keys the last \
                      value stands.",
        forms: &["MAP(K key := V value, ...): MAP<K, V>"],
        examples: &["MAP('net' := 100, 'gross' := 119)['gross'] = 119"],
    },
    Construct {
        name: "STRUCT",
        category: Category::Other,
        description: "Makes a STRUCT of named values.",
        forms: &["STRUCT(name := value, ...): STRUCT<name type, ...>"],
        examples: &["STRUCT(street := 'Main', number := 5)->number = 5"],
    },
];

/// What is told of them, in the order of their names.
pub(super) fn descriptions() -> impl Iterator<Item = Description> {
    CONSTRUCTS.iter().map(|construct| Description {
        name: construct.name.to_owned(),
        category: construct.category.as_str(),
        description: construct.description,
        forms: construct.forms.iter().map(|form| (*form).to_owned()).collect(),
        examples: construct.examples,
    })
}
