//! The SQL standard's views of the same.

use super::{SystemTable, none, standard};
use crate::system_catalog::definitions::function_type;
use crate::system_catalog::postgres_type::{
    NUMERIC, base_type, element_type, sql_name, type_modifier, type_oid,
};
use crate::system_catalog::rows::{Cell, Row, row};
use crate::system_catalog::snapshot::{CatalogColumn, CatalogRelation, CatalogSnapshot};
use crate::system_catalog::tables::relations::{key_columns, key_name, keyed};

pub(super) const TABLES: &[SystemTable] = &[
    standard("information_schema_catalog_name", "catalog_name name", catalog_name),
    standard(
        "schemata",
        "catalog_name name, schema_name name, schema_owner name, default_character_set_catalog name?, \
         default_character_set_schema name?, default_character_set_name name?, sql_path text?",
        schemata,
    ),
    standard(
        "tables",
        "table_catalog name, table_schema name, table_name name, table_type text, \
         self_referencing_column_name name?, reference_generation text?, user_defined_type_catalog name?, \
         user_defined_type_schema name?, user_defined_type_name name?, is_insertable_into text, \
         is_typed text, commit_action text?",
        tables,
    ),
    standard(
        "columns",
        "table_catalog name, table_schema name, table_name name, column_name name, ordinal_position int4, \
         column_default text?, is_nullable text, data_type text, character_maximum_length int4?, \
         character_octet_length int4?, numeric_precision int4?, numeric_precision_radix int4?, \
         numeric_scale int4?, datetime_precision int4?, interval_type text?, interval_precision int4?, \
         character_set_catalog name?, character_set_schema name?, character_set_name name?, \
         collation_catalog name?, collation_schema name?, collation_name name?, domain_catalog name?, \
         domain_schema name?, domain_name name?, udt_catalog name, udt_schema name, udt_name name, \
         scope_catalog name?, scope_schema name?, scope_name name?, maximum_cardinality int4?, \
         dtd_identifier name, is_self_referencing text, is_identity text, identity_generation text?, \
         identity_start text?, identity_increment text?, identity_maximum text?, identity_minimum text?, \
         identity_cycle text, is_generated text, generation_expression text?, is_updatable text",
        columns,
    ),
    standard(
        "views",
        "table_catalog name, table_schema name, table_name name, view_definition text?, check_option text, \
         is_updatable text, is_insertable_into text, is_trigger_updatable text, is_trigger_deletable text, \
         is_trigger_insertable_into text",
        none,
    ),
    standard(
        "table_constraints",
        "constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, \
         table_schema name, table_name name, constraint_type text, is_deferrable text, \
         initially_deferred text, enforced text, nulls_distinct text?",
        table_constraints,
    ),
    standard(
        "key_column_usage",
        "constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, \
         table_schema name, table_name name, column_name name, ordinal_position int4, \
         position_in_unique_constraint int4?",
        key_column_usage,
    ),
    standard(
        "constraint_column_usage",
        "table_catalog name, table_schema name, table_name name, column_name name, constraint_catalog name, \
         constraint_schema name, constraint_name name",
        key_column_usage_by_table,
    ),
    standard(
        "referential_constraints",
        "constraint_catalog name, constraint_schema name, constraint_name name, \
         unique_constraint_catalog name, unique_constraint_schema name, unique_constraint_name name, \
         match_option text, update_rule text, delete_rule text",
        none,
    ),
    standard(
        "check_constraints",
        "constraint_catalog name, constraint_schema name, constraint_name name, check_clause text",
        none,
    ),
    standard(
        "routines",
        "specific_catalog name, specific_schema name, specific_name name, routine_catalog name, \
         routine_schema name, routine_name name, routine_type text, data_type text, routine_body text, \
         routine_definition text?, external_language text, is_deterministic text",
        routines,
    ),
    standard(
        "parameters",
        "specific_catalog name, specific_schema name, specific_name name, ordinal_position int4, \
         parameter_mode text, is_result text, as_locator text, parameter_name name?, data_type text, \
         udt_catalog name, udt_schema name, udt_name name, parameter_default text?",
        none,
    ),
    standard(
        "sequences",
        "sequence_catalog name, sequence_schema name, sequence_name name, data_type text, \
         numeric_precision int4, numeric_precision_radix int4, numeric_scale int4, start_value text, \
         minimum_value text, maximum_value text, increment text, cycle_option text",
        none,
    ),
    standard(
        "triggers",
        "trigger_catalog name, trigger_schema name, trigger_name name, event_manipulation text, \
         event_object_catalog name, event_object_schema name, event_object_table name, action_order int4, \
         action_condition text?, action_statement text, action_orientation text, action_timing text",
        none,
    ),
    standard(
        "table_privileges",
        "grantor name, grantee name, table_catalog name, table_schema name, table_name name, \
         privilege_type text, is_grantable text, with_hierarchy text",
        table_privileges,
    ),
    standard(
        "role_table_grants",
        "grantor name, grantee name, table_catalog name, table_schema name, table_name name, \
         privilege_type text, is_grantable text, with_hierarchy text",
        table_privileges,
    ),
    standard("enabled_roles", "role_name name", role_names),
    standard("applicable_roles", "grantee name, role_name name, is_grantable text", none),
    standard(
        "character_sets",
        "character_set_catalog name?, character_set_schema name?, character_set_name name, \
         character_repertoire name, form_of_use name, default_collate_catalog name, \
         default_collate_schema name?, default_collate_name name?",
        character_sets,
    ),
    standard(
        "domains",
        "domain_catalog name, domain_schema name, domain_name name, data_type text, udt_catalog name, \
         udt_schema name, udt_name name",
        none,
    ),
    standard(
        "element_types",
        "object_catalog name, object_schema name, object_name name, object_type text, \
         collection_type_identifier name, data_type text, udt_catalog name, udt_schema name, udt_name name",
        none,
    ),
    standard(
        "user_defined_types",
        "user_defined_type_catalog name, user_defined_type_schema name, user_defined_type_name name, \
         user_defined_type_category text, is_instantiable text, is_final text",
        none,
    ),
    standard(
        "view_table_usage",
        "view_catalog name, view_schema name, view_name name, table_catalog name, table_schema name, \
         table_name name",
        none,
    ),
    standard(
        "collations",
        "collation_catalog name, collation_schema name, collation_name name, pad_attribute text",
        none,
    ),
    standard(
        "sql_features",
        "feature_id text, feature_name text, sub_feature_id text, sub_feature_name text, is_supported text, \
         is_verified_by text?, comments text?",
        none,
    ),
];

