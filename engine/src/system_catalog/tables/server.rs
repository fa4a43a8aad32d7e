//! The server: its one database, schemas, the user, settings and what runs.

use super::{SystemTable, none, pg};
use crate::system_catalog::oid;
use crate::system_catalog::rows::{Cell, Row, row};
use crate::system_catalog::snapshot::CatalogSnapshot;

/// Postgres' number for UTF-8.
pub(in crate::system_catalog) const UTF8_ENCODING: i32 = 6;

pub(super) const TABLES: &[SystemTable] = &[
    pg(
        "pg_database",
        "oid oid, datname name, datdba oid, encoding int4, datlocprovider char, datistemplate bool, \
         datallowconn bool, datconnlimit int4, datfrozenxid xid, datminmxid xid, dattablespace oid, \
         datcollate text, datctype text, daticulocale text?, datcollversion text?, datacl text[]",
        databases,
    ),
    pg("pg_namespace", "oid oid, nspname name, nspowner oid, nspacl text[]", namespaces),
    pg("pg_tablespace", "oid oid, spcname name, spcowner oid, spcacl text[], spcoptions text[]", tablespaces),
    pg(
        "pg_roles",
        "rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool, rolcreatedb bool, \
         rolcanlogin bool, rolreplication bool, rolconnlimit int4, rolpassword text?, \
         rolvaliduntil timestamptz, rolbypassrls bool, rolconfig text[], oid oid",
        roles,
    ),
    pg(
        "pg_authid",
        "oid oid, rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool, rolcreatedb bool, \
         rolcanlogin bool, rolreplication bool, rolbypassrls bool, rolconnlimit int4, rolpassword text?, \
         rolvaliduntil timestamptz",
        roles_without_settings,
    ),
    pg(
        "pg_user",
        "usename name, usesysid oid, usecreatedb bool, usesuper bool, userepl bool, usebypassrls bool, \
         passwd text?, valuntil timestamptz, useconfig text[]",
        users,
    ),
    pg("pg_group", "groname name, grosysid oid, grolist oid[]", none),
    pg("pg_auth_members", "roleid oid, member oid, grantor oid, admin_option bool", none),
    pg("pg_db_role_setting", "setdatabase oid, setrole oid, setconfig text[]", none),
    pg(
        "pg_settings",
        "name text, setting text, unit text?, category text, short_desc text, extra_desc text?, \
         context text, vartype text, source text, min_val text?, max_val text?, enumvals text[], \
         boot_val text, reset_val text, sourcefile text?, sourceline int4?, pending_restart bool",
        settings,
    ),
    pg(
        "pg_stat_activity",
        "datid oid, datname name, pid int4, leader_pid int4?, usesysid oid, usename name, \
         application_name text, client_addr text?, client_hostname text?, client_port int4?, \
         backend_start timestamptz, xact_start timestamptz, query_start timestamptz, \
         state_change timestamptz, wait_event_type text?, wait_event text?, state text, backend_xid xid?, \
         backend_xmin xid?, query_id int8?, query text, backend_type text",
        activity,
    ),
    pg(
        "pg_stat_database",
        "datid oid, datname name, numbackends int4, xact_commit int8, xact_rollback int8, blks_read int8, \
         blks_hit int8, tup_returned int8, tup_fetched int8, tup_inserted int8, tup_updated int8, \
         tup_deleted int8, conflicts int8, temp_files int8, temp_bytes int8, deadlocks int8, \
         stats_reset timestamptz",
        none,
    ),
    pg("pg_timezone_names", "name text, abbrev text, utc_offset text, is_dst bool", timezones),
    pg("pg_timezone_abbrevs", "abbrev text, utc_offset text, is_dst bool", none),
    pg(
        "pg_locks",
        "locktype text, database oid?, relation oid?, page int4?, tuple int2?, virtualxid text?, \
         transactionid xid?, classid oid?, objid oid?, objsubid int2?, virtualtransaction text, pid int4, \
         mode text, granted bool, fastpath bool, waitstart timestamptz",
        none,
    ),
    pg(
        "pg_prepared_xacts",
        "transaction xid, gid text, prepared timestamptz, owner name, database name",
        none,
    ),
    pg(
        "pg_stat_ssl",
        "pid int4, ssl bool, version text?, cipher text?, bits int4?, client_dn text?, client_serial text?, \
         issuer_dn text?",
        encryption,
    ),
    pg("pg_stat_gssapi", "pid int4, gss_authenticated bool, principal text?, encrypted bool", encryption),
];

