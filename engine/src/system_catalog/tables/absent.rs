//! Tables about what does not exist here: defaults, inheritance, triggers, policies, replication, foreign
//! data, text search, large objects, dependencies, statistics.

use super::{SystemTable, none, pg};

pub(super) const TABLES: &[SystemTable] = &[
    pg("pg_attrdef", "oid oid, adrelid oid, adnum int2, adbin text?", none),
    pg("pg_inherits", "inhrelid oid, inhparent oid, inhseqno int4, inhdetachpending bool", none),
    pg(
        "pg_partitioned_table",
        "partrelid oid, partstrat char, partnatts int2, partdefid oid, partattrs int2[], partclass oid[], \
         partcollation oid[], partexprs text?",
        none,
    ),
    pg(
        "pg_trigger",
        "oid oid, tgrelid oid, tgparentid oid, tgname name, tgfoid oid, tgtype int2, tgenabled char, \
         tgisinternal bool, tgconstrrelid oid, tgconstrindid oid, tgconstraint oid, tgdeferrable bool, \
         tginitdeferred bool, tgnargs int2, tgattr int2[], tgargs text, tgqual text?, tgoldtable name?, \
         tgnewtable name?",
        none,
    ),
    pg(
        "pg_event_trigger",
        "oid oid, evtname name, evtevent name, evtowner oid, evtfoid oid, evtenabled char, evttags text[]",
        none,
    ),
    pg(
        "pg_rewrite",
        "oid oid, rulename name, ev_class oid, ev_type char, ev_enabled char, is_instead bool, ev_qual text?, \
         ev_action text?",
        none,
    ),
    pg("pg_rules", "schemaname name, tablename name, rulename name, definition text", none),
    pg(
        "pg_policy",
        "oid oid, polname name, polrelid oid, polcmd char, polpermissive bool, polroles oid[], polqual text?, \
         polwithcheck text?",
        none,
    ),
    pg(
        "pg_policies",
        "schemaname name, tablename name, policyname name, permissive text, roles text[], cmd text, \
         qual text?, with_check text?",
        none,
    ),
    pg(
        "pg_sequence",
        "seqrelid oid, seqtypid oid, seqstart int8, seqincrement int8, seqmax int8, seqmin int8, \
         seqcache int8, seqcycle bool",
        none,
    ),
    pg(
        "pg_statistic_ext",
        "oid oid, stxrelid oid, stxname name, stxnamespace oid, stxowner oid, stxstattarget int4, \
         stxkeys int2[], stxkind text[], stxexprs text?",
        none,
    ),
    pg(
        "pg_stats",
        "schemaname name, tablename name, attname name, inherited bool, null_frac float4, avg_width int4, \
         n_distinct float4, most_common_vals text?, most_common_freqs float4[], histogram_bounds text?, \
         correlation float4",
        none,
    ),
    pg(
        "pg_publication",
        "oid oid, pubname name, pubowner oid, puballtables bool, pubinsert bool, pubupdate bool, \
         pubdelete bool, pubtruncate bool, pubviaroot bool",
        none,
    ),
    pg("pg_publication_rel", "oid oid, prpubid oid, prrelid oid, prqual text?, prattrs int2[]", none),
    pg("pg_publication_namespace", "oid oid, pnpubid oid, pnnspid oid", none),
    pg(
        "pg_publication_tables",
        "pubname name, schemaname name, tablename name, attnames text[], rowfilter text?",
        none,
    ),
    pg(
        "pg_subscription",
        "oid oid, subdbid oid, subskiplsn text, subname name, subowner oid, subenabled bool, subbinary bool, \
         substream bool, subtwophasestate char, subdisableonerr bool, subconninfo text, subslotname name?, \
         subsynccommit text, subpublications text[]",
        none,
    ),
    pg("pg_subscription_rel", "srsubid oid, srrelid oid, srsubstate char, srsublsn text?", none),
    pg(
        "pg_replication_slots",
        "slot_name name, plugin name?, slot_type text, datoid oid?, database name?, temporary bool, \
         active bool, active_pid int4?, xmin xid?, catalog_xmin xid?, restart_lsn text?, \
         confirmed_flush_lsn text?, wal_status text?, safe_wal_size int8?, two_phase bool",
        none,
    ),
    pg(
        "pg_stat_replication",
        "pid int4, usesysid oid, usename name, application_name text, client_addr text?, \
         client_hostname text?, client_port int4?, backend_start timestamptz, backend_xmin xid?, state text, \
         sent_lsn text?, write_lsn text?, flush_lsn text?, replay_lsn text?, write_lag text?, \
         flush_lag text?, replay_lag text?, sync_priority int4, sync_state text, reply_time timestamptz",
        none,
    ),
    pg(
        "pg_foreign_data_wrapper",
        "oid oid, fdwname name, fdwowner oid, fdwhandler oid, fdwvalidator oid, fdwacl text[], \
         fdwoptions text[]",
        none,
    ),
    pg(
        "pg_foreign_server",
        "oid oid, srvname name, srvowner oid, srvfdw oid, srvtype text?, srvversion text?, srvacl text[], \
         srvoptions text[]",
        none,
    ),
    pg("pg_foreign_table", "ftrelid oid, ftserver oid, ftoptions text[]", none),
    pg("pg_user_mapping", "oid oid, umuser oid, umserver oid, umoptions text[]", none),
    pg(
        "pg_user_mappings",
        "umid oid, srvid oid, srvname name, umuser oid, usename name, umoptions text[]",
        none,
    ),
    pg(
        "pg_extension",
        "oid oid, extname name, extowner oid, extnamespace oid, extrelocatable bool, extversion text, \
         extconfig oid[], extcondition text[]",
        none,
    ),
    pg(
        "pg_available_extensions",
        "name name, default_version text, installed_version text?, comment text",
        none,
    ),
    pg(
        "pg_default_acl",
        "oid oid, defaclrole oid, defaclnamespace oid, defaclobjtype char, defaclacl text[]",
        none,
    ),
    pg("pg_init_privs", "objoid oid, classoid oid, objsubid int4, privtype char, initprivs text[]", none),
    pg(
        "pg_depend",
        "classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, refobjsubid int4, deptype char",
        none,
    ),
    pg(
        "pg_shdepend",
        "dbid oid, classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, deptype char",
        none,
    ),
    pg("pg_largeobject_metadata", "oid oid, lomowner oid, lomacl text[]", none),
    pg("pg_largeobject", "loid oid, pageno int4, data text", none),
    pg("pg_seclabel", "objoid oid, classoid oid, objsubid int4, provider text, label text", none),
    pg("pg_shseclabel", "objoid oid, classoid oid, provider text, label text", none),
    pg("pg_ts_config", "oid oid, cfgname name, cfgnamespace oid, cfgowner oid, cfgparser oid", none),
    pg(
        "pg_ts_dict",
        "oid oid, dictname name, dictnamespace oid, dictowner oid, dicttemplate oid, dictinitoption text?",
        none,
    ),
    pg(
        "pg_ts_parser",
        "oid oid, prsname name, prsnamespace oid, prsstart oid, prstoken oid, prsend oid, prsheadline oid, \
         prslextype oid",
        none,
    ),
    pg("pg_ts_template", "oid oid, tmplname name, tmplnamespace oid, tmplinit oid, tmpllexize oid", none),
    pg("pg_transform", "oid oid, trftype oid, trflang oid, trffromsql oid, trftosql oid", none),
    pg(
        "pg_cursors",
        "name text, statement text, is_holdable bool, is_binary bool, is_scrollable bool, \
         creation_time timestamptz",
        none,
    ),
    pg(
        "pg_prepared_statements",
        "name text, statement text, prepare_time timestamptz, parameter_types text[], from_sql bool, \
         generic_plans int8, custom_plans int8",
        none,
    ),
];
