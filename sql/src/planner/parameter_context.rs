//! What the surroundings of a parameter say about its type.

use sqlparser::ast::{BinaryOperator, Expr as Ast};

use super::parameters::placeholder;
use crate::analyzer::clause::Clause;
use crate::analyzer::scope::{Scope, ScopeSource};
use crate::lookup::Lookup;
use crate::parser::ast::{Relation, SelectBody, SelectStatement};
use crate::parser::expression::field_access;
use crate::parser::identifier::{Name, stored_name};
use crate::type_system::SqlType;

/// The sources whose columns parameters may stand beside.
#[derive(Default)]
pub(super) struct ParameterContext {
    scope: Scope,
}

impl ParameterContext {
    /// The context of a query. Sources that do not exist are left out: planning reports them.
    pub(super) fn of(select: &SelectStatement, lookup: &dyn Lookup) -> ParameterContext {
        let mut scope = Scope { lenient: lookup.lenient_names(), ..Scope::default() };
        if let SelectBody::Ksql(body) = &select.body {
            add_sources(&body.from, lookup, &mut scope);
        }
        ParameterContext { scope }
    }

    /// The types that an expression wants its operands to have, where they are parameters.
    pub(super) fn wanted_types<'a>(&self, ast: &'a Ast) -> Vec<(&'a Ast, SqlType)> {
        let beside = |parameter: &'a Ast, other: &Ast| {
            placeholder(parameter)?;
            Some((parameter, self.type_of(other)?))
        };
        match ast {
            Ast::BinaryOp { left, op: BinaryOperator::StringConcat, right }
            | Ast::Like { expr: left, pattern: right, .. } => {
                [left, right].map(|side| (side.as_ref(), SqlType::String)).into()
            }
            Ast::BinaryOp { left, right, .. }
            | Ast::IsDistinctFrom(left, right)
            | Ast::IsNotDistinctFrom(left, right) => {
                [beside(left, right), beside(right, left)].into_iter().flatten().collect()
            }
            Ast::Between { expr, low, high, .. } => {
                [beside(low, expr), beside(high, expr), beside(expr, low)].into_iter().flatten().collect()
            }
            Ast::InList { expr, list, .. } => {
                let first = list.first().and_then(|first| beside(expr, first));
                list.iter().filter_map(|member| beside(member, expr)).chain(first).collect()
            }
            Ast::Cast { expr, data_type, .. } => {
                let target = SqlType::from_ast(data_type).ok();
                target.map(|target| (expr.as_ref(), target)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// The type of an operand, where it needs no planning to be told.
    fn type_of(&self, ast: &Ast) -> Option<SqlType> {
        if let Some((base, field)) = field_access(ast) {
            let SqlType::Struct(fields) = self.type_of(base)? else { return None };
            let name = stored_name(field);
            return fields.into_iter().find(|field| field.name == name).map(|field| field.data_type);
        }
        let (source, column) = match ast {
            Ast::Nested(inner) => return self.type_of(inner),
            Ast::Cast { data_type, .. } => return SqlType::from_ast(data_type).ok(),
            Ast::Identifier(column) => (None, column),
            Ast::CompoundIdentifier(parts) => match parts.as_slice() {
                [.., source, column] => (Some(Name::from(source)), column),
                _ => return None,
            },
            _ => return None,
        };
        let found = self.scope.resolve_column(source.as_ref(), &Name::from(column), Clause::Where).ok()?;
        self.scope.column_type(found.as_column()?).ok()
    }
}

fn add_sources(relation: &Relation, lookup: &dyn Lookup, scope: &mut Scope) {
    match relation {
        Relation::Source { name, alias, .. } => {
            let Some(source) = lookup.resolve(name) else { return };
            let alias = alias.as_ref().map_or_else(|| source.name.clone(), |alias| alias.value.clone());
            scope.sources.extend(ScopeSource::new(alias, source).ok());
        }
        Relation::Join(join) => {
            add_sources(&join.left, lookup, scope);
            add_sources(&join.right, lookup, scope);
        }
    }
}