fn catalog_name(snapshot: &CatalogSnapshot) -> Vec<Row> {
    vec![row! { catalog_name: snapshot.database.as_str() }]
}

fn schemata(snapshot: &CatalogSnapshot) -> Vec<Row> {
    ["pg_catalog", "public", "information_schema"]
        .into_iter()
        .map(|name| {
            row! {
                catalog_name: snapshot.database.as_str(),
                schema_name: name,
                schema_owner: snapshot.user.as_str(),
            }
        })
        .collect()
}

fn tables(snapshot: &CatalogSnapshot) -> Vec<Row> {
    let relations = snapshot.relations.iter().map(|relation| ("public", relation.name.as_str(), "YES"));
    let system = super::all().map(|table| (table.schema.name(), table.name, "NO"));
    relations
        .chain(system)
        .map(|(schema, name, insertable)| {
            row! {
                table_catalog: snapshot.database.as_str(),
                table_schema: schema,
                table_name: name,
                table_type: "BASE TABLE",
                is_insertable_into: insertable,
                is_typed: "NO",
            }
        })
        .collect()
}

fn columns(snapshot: &CatalogSnapshot) -> Vec<Row> {
    let relations = snapshot.relations.iter().flat_map(|relation| {
        let key: Vec<i16> = key_columns(relation).map(|(number, _)| number).collect();
        (1_i16..).zip(&relation.columns).map(move |(number, column)| {
            column_row(snapshot, "public", &relation.name, number, column, key.contains(&number))
        })
    });
    let system = super::all().flat_map(|table| {
        (1_i16..).zip(table.columns()).map(|(number, declared)| {
            let column = CatalogColumn {
                name: declared.name.to_owned(),
                data_type: declared.data_type(),
                is_key: false,
                comment: None,
            };
            column_row(snapshot, table.schema.name(), table.name, number, &column, false)
        })
    });
    relations.chain(system).collect()
}

