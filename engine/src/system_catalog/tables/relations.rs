//! Streams, tables, their columns and keys.
//!
//! Streams and tables both are ordinary tables (`relkind` `r`) to Postgres' clients: so `\d`, `\dt` and
//! every BI tool list them and offer to query them. What each is shows as its access method (`\dt+`,
//! `\d+`) and in its comment. A table's key is a primary key, with the index that Postgres would have
//! for it; a stream's key is not unique and only noted in its columns' comments. The system's own tables
//! are listed too, in their schemas.

use super::{SystemTable, none, numbered, pg};
use crate::system_catalog::oid;
use crate::system_catalog::postgres_type::{type_length, type_modifier, type_oid};
use crate::system_catalog::rows::{Cell, Row, row};
use crate::system_catalog::snapshot::{CatalogColumn, CatalogRelation, CatalogSnapshot, RelationKind};

pub(super) const TABLES: &[SystemTable] = &[
    pg(
        "pg_class",
        "oid oid, relname name, relnamespace oid, reltype oid, reloftype oid, relowner oid, relam oid, \
         relfilenode oid, reltablespace oid, relpages int4, reltuples float4, relallvisible int4, \
         reltoastrelid oid, relhasindex bool, relisshared bool, relpersistence char, relkind char, \
         relnatts int2, relchecks int2, relhasrules bool, relhastriggers bool, relhassubclass bool, \
         relrowsecurity bool, relforcerowsecurity bool, relispopulated bool, relreplident char, \
         relispartition bool, relrewrite oid, relfrozenxid xid, relminmxid xid, relacl text[], \
         reloptions text[], relpartbound text?",
        classes,
    ),
    pg(
        "pg_attribute",
        "attrelid oid, attname name, atttypid oid, attstattarget int4, attlen int2, attnum int2, \
         attndims int4, attcacheoff int4, atttypmod int4, attbyval bool, attalign char, attstorage char, \
         attcompression char, attnotnull bool, atthasdef bool, atthasmissing bool, attidentity char, \
         attgenerated char, attisdropped bool, attislocal bool, attinhcount int4, attcollation oid, \
         attacl text[], attoptions text[], attfdwoptions text[], attmissingval text?",
        attributes,
    ),
    pg(
        "pg_index",
        "indexrelid oid, indrelid oid, indnatts int2, indnkeyatts int2, indisunique bool, \
         indnullsnotdistinct bool, indisprimary bool, indisexclusion bool, indimmediate bool, \
         indisclustered bool, indisvalid bool, indcheckxmin bool, indisready bool, indislive bool, \
         indisreplident bool, indkey int2[], indcollation oid[], indclass oid[], indoption int2[], \
         indexprs text?, indpred text?",
        indexes,
    ),
    pg(
        "pg_constraint",
        "oid oid, conname name, connamespace oid, contype char, condeferrable bool, condeferred bool, \
         convalidated bool, conrelid oid, contypid oid, conindid oid, conparentid oid, confrelid oid, \
         confupdtype char, confdeltype char, confmatchtype char, conislocal bool, coninhcount int4, \
         connoinherit bool, conkey int2[], confkey int2[], conpfeqop oid[], conppeqop oid[], \
         conffeqop oid[], confdelsetcols int2[], conexclop oid[], conbin text?",
        constraints,
    ),
    pg("pg_description", "objoid oid, classoid oid, objsubid int4, description text", descriptions),
    pg("pg_shdescription", "objoid oid, classoid oid, description text", none),
    pg(
        "pg_tables",
        "schemaname name, tablename name, tableowner name, tablespace name?, hasindexes bool, \
         hasrules bool, hastriggers bool, rowsecurity bool",
        table_list,
    ),
    pg("pg_views", "schemaname name, viewname name, viewowner name, definition text", none),
    pg(
        "pg_matviews",
        "schemaname name, matviewname name, matviewowner name, tablespace name?, hasindexes bool, \
         ispopulated bool, definition text",
        none,
    ),
    pg(
        "pg_indexes",
        "schemaname name, tablename name, indexname name, tablespace name?, indexdef text",
        index_list,
    ),
    pg(
        "pg_sequences",
        "schemaname name, sequencename name, sequenceowner name, data_type text, start_value int8, \
         min_value int8, max_value int8, increment_by int8, cycle bool, cache_size int8, last_value int8",
        none,
    ),
    pg(
        "pg_stat_user_tables",
        "relid oid, schemaname name, relname name, seq_scan int8, seq_tup_read int8, idx_scan int8, \
         idx_tup_fetch int8, n_tup_ins int8, n_tup_upd int8, n_tup_del int8, n_tup_hot_upd int8, \
         n_live_tup int8, n_dead_tup int8, n_mod_since_analyze int8, n_ins_since_vacuum int8, \
         last_vacuum timestamptz, last_autovacuum timestamptz, last_analyze timestamptz, \
         last_autoanalyze timestamptz, vacuum_count int8, autovacuum_count int8, analyze_count int8, \
         autoanalyze_count int8",
        none,
    ),
];

