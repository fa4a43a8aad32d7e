//! Which statements are about the catalogs, and their settings on the side.

use std::ops::ControlFlow;

use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, Query, TableFactor, Value,
    ValueWithSpan, VisitMut, VisitorMut,
};
use tidemill_sql::parser::parse_postgres;

use super::functions;
use super::tables::{self, SystemSchema};

/// Parts of the words that a statement about the catalogs has at least one of. They spare all others a
/// second reading.
const TELLING_PARTS: [&str; 16] = [
    "pg_",
    "information_schema",
    "current_",
    "session_user",
    "user",
    "version",
    "set_config",
    "::reg",
    "as reg",
    "_privilege",
    "_description",
    "format_type",
    "quote_",
    "to_reg",
    "inet_",
    "getdatabaseencoding",
];

/// The longest statement that clients look around with; a longer one is none.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// A query on the catalogs.
#[derive(Clone, PartialEq, Debug)]
pub struct CatalogQuery {
    pub(super) query: Box<Query>,
    /// What its calls of `set_config` set.
    settings: Vec<SettingChange>,
}

#[derive(Clone, PartialEq, Debug)]
struct SettingChange {
    name: SettingText,
    value: SettingText,
}

#[derive(Clone, PartialEq, Debug)]
enum SettingText {
    Literal(String),
    /// A parameter, counted from 0.
    Parameter(usize),
}

impl CatalogQuery {
    /// Reads a statement; `None` if it is no query, one that is not about the catalogs alone, or one
    /// beyond the limits of complexity.
    #[must_use]
    pub fn read(text: &str) -> Option<CatalogQuery> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let lower = text.to_lowercase();
        if !TELLING_PARTS.iter().any(|part| lower.contains(part)) {
            return None;
        }
        let mut query = Box::new(parse_postgres(text).ok()?);
        let mut signs = Signs::default();
        let _ = query.visit(&mut signs);
        let concerned = signs.system_relation || (!signs.other_relation && signs.system_word);
        concerned.then_some(CatalogQuery { query, settings: signs.settings })
    }

    /// The settings that the query sets on the side, by `set_config`, with values for its parameters.
    #[must_use]
    pub fn settings(&self, parameters: &[ScalarValue]) -> Vec<(String, String)> {
        let text = |text: &SettingText| match text {
            SettingText::Literal(text) => Some(text.clone()),
            SettingText::Parameter(index) => {
                let parameter = parameters.get(*index)?;
                let value = parameter.cast_to(&arrow::datatypes::DataType::Utf8).ok()?;
                value.try_as_str().flatten().map(str::to_owned)
            }
        };
        self.settings.iter().filter_map(|change| Some((text(&change.name)?, text(&change.value)?))).collect()
    }
}

/// What tells a statement about the catalogs from others.
#[derive(Default)]
struct Signs {
    common_tables: Vec<String>,
    system_relation: bool,
    other_relation: bool,
    system_word: bool,
    settings: Vec<SettingChange>,
}

