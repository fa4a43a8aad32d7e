//! The snapshot, indexed by what functions ask for: names of numbers, numbers of names.

use std::collections::HashMap;

use super::builtin;
use super::oid;
use super::postgres_type::{oid_of_name, sql_name};
use super::snapshot::{CatalogFunction, CatalogRelation, CatalogSnapshot};
use super::tables::relations::{key_name, keyed};
use super::tables::{self, SystemSchema};

/// What the functions of the catalogs know.
pub(super) struct Knowledge {
    pub(super) snapshot: CatalogSnapshot,
    classes: HashMap<u32, Class>,
    class_numbers: HashMap<(&'static str, String), u32>,
}

/// Something with columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// A stream or table, by its place in the snapshot.
    Relation(usize),
    /// The index of a table's primary key, by the table's place.
    KeyIndex(usize),
    /// A table of the system.
    System(SystemSchema, &'static str),
}

impl Knowledge {
    pub(super) fn new(snapshot: CatalogSnapshot) -> Knowledge {
        let mut classes = HashMap::new();
        let mut class_numbers = HashMap::new();
        for (number, table) in tables::numbered() {
            classes.insert(number, Class::System(table.schema, table.name));
            class_numbers.insert((table.schema.name(), table.name.to_owned()), number);
        }
        for (index, relation) in snapshot.relations.iter().enumerate() {
            classes.insert(relation.oid, Class::Relation(index));
            class_numbers.insert(("public", relation.name.clone()), relation.oid);
        }
        for relation in keyed(&snapshot) {
            let number = oid::key_index(relation.oid);
            let table = snapshot.relations.iter().position(|other| other.oid == relation.oid);
            if let Some(table) = table {
                classes.insert(number, Class::KeyIndex(table));
                class_numbers.insert(("public", key_name(relation)), number);
            }
        }
        Knowledge { snapshot, classes, class_numbers }
    }

    /// What a number means.
    pub(super) fn class(&self, number: u32) -> Option<Class> {
        self.classes.get(&number).copied()
    }

    /// The stream or table that a number means.
    pub(super) fn relation(&self, number: u32) -> Option<&CatalogRelation> {
        match self.class(number)? {
            Class::Relation(index) => self.snapshot.relations.get(index),
            Class::KeyIndex(_) | Class::System(..) => None,
        }
    }

    /// The table whose primary key has this number, as an index or as a constraint.
    pub(super) fn keyed_relation(&self, number: u32) -> Option<&CatalogRelation> {
        keyed(&self.snapshot).find(|relation| {
            oid::key_index(relation.oid) == number || oid::key_constraint(relation.oid) == number
        })
    }

    /// The function that a number means.
    pub(super) fn function(&self, number: u32) -> Option<&CatalogFunction> {
        self.snapshot.functions.get(oid::function_index(number)?)
    }

    /// The number of something with columns, by its name as written in SQL: `orders`, `public."Orders"`.
    pub(super) fn class_number(&self, written: &str) -> Option<u32> {
        match name_parts(written)?.as_slice() {
            [name] => ["pg_catalog", "public"]
                .into_iter()
                .find_map(|schema| self.class_numbers.get(&(schema, name.clone())))
                .copied(),
            [.., schema, name] => ["pg_catalog", "public", "information_schema"]
                .into_iter()
                .find(|known| known == schema)
                .and_then(|schema| self.class_numbers.get(&(schema, name.clone())))
                .copied(),
            [] => None,
        }
    }

    /// The name of something with columns as SQL would have it written.
    pub(super) fn class_name(&self, number: u32) -> Option<String> {
        Some(match self.class(number)? {
            Class::Relation(index) => quoted(&self.snapshot.relations.get(index)?.name),
            Class::KeyIndex(index) => quoted(&key_name(self.snapshot.relations.get(index)?)),
            Class::System(SystemSchema::PgCatalog, name) => name.to_owned(),
            Class::System(schema, name) => format!("{}.{name}", schema.name()),
        })
    }