/// The name of the index and constraint of a table's primary key.
pub(in crate::system_catalog) fn key_name(relation: &CatalogRelation) -> String {
    format!("{}_pkey", relation.name)
}

/// A table's key columns with their numbers; none for a stream.
pub(in crate::system_catalog) fn key_columns(
    relation: &CatalogRelation,
) -> impl Iterator<Item = (i16, &CatalogColumn)> {
    let is_table = relation.kind == RelationKind::Table;
    (1..).zip(&relation.columns).filter(move |(_, column)| is_table && column.is_key)
}

/// The tables that have a primary key.
pub(in crate::system_catalog) fn keyed(snapshot: &CatalogSnapshot) -> impl Iterator<Item = &CatalogRelation> {
    snapshot.relations.iter().filter(|relation| key_columns(relation).next().is_some())
}

fn classes(snapshot: &CatalogSnapshot) -> Vec<Row> {
    let relations = snapshot.relations.iter().map(|relation| {
        let access = match relation.kind {
            RelationKind::Stream => oid::STREAM_ACCESS,
            RelationKind::Table => oid::TABLE_ACCESS,
        };
        let mut class = class(relation.oid, &relation.name, oid::PUBLIC, "r", relation.columns.len());
        class.extend(row! {
            reltype: oid::row_type(relation.oid),
            relam: access,
            relhasindex: key_columns(relation).next().is_some(),
        });
        class
    });
    let indexes = keyed(snapshot).map(|relation| {
        let columns = key_columns(relation).count();
        let mut class = class(oid::key_index(relation.oid), &key_name(relation), oid::PUBLIC, "i", columns);
        class.extend(row! { relam: oid::KEY_ACCESS, relreplident: "n" });
        class
    });
    let system = numbered()
        .map(|(number, table)| class(number, table.name, table.schema.oid(), "r", table.columns().len()));
    relations.chain(indexes).chain(system).collect()
}

fn class(oid: u32, name: &str, schema: u32, kind: &str, columns: usize) -> Row {
    row! {
        oid: oid,
        relname: name,
        relnamespace: schema,
        relowner: oid::OWNER,
        relfilenode: oid,
        // Postgres' word for: never counted.
        reltuples: -1.0_f32,
        relpersistence: "p",
        relkind: kind,
        relnatts: columns,
        relispopulated: true,
        relreplident: "d",
    }
}

fn attributes(snapshot: &CatalogSnapshot) -> Vec<Row> {
    let relations = snapshot.relations.iter().flat_map(|relation| {
        let key: Vec<i16> = key_columns(relation).map(|(number, _)| number).collect();
        (1_i16..)
            .zip(&relation.columns)
            .map(move |(number, column)| attribute(relation.oid, number, column, key.contains(&number)))
    });
    let indexes = keyed(snapshot).flat_map(|relation| {
        (1_i16..)
            .zip(key_columns(relation))
            .map(|(number, (_, column))| attribute(oid::key_index(relation.oid), number, column, false))
    });
    let system = numbered().flat_map(|(relation, table)| {
        (1_i16..).zip(table.columns()).map(move |(number, declared)| {
            let column = CatalogColumn {
                name: declared.name.to_owned(),
                data_type: declared.data_type(),
                is_key: false,
                comment: None,
            };
            attribute(relation, number, &column, false)
        })
    });
    relations.chain(indexes).chain(system).collect()
}

fn attribute(relation: u32, number: i16, column: &CatalogColumn, not_null: bool) -> Row {
    let type_number = type_oid(&column.data_type);
    let length = type_length(type_number);
    row! {
        attrelid: relation,
        attname: column.name.as_str(),
        atttypid: type_number,
        attstattarget: -1,
        attlen: length,
        attnum: number,
        attndims: i32::from(crate::system_catalog::postgres_type::element_type(type_number).is_some()),
        attcacheoff: -1,
        atttypmod: type_modifier(&column.data_type),
        attbyval: (1..=8).contains(&length),
        attalign: if length == 8 { "d" } else { "i" },
        attstorage: if length < 0 { "x" } else { "p" },
        attnotnull: not_null,
        attislocal: true,
        attcollation: collation(type_number),
    }
}