fn column_row(
    snapshot: &CatalogSnapshot,
    schema: &str,
    table: &str,
    number: i16,
    column: &CatalogColumn,
    not_null: bool,
) -> Row {
    let type_number = type_oid(&column.data_type);
    let (udt_name, data_type) = match element_type(type_number) {
        Some(element) => (format!("_{}", element.name), "ARRAY".to_owned()),
        None => (
            base_type(type_number).map_or_else(String::new, |base| base.name.to_owned()),
            sql_name(type_number, -1).unwrap_or_default(),
        ),
    };
    let modifier = type_modifier(&column.data_type);
    let (precision, radix, scale) = match udt_name.as_str() {
        "int2" => (Some(16), Some(2), Some(0)),
        "int4" => (Some(32), Some(2), Some(0)),
        "int8" => (Some(64), Some(2), Some(0)),
        "float4" => (Some(24), Some(2), None),
        "float8" => (Some(53), Some(2), None),
        _ if type_number == NUMERIC && modifier >= 4 => {
            (Some((modifier - 4) >> 16), Some(10), Some((modifier - 4) & 0x7ff))
        }
        _ if type_number == NUMERIC => (None, Some(10), None),
        _ => (None, None, None),
    };
    let datetime_precision = match udt_name.as_str() {
        "date" => Some(0),
        "time" | "timestamp" | "timestamptz" | "interval" => Some(6),
        _ => None,
    };
    row! {
        table_catalog: snapshot.database.as_str(),
        table_schema: schema,
        table_name: table,
        column_name: column.name.as_str(),
        ordinal_position: number,
        is_nullable: if not_null { "NO" } else { "YES" },
        data_type: data_type,
        numeric_precision: precision,
        numeric_precision_radix: radix,
        numeric_scale: scale,
        datetime_precision: datetime_precision,
        udt_catalog: snapshot.database.as_str(),
        udt_schema: "pg_catalog",
        udt_name: udt_name,
        dtd_identifier: number.to_string(),
        is_self_referencing: "NO",
        is_identity: "NO",
        identity_cycle: "NO",
        is_generated: "NEVER",
        is_updatable: if schema == "public" { "YES" } else { "NO" },
    }
}

fn table_constraints(snapshot: &CatalogSnapshot) -> Vec<Row> {
    keyed(snapshot)
        .map(|relation| {
            let mut row = key_row(snapshot, relation);
            row.extend(row! {
                constraint_type: "PRIMARY KEY",
                is_deferrable: "NO",
                initially_deferred: "NO",
                enforced: "YES",
            });
            row
        })
        .collect()
}

fn key_column_usage(snapshot: &CatalogSnapshot) -> Vec<Row> {
    keyed(snapshot)
        .flat_map(|relation| {
            (1_i32..).zip(key_columns(relation)).map(move |(position, (_, column))| {
                let mut row = key_row(snapshot, relation);
                row.extend(row! { column_name: column.name.as_str(), ordinal_position: position });
                row
            })
        })
        .collect()
}

fn key_column_usage_by_table(snapshot: &CatalogSnapshot) -> Vec<Row> {
    let mut rows = key_column_usage(snapshot);
    for row in &mut rows {
        row.remove("ordinal_position");
    }
    rows
}

fn key_row(snapshot: &CatalogSnapshot, relation: &CatalogRelation) -> Row {
    row! {
        constraint_catalog: snapshot.database.as_str(),
        constraint_schema: "public",
        constraint_name: key_name(relation),
        table_catalog: snapshot.database.as_str(),
        table_schema: "public",
        table_name: relation.name.as_str(),
    }
}

fn routines(snapshot: &CatalogSnapshot) -> Vec<Row> {
    snapshot
        .functions
        .iter()
        .enumerate()
        .map(|(index, function)| {
            row! {
                specific_catalog: snapshot.database.as_str(),
                specific_schema: "public",
                specific_name: format!("{}_{index}", function.name),
                routine_catalog: snapshot.database.as_str(),
                routine_schema: "public",
                routine_name: function.name.as_str(),
                routine_type: "FUNCTION",
                data_type: function_type(&function.result),
                routine_body: "EXTERNAL",
                external_language: "INTERNAL",
                is_deterministic: "YES",
            }
        })
        .collect()
}

fn table_privileges(snapshot: &CatalogSnapshot) -> Vec<Row> {
    snapshot
        .relations
        .iter()
        .flat_map(|relation| {
            ["SELECT", "INSERT"].into_iter().map(|privilege| {
                row! {
                    grantor: snapshot.user.as_str(),
                    grantee: snapshot.user.as_str(),
                    table_catalog: snapshot.database.as_str(),
                    table_schema: "public",
                    table_name: relation.name.as_str(),
                    privilege_type: privilege,
                    is_grantable: "YES",
                    with_hierarchy: if privilege == "SELECT" { "YES" } else { "NO" },
                }
            })
        })
        .collect()
}

fn role_names(snapshot: &CatalogSnapshot) -> Vec<Row> {
    vec![row! { role_name: snapshot.user.as_str() }]
}

fn character_sets(snapshot: &CatalogSnapshot) -> Vec<Row> {
    vec![row! {
        character_set_name: "UTF8",
        character_repertoire: "UCS",
        form_of_use: "UTF8",
        default_collate_catalog: snapshot.database.as_str(),
        default_collate_schema: Cell::Null,
    }]
}