impl VisitorMut for Signs {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let common = query.with.iter().flat_map(|with| &with.cte_tables);
        self.common_tables.extend(common.map(|table| table.alias.name.value.to_lowercase()));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: None, .. } = factor {
            match name.0.as_slice() {
                _ if is_system_relation(name) => self.system_relation = true,
                [part] if self.common_tables.contains(&part.to_string().to_lowercase()) => {}
                _ => self.other_relation = true,
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Cast { data_type, .. } => {
                let name = match data_type {
                    DataType::Custom(name, _) => last(name),
                    DataType::Regclass => "regclass".to_owned(),
                    _ => String::new(),
                };
                self.system_word |= name.starts_with("reg");
            }
            Expr::Function(function) => {
                let name = last(&function.name);
                if name == "set_config" {
                    self.system_word = true;
                    if let Some((change, value)) = setting_change(&function.args) {
                        self.settings.push(change);
                        *expr = value;
                    }
                } else {
                    self.system_word |= functions::is_known(&name);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn is_system_relation(name: &ObjectName) -> bool {
    match name.0.as_slice() {
        [_] => tables::find(SystemSchema::PgCatalog, &last(name)).is_some(),
        [.., schema, _] => {
            matches!(schema.to_string().to_lowercase().as_str(), "pg_catalog" | "information_schema")
        }
        [] => false,
    }
}

fn last(name: &ObjectName) -> String {
    name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.to_lowercase()).unwrap_or_default()
}

/// What `set_config(name, value, local)` changes, and the value it gives.
fn setting_change(arguments: &FunctionArguments) -> Option<(SettingChange, Expr)> {
    let FunctionArguments::List(list) = arguments else {
        return None;
    };
    let argument = |index: usize| match list.args.get(index)? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    };
    let (name, value) = (argument(0)?, argument(1)?);
    let change = SettingChange { name: setting_text(name)?, value: setting_text(value)? };
    Some((change, value.clone()))
}

fn setting_text(expr: &Expr) -> Option<SettingText> {
    let Expr::Value(ValueWithSpan { value, .. }) = expr else {
        return None;
    };
    match value {
        Value::SingleQuotedString(text) => Some(SettingText::Literal(text.clone())),
        Value::Placeholder(name) => {
            name.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1).map(SettingText::Parameter)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concerns(text: &str) -> bool {
        CatalogQuery::read(text).is_some()
    }

    #[test]
    fn queries_on_system_tables_and_about_the_server_are_told_from_others() {
        assert!(concerns("SELECT * FROM pg_catalog.pg_class"));
        assert!(concerns("select relname from PG_CLASS where oid = 5"));
        assert!(concerns("SELECT table_name FROM information_schema.tables"));
        assert!(concerns("SELECT version()"));
        assert!(concerns("SELECT 'orders'::regclass::oid"));
        assert!(concerns("WITH c AS (SELECT * FROM pg_class) SELECT * FROM c"));
        assert!(!concerns("SELECT * FROM users"));
        assert!(!concerns("SELECT quote_ident(name) FROM users"));
        assert!(!concerns("SELECT 1"));
        assert!(!concerns("CREATE TABLE pg_class (a INT)"));
        assert!(!concerns("SELECT * FROM pg_class; SELECT 1"));
        assert!(!concerns("SELECT 'pg_' FROM users EMIT CHANGES"));
    }

    /// A statement is read on a thread with as little stack as a server's worker has: an overflow would
    /// end the process.
    #[test]
    fn a_statement_beyond_the_limits_is_left_to_those_who_refuse_it() {
        for text in [
            format!("SELECT version(){}", ", 1".to_owned() + &"+1".repeat(30_000)),
            format!("SELECT user_id FROM s WHERE true{}", " AND user_id".repeat(4_000)),
            format!("SELECT version(), {}1{}", "(".repeat(10_000), ")".repeat(10_000)),
        ] {
            let read = std::thread::Builder::new()
                .stack_size(2 * 1024 * 1024)
                .spawn(move || concerns(&text))
                .expect("a thread");
            assert!(!read.join().expect("no panic"));
        }
    }

    #[test]
    fn wrong_text_about_the_catalogs_takes_no_exponential_time() {
        let started = std::time::Instant::now();
        assert!(!concerns(&format!("SELECT pg_x{}", "(CASE WHEN (SELECT(".repeat(12))));
        assert!(!concerns(&format!("SELECT version() FROM {}", "((SELECT * FROM ".repeat(20))));
        assert!(started.elapsed() < std::time::Duration::from_secs(10));
    }

    #[test]
    fn set_config_sets_on_the_side() {
        let query =
            CatalogQuery::read("SELECT set_config('jit', 'off', false), set_config('search_path', $1, true)");
        let settings = query.expect("concerns").settings(&[ScalarValue::from("public")]);
        let expected = [("jit", "off"), ("search_path", "public")];
        assert_eq!(settings, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