/// Texts have the default collation, everything else has none.
pub(super) fn collation(type_number: u32) -> u32 {
    if type_number == crate::system_catalog::postgres_type::TEXT { oid::DEFAULT_COLLATION } else { 0 }
}

fn indexes(snapshot: &CatalogSnapshot) -> Vec<Row> {
    keyed(snapshot)
        .map(|relation| {
            let numbers: Vec<i16> = key_columns(relation).map(|(number, _)| number).collect();
            let collations: Vec<u32> =
                key_columns(relation).map(|(_, column)| collation(type_oid(&column.data_type))).collect();
            row! {
                indexrelid: oid::key_index(relation.oid),
                indrelid: relation.oid,
                indnatts: numbers.len(),
                indnkeyatts: numbers.len(),
                indisunique: true,
                indisprimary: true,
                indimmediate: true,
                indisvalid: true,
                indisready: true,
                indislive: true,
                indclass: vec![0_u32; numbers.len()],
                indoption: vec![0_i16; numbers.len()],
                indcollation: collations,
                indkey: numbers,
            }
        })
        .collect()
}

fn constraints(snapshot: &CatalogSnapshot) -> Vec<Row> {
    keyed(snapshot)
        .map(|relation| {
            row! {
                oid: oid::key_constraint(relation.oid),
                conname: key_name(relation),
                connamespace: oid::PUBLIC,
                contype: "p",
                convalidated: true,
                conrelid: relation.oid,
                conindid: oid::key_index(relation.oid),
                confupdtype: " ",
                confdeltype: " ",
                confmatchtype: " ",
                conislocal: true,
                connoinherit: true,
                conkey: key_columns(relation).map(|(number, _)| number).collect::<Vec<_>>(),
            }
        })
        .collect()
}

fn descriptions(snapshot: &CatalogSnapshot) -> Vec<Row> {
    let of_class = |relation: u32, number: i16, text: &str| {
        row! { objoid: relation, classoid: oid::PG_CLASS, objsubid: number, description: text }
    };
    let relations = snapshot.relations.iter().flat_map(|relation| {
        let own = relation.comment.iter().map(|comment| (0, comment.as_str()));
        let columns = (1_i16..)
            .zip(&relation.columns)
            .filter_map(|(number, column)| column_comment(relation, column).map(|comment| (number, comment)));
        own.chain(columns).map(|(number, text)| of_class(relation.oid, number, text)).collect::<Vec<_>>()
    });
    let functions = snapshot.functions.iter().enumerate().filter_map(|(index, function)| {
        let text = function.comment.as_deref()?;
        Some(row! { objoid: oid::function(index), classoid: oid::PG_PROC, objsubid: 0, description: text })
    });
    let public = row! {
        objoid: oid::PUBLIC,
        classoid: oid::PG_NAMESPACE,
        objsubid: 0,
        description: "streams and tables",
    };
    relations.chain(functions).chain([public]).collect()
}

/// What is told about a column.
pub(in crate::system_catalog) fn column_comment<'a>(
    relation: &CatalogRelation,
    column: &'a CatalogColumn,
) -> Option<&'a str> {
    let key = (relation.kind == RelationKind::Stream && column.is_key).then_some("key");
    column.comment.as_deref().or(key)
}

fn table_list(snapshot: &CatalogSnapshot) -> Vec<Row> {
    let relations = snapshot.relations.iter().map(|relation| {
        let has_key = key_columns(relation).next().is_some();
        ("public", relation.name.as_str(), has_key)
    });
    let system = super::all().map(|table| (table.schema.name(), table.name, false));
    relations
        .chain(system)
        .map(|(schema, name, has_key)| {
            row! {
                schemaname: schema,
                tablename: name,
                tableowner: snapshot.user.as_str(),
                hasindexes: has_key,
            }
        })
        .collect()
}

fn index_list(snapshot: &CatalogSnapshot) -> Vec<Row> {
    keyed(snapshot)
        .map(|relation| {
            row! {
                schemaname: "public",
                tablename: relation.name.as_str(),
                indexname: key_name(relation),
                indexdef: Cell::from(crate::system_catalog::definitions::key_index(relation)),
            }
        })
        .collect()
}