    /// The name of a function as SQL would have it written.
    pub(super) fn function_name(&self, number: u32) -> Option<String> {
        self.function(number).map(|function| quoted(&function.name)).or_else(|| builtin::name(number))
    }

    /// The number of a function, by its name as written in SQL.
    pub(super) fn function_number(&self, written: &str) -> Option<u32> {
        let name = name_parts(written)?.pop()?;
        let of_dialect = self.snapshot.functions.iter().position(|function| function.name == name);
        of_dialect.map(oid::function).or_else(|| builtin::number(&name))
    }

    /// The name of a type: a base type, an array, or a relation's row.
    pub(super) fn type_name(&self, number: u32, modifier: i32) -> Option<String> {
        sql_name(number, modifier).or_else(|| {
            let row_of = |relation: &&CatalogRelation| oid::row_type(relation.oid) == number;
            self.snapshot.relations.iter().find(row_of).map(|relation| quoted(&relation.name))
        })
    }

    /// The number of a type, by its name as written in SQL.
    pub(super) fn type_number(&self, written: &str) -> Option<u32> {
        oid_of_name(written).or_else(|| {
            let relation = self.class_number(written).and_then(|number| self.relation(number))?;
            Some(oid::row_type(relation.oid))
        })
    }

    /// The value of a setting.
    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        let settings = &self.snapshot.settings;
        settings
            .iter()
            .find(|setting| setting.name.eq_ignore_ascii_case(name))
            .map(|setting| setting.value.as_str())
    }
}

/// The names of the schemas.
pub(super) fn schema_name(number: u32) -> Option<&'static str> {
    Some(match number {
        oid::PG_CATALOG => "pg_catalog",
        oid::PUBLIC => "public",
        oid::INFORMATION_SCHEMA => "information_schema",
        _ => return None,
    })
}

/// A name as it is written in SQL: in double quotes unless it is a plain lower-case word.
pub(super) fn quoted(name: &str) -> String {
    let plain = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && name.chars().all(|character| {
            character.is_ascii_lowercase()
                || character.is_ascii_digit()
                || character == '_'
                || character == '$'
        });
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// The parts of a name as written in SQL, those without quotes in lower case; `None` where a quote is not
/// closed.
fn name_parts(written: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut characters = written.trim().chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => loop {
                match characters.next()? {
                    '"' if characters.next_if_eq(&'"').is_some() => part.push('"'),
                    '"' => break,
                    quoted => part.push(quoted),
                }
            },
            '.' => parts.push(std::mem::take(&mut part)),
            other => part.extend(other.to_lowercase()),
        }
    }
    parts.push(part);
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_sql_writes_them() {
        assert_eq!(name_parts("Public.Orders"), Some(vec!["public".into(), "orders".into()]));
        assert_eq!(name_parts("\"My \"\"T\"\".x\""), Some(vec!["My \"T\".x".into()]));
        assert_eq!(name_parts("\"open"), None);
        assert_eq!(quoted("orders_2"), "orders_2");
        assert_eq!(quoted("Orders"), "\"Orders\"");
    }

    #[test]
    fn numbers_and_names_of_relations_find_each_other() {
        let knowledge = Knowledge::new(crate::system_catalog::example::snapshot());
        let number = knowledge.class_number("public.users").expect("is there");
        assert_eq!(knowledge.class_name(number).as_deref(), Some("users"));
        let index = knowledge.class_number("users_pkey").expect("is there");
        assert_eq!(knowledge.keyed_relation(index).map(|relation| relation.oid), Some(number));
        assert_eq!(knowledge.class_number("PG_CLASS"), Some(1259));
        assert_eq!(
            knowledge
                .class_number("information_schema.tables")
                .and_then(|n| knowledge.class_name(n))
                .as_deref(),
            Some("information_schema.tables")
        );
        assert_eq!(knowledge.class_number("nowhere"), None);
    }
}