fn databases(snapshot: &CatalogSnapshot) -> Vec<Row> {
    vec![row! {
        oid: oid::DATABASE,
        datname: snapshot.database.as_str(),
        datdba: oid::OWNER,
        encoding: UTF8_ENCODING,
        datlocprovider: "c",
        datallowconn: true,
        datconnlimit: -1,
        dattablespace: oid::TABLESPACE,
        datcollate: "C",
        datctype: "C",
    }]
}

fn namespaces(_: &CatalogSnapshot) -> Vec<Row> {
    [
        (oid::PG_CATALOG, "pg_catalog"),
        (oid::PUBLIC, "public"),
        (oid::INFORMATION_SCHEMA, "information_schema"),
    ]
    .into_iter()
    .map(|(number, name)| row! { oid: number, nspname: name, nspowner: oid::OWNER })
    .collect()
}

fn tablespaces(_: &CatalogSnapshot) -> Vec<Row> {
    vec![row! { oid: oid::TABLESPACE, spcname: "pg_default", spcowner: oid::OWNER }]
}

fn roles(snapshot: &CatalogSnapshot) -> Vec<Row> {
    vec![row! {
        oid: oid::OWNER,
        rolname: snapshot.user.as_str(),
        rolsuper: true,
        rolinherit: true,
        rolcreaterole: true,
        rolcreatedb: true,
        rolcanlogin: true,
        rolreplication: true,
        rolbypassrls: true,
        rolconnlimit: -1,
    }]
}

fn roles_without_settings(snapshot: &CatalogSnapshot) -> Vec<Row> {
    roles(snapshot)
}

fn users(snapshot: &CatalogSnapshot) -> Vec<Row> {
    vec![row! {
        usename: snapshot.user.as_str(),
        usesysid: oid::OWNER,
        usecreatedb: true,
        usesuper: true,
        userepl: true,
        usebypassrls: true,
    }]
}

fn settings(snapshot: &CatalogSnapshot) -> Vec<Row> {
    snapshot
        .settings
        .iter()
        .map(|setting| {
            row! {
                name: setting.name.as_str(),
                setting: setting.value.as_str(),
                category: "Tidemill",
                short_desc: setting.description.as_str(),
                context: "user",
                vartype: "string",
                source: "session",
                boot_val: setting.value.as_str(),
                reset_val: setting.value.as_str(),
            }
        })
        .collect()
}

/// The session that asks: what other sessions do is not told yet.
fn activity(snapshot: &CatalogSnapshot) -> Vec<Row> {
    let setting = |name: &str| {
        snapshot
            .settings
            .iter()
            .find(|setting| setting.name.eq_ignore_ascii_case(name))
            .map(|found| found.value.as_str())
    };
    vec![row! {
        datid: oid::DATABASE,
        datname: snapshot.database.as_str(),
        pid: snapshot.backend_id,
        usesysid: oid::OWNER,
        usename: snapshot.user.as_str(),
        application_name: Cell::from(setting("application_name").unwrap_or_default()),
        state: "active",
        backend_type: "client backend",
    }]
}

fn timezones(_: &CatalogSnapshot) -> Vec<Row> {
    vec![row! { name: "UTC", abbrev: "UTC", utc_offset: "00:00:00" }]
}

fn encryption(snapshot: &CatalogSnapshot) -> Vec<Row> {
    vec![row! { pid: snapshot.backend_id }]
}
