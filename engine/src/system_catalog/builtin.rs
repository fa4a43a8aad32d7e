//! Functions that exist because types exist: those that read and write values of each type.
//!
//! Drivers tell types apart by them: one whose `typreceive` is `array_recv` is an array.

use super::postgres_type::BASE_TYPES;

/// What a type has a function for, by the ending of its name.
pub(super) const ROLES: [&str; 4] = ["in", "out", "recv", "send"];

/// Postgres' own numbers of the functions of arrays and of rows, in the order of [`ROLES`].
const ARRAY: [u32; 4] = [750, 751, 2400, 2401];
const RECORD: [u32; 4] = [2290, 2291, 2402, 2403];

/// Number of the first function of the base types; the others follow, four for each type.
const FIRST: u32 = 14_000;

/// The functions of array types, by role.
pub(super) fn of_arrays() -> [u32; 4] {
    ARRAY
}

/// The functions of rows, by role.
pub(super) fn of_rows() -> [u32; 4] {
    RECORD
}

/// The functions of a base type, by role and by its place in the list of all.
pub(super) fn of_base_type(index: usize) -> [u32; 4] {
    if BASE_TYPES.get(index).is_some_and(|base| base.name == "record") {
        return RECORD;
    }
    let first = FIRST.saturating_add(u32::try_from(index * ROLES.len()).unwrap_or(0));
    [first, first + 1, first + 2, first + 3]
}

/// All of them, with their names.
pub(super) fn all() -> impl Iterator<Item = (u32, String)> {
    let arrays = ARRAY.into_iter().zip(ROLES).map(|(number, role)| (number, format!("array_{role}")));
    let types = BASE_TYPES.iter().enumerate().flat_map(|(index, base)| {
        of_base_type(index)
            .into_iter()
            .zip(ROLES)
            .map(move |(number, role)| (number, function_name(base.name, role)))
    });
    arrays.chain(types)
}

/// The number of a function by its name.
pub(super) fn number(name: &str) -> Option<u32> {
    all().find(|(_, known)| known == name).map(|(number, _)| number)
}

/// The name of a function by its number.
pub(super) fn name(number: u32) -> Option<String> {
    all().find(|(known, _)| *known == number).map(|(_, name)| name)
}

/// Older types' functions are named without an underscore: `int4in`, but `uuid_in`.
fn function_name(type_name: &str, role: &str) -> String {
    let underscore = matches!(
        type_name,
        "any"
            | "anyarray"
            | "bit"
            | "cstring"
            | "date"
            | "inet"
            | "interval"
            | "json"
            | "jsonb"
            | "numeric"
            | "pg_lsn"
            | "pg_node_tree"
            | "record"
            | "time"
            | "timestamp"
            | "timestamptz"
            | "timetz"
            | "uuid"
            | "varbit"
            | "void"
            | "xml"
    );
    format!("{type_name}{}{role}", if underscore { "_" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_find_each_other() {
        assert_eq!(number("array_recv"), Some(2400));
        assert_eq!(name(2402).as_deref(), Some("record_recv"));
        for known in ["int4in", "uuid_out", "timestamptz_recv", "textsend"] {
            assert_eq!(number(known).and_then(name).as_deref(), Some(known));
        }
    }
}
