//! Types: Postgres' own, their arrays, and the row type of each relation.

use super::relations::collation;
use super::{SystemTable, none, pg};
use crate::system_catalog::builtin;
use crate::system_catalog::oid;
use crate::system_catalog::postgres_type::{BASE_TYPES, PostgresType};
use crate::system_catalog::rows::{Row, row};
use crate::system_catalog::snapshot::CatalogSnapshot;

pub(super) const TABLES: &[SystemTable] = &[
    pg(
        "pg_type",
        "oid oid, typname name, typnamespace oid, typowner oid, typlen int2, typbyval bool, typtype char, \
         typcategory char, typispreferred bool, typisdefined bool, typdelim char, typrelid oid, \
         typsubscript oid, typelem oid, typarray oid, typinput oid, typoutput oid, typreceive oid, \
         typsend oid, typmodin oid, typmodout oid, typanalyze oid, typalign char, typstorage char, \
         typnotnull bool, typbasetype oid, typtypmod int4, typndims int4, typcollation oid, \
         typdefaultbin text?, typdefault text?, typacl text[]",
        types,
    ),
    pg("pg_enum", "oid oid, enumtypid oid, enumsortorder float4, enumlabel name", none),
    pg(
        "pg_range",
        "rngtypid oid, rngsubtype oid, rngmultitypid oid, rngcollation oid, rngsubopc oid, rngcanonical oid, \
         rngsubdiff oid",
        none,
    ),
    pg(
        "pg_collation",
        "oid oid, collname name, collnamespace oid, collowner oid, collprovider char, \
         collisdeterministic bool, collencoding int4, collcollate text?, collctype text?, \
         colliculocale text?, collversion text?",
        collations,
    ),
    pg(
        "pg_cast",
        "oid oid, castsource oid, casttarget oid, castfunc oid, castcontext char, castmethod char",
        none,
    ),
];

/// Collations in SQL's default, the byte order and POSIX.
const COLLATIONS: [(u32, &str, &str, i32, Option<&str>); 3] = [
    (oid::DEFAULT_COLLATION, "default", "d", -1, None),
    (950, "C", "c", -1, Some("C")),
    (951, "POSIX", "c", -1, Some("POSIX")),
];

fn types(snapshot: &CatalogSnapshot) -> Vec<Row> {
    let base = BASE_TYPES
        .iter()
        .enumerate()
        .map(|(index, base)| with_functions(base_row(base), builtin::of_base_type(index)));
    let arrays = BASE_TYPES
        .iter()
        .filter(|base| base.array != 0)
        .map(|base| with_functions(array_row(base), builtin::of_arrays()));
    let rows = snapshot.relations.iter().map(|relation| {
        let row = row! {
            oid: oid::row_type(relation.oid),
            typname: relation.name.as_str(),
            typnamespace: oid::PUBLIC,
            typowner: oid::OWNER,
            typlen: -1,
            typtype: "c",
            typcategory: "C",
            typisdefined: true,
            typdelim: ",",
            typrelid: relation.oid,
            typalign: "d",
            typstorage: "x",
            typtypmod: -1,
        };
        with_functions(row, builtin::of_rows())
    });
    base.chain(arrays).chain(rows).collect()
}

/// Adds the functions that read and write a type's values.
fn with_functions(mut row: Row, [read, write, receive, send]: [u32; 4]) -> Row {
    row.extend(row! { typinput: read, typoutput: write, typreceive: receive, typsend: send });
    row
}

fn base_row(base: &PostgresType) -> Row {
    let is_pseudo = base.category == "P";
    row! {
        oid: base.oid,
        typname: base.name,
        typnamespace: oid::PG_CATALOG,
        typowner: oid::OWNER,
        typlen: base.length,
        typbyval: (1..=8).contains(&base.length),
        typtype: if is_pseudo { "p" } else { "b" },
        typcategory: base.category,
        typispreferred: matches!(base.name, "bool" | "text" | "float8" | "timestamptz" | "interval" | "oid"),
        typisdefined: true,
        typdelim: ",",
        typelem: match base.name {
            "int2vector" => 21_u32,
            "oidvector" => 26,
            "name" => 18,
            _ => 0,
        },
        typarray: base.array,
        typalign: if base.length == 8 { "d" } else { "i" },
        typstorage: if base.length < 0 { "x" } else { "p" },
        typtypmod: -1,
        typcollation: collation(base.oid),
    }
}

fn array_row(base: &PostgresType) -> Row {
    row! {
        oid: base.array,
        typname: format!("_{}", base.name),
        typnamespace: oid::PG_CATALOG,
        typowner: oid::OWNER,
        typlen: -1,
        typtype: "b",
        typcategory: "A",
        typisdefined: true,
        typdelim: ",",
        typelem: base.oid,
        typalign: "i",
        typstorage: "x",
        typtypmod: -1,
        typcollation: collation(base.oid),
    }
}

fn collations(_: &CatalogSnapshot) -> Vec<Row> {
    COLLATIONS
        .iter()
        .map(|(number, name, provider, encoding, locale)| {
            row! {
                oid: *number,
                collname: *name,
                collnamespace: oid::PG_CATALOG,
                collowner: oid::OWNER,
                collprovider: *provider,
                collisdeterministic: true,
                collencoding: *encoding,
                collcollate: *locale,
                collctype: *locale,
            }
        })
        .collect()
}
