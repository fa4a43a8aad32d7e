//! Functions: those of the SQL dialect, in the schema `public`, so that `\df` lists them.

use super::{SystemTable, none, pg};
use crate::system_catalog::builtin;
use crate::system_catalog::oid;
use crate::system_catalog::postgres_type::{RECORD, function_type_oid};
use crate::system_catalog::rows::{Row, row};
use crate::system_catalog::snapshot::{CatalogSnapshot, FunctionKind};

pub(super) const TABLES: &[SystemTable] = &[
    pg(
        "pg_proc",
        "oid oid, proname name, pronamespace oid, proowner oid, prolang oid, procost float4, prorows float4, \
         provariadic oid, prosupport text, prokind char, prosecdef bool, proleakproof bool, proisstrict bool, \
         proretset bool, provolatile char, proparallel char, pronargs int2, pronargdefaults int2, \
         prorettype oid, proargtypes oid[], proallargtypes oid[], proargmodes text[], proargnames text[], \
         proargdefaults text?, protrftypes oid[], prosrc text, probin text?, prosqlbody text?, \
         proconfig text[], proacl text[]",
        functions,
    ),
    pg(
        "pg_aggregate",
        "aggfnoid oid, aggkind char, aggnumdirectargs int2, aggtransfn oid, aggfinalfn oid, aggcombinefn oid, \
         aggserialfn oid, aggdeserialfn oid, aggmtransfn oid, aggminvtransfn oid, aggmfinalfn oid, \
         aggfinalextra bool, aggmfinalextra bool, aggfinalmodify char, aggmfinalmodify char, aggsortop oid, \
         aggtranstype oid, aggtransspace int4, aggmtranstype oid, aggmtransspace int4, agginitval text?, \
         aggminitval text?",
        none,
    ),
    pg(
        "pg_language",
        "oid oid, lanname name, lanowner oid, lanispl bool, lanpltrusted bool, lanplcallfoid oid, \
         laninline oid, lanvalidator oid, lanacl text[]",
        languages,
    ),
    pg(
        "pg_operator",
        "oid oid, oprname name, oprnamespace oid, oprowner oid, oprkind char, oprcanmerge bool, \
         oprcanhash bool, oprleft oid, oprright oid, oprresult oid, oprcom oid, oprnegate oid, oprcode oid, \
         oprrest oid, oprjoin oid",
        none,
    ),
    pg(
        "pg_conversion",
        "oid oid, conname name, connamespace oid, conowner oid, conforencoding int4, contoencoding int4, \
         conproc oid, condefault bool",
        none,
    ),
];

fn functions(snapshot: &CatalogSnapshot) -> Vec<Row> {
    let of_types = builtin::all().map(|(number, name)| {
        row! {
            oid: number,
            proname: name.as_str(),
            pronamespace: oid::PG_CATALOG,
            proowner: oid::OWNER,
            prolang: oid::INTERNAL_LANGUAGE,
            procost: 1.0_f32,
            prokind: "f",
            provolatile: "i",
            proparallel: "s",
            pronargs: 1,
            prorettype: RECORD,
            proargtypes: vec![RECORD],
            prosrc: name.as_str(),
        }
    });
    let of_dialect = snapshot.functions.iter().enumerate().map(|(index, function)| {
        let argument_types: Vec<u32> =
            function.arguments.iter().map(|(_, data_type)| function_type_oid(data_type)).collect();
        let argument_names: Vec<&str> = function.arguments.iter().map(|(name, _)| name.as_str()).collect();
        row! {
            oid: oid::function(index),
            proname: function.name.as_str(),
            pronamespace: oid::PUBLIC,
            proowner: oid::OWNER,
            prolang: oid::INTERNAL_LANGUAGE,
            procost: 1.0_f32,
            prokind: match function.kind {
                FunctionKind::Scalar | FunctionKind::Table => "f",
                FunctionKind::Aggregate => "a",
            },
            proretset: function.kind == FunctionKind::Table,
            provolatile: "i",
            proparallel: "s",
            pronargs: argument_types.len(),
            prorettype: function_type_oid(&function.result),
            proargtypes: argument_types,
            proargnames: argument_names,
            prosrc: function.name.as_str(),
        }
    });
    of_dialect.chain(of_types).collect()
}

fn languages(_: &CatalogSnapshot) -> Vec<Row> {
    [(oid::INTERNAL_LANGUAGE, "internal"), (14, "sql")]
        .into_iter()
        .map(|(number, name)| {
            row! { oid: number, lanname: name, lanowner: oid::OWNER, lanpltrusted: true }
        })
        .collect()
}
