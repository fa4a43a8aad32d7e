//! Ways of access: methods, operator classes and families.

use super::{SystemTable, none, pg};
use crate::system_catalog::oid;
use crate::system_catalog::rows::{Row, row};
use crate::system_catalog::snapshot::CatalogSnapshot;

pub(super) const TABLES: &[SystemTable] = &[
    pg("pg_am", "oid oid, amname name, amhandler oid, amtype char", methods),
    pg(
        "pg_opclass",
        "oid oid, opcmethod oid, opcname name, opcnamespace oid, opcowner oid, opcfamily oid, opcintype oid, \
         opcdefault bool, opckeytype oid",
        none,
    ),
    pg("pg_opfamily", "oid oid, opfmethod oid, opfname name, opfnamespace oid, opfowner oid", none),
    pg(
        "pg_amop",
        "oid oid, amopfamily oid, amoplefttype oid, amoprighttype oid, amopstrategy int2, amoppurpose char, \
         amopopr oid, amopmethod oid, amopsortfamily oid",
        none,
    ),
    pg(
        "pg_amproc",
        "oid oid, amprocfamily oid, amproclefttype oid, amprocrighttype oid, amprocnum int2, amproc oid",
        none,
    ),
];

fn methods(_: &CatalogSnapshot) -> Vec<Row> {
    [(oid::STREAM_ACCESS, "stream", "t"), (oid::TABLE_ACCESS, "table", "t"), (oid::KEY_ACCESS, "key", "i")]
        .into_iter()
        .map(|(number, name, kind)| row! { oid: number, amname: name, amtype: kind })
        .collect()
}
