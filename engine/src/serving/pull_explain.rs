//! What a query over what is there now does, in the words of its clauses: for EXPLAIN.
//!
//! The lines are those of the plan that is run, from the result down to what is read; of each stream and
//! table they say whether keys are looked up or all of it is read.

use datafusion::common::JoinType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::logical_plan::{Aggregate, FetchType, Join, Limit, SkipType, Sort, TableScan};
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::source_table::SourceTable;
use crate::expressions::sql_text;

/// How DataFusion calls a list that it is about to make rows of.
const UNNESTED: &str = "__unnest_placeholder(";

/// The lines of a plan.
pub(super) fn lines(plan: &LogicalPlan) -> Vec<String> {
    let mut lines = Vec::new();
    add(plan, 1, &mut lines);
    lines
}

fn add(plan: &LogicalPlan, depth: usize, lines: &mut Vec<String>) {
    let below = match line(plan) {
        Some(line) => {
            lines.push(format!("{}{line}", "  ".repeat(depth)));
            depth + 1
        }
        None => depth,
    };
    for input in plan.inputs() {
        add(input, below, lines);
    }
    for subquery in subqueries(plan) {
        lines.push(format!("{}Subquery", "  ".repeat(below)));
        add(&subquery, below + 1, lines);
    }
}

/// The line of a node; `None` for one that only gives names.
fn line(plan: &LogicalPlan) -> Option<String> {
    Some(match plan {
        LogicalPlan::Projection(projection) => format!("Project {}", list(&projection.expr, plan)),
        LogicalPlan::Filter(filter) => format!("Filter {}", text(&filter.predicate, plan)),
        LogicalPlan::Window(window) => format!("Window {}", list(&window.window_expr, plan)),
        LogicalPlan::Aggregate(aggregate) => aggregate_line(aggregate, plan),
        LogicalPlan::Sort(sort) => sort_line(sort, plan),
        LogicalPlan::Join(join) => join_line(join, plan),
        LogicalPlan::Limit(limit) => limit_line(limit),
        LogicalPlan::Union(_) => "Union".to_owned(),
        LogicalPlan::Distinct(_) => "Distinct".to_owned(),
        LogicalPlan::Unnest(_) => "Make rows of lists".to_owned(),
        LogicalPlan::RecursiveQuery(_) => "Repeat until no row is new".to_owned(),
        LogicalPlan::TableScan(scan) => scan_line(scan),
        LogicalPlan::Values(values) => format!("{} rows that are written out", values.values.len()),
        LogicalPlan::EmptyRelation(empty) if empty.produce_one_row => "One row".to_owned(),
        LogicalPlan::EmptyRelation(_) => "No rows".to_owned(),
        LogicalPlan::SubqueryAlias(_) | LogicalPlan::Subquery(_) | LogicalPlan::Repartition(_) => {
            return None;
        }
        other => other.display().to_string(),
    })
}

fn aggregate_line(Aggregate { group_expr, aggr_expr, .. }: &Aggregate, node: &LogicalPlan) -> String {
    match (aggr_expr.as_slice(), group_expr.as_slice()) {
        (aggregates, []) => format!("Aggregate {}", list(aggregates, node)),
        ([], groups) => format!("Group by {}", list(groups, node)),
        (aggregates, groups) => format!("Aggregate {} by {}", list(aggregates, node), list(groups, node)),
    }
}

fn sort_line(Sort { expr, fetch, .. }: &Sort, node: &LogicalPlan) -> String {
    let keys: Vec<String> = expr
        .iter()
        .map(|key| {
            let direction = if key.asc { "" } else { " DESC" };
            // What SQL has where nothing is said.
            let nulls = match (key.nulls_first, key.asc) {
                (true, true) => " NULLS FIRST",
                (false, false) => " NULLS LAST",
                _ => "",
            };
            format!("{}{direction}{nulls}", text(&key.expr, node))
        })
        .collect();
    match fetch {
        Some(rows) => format!("Sort by {}, first {rows}", keys.join(", ")),
        None => format!("Sort by {}", keys.join(", ")),
    }
}

fn join_line(Join { join_type, on, filter, .. }: &Join, node: &LogicalPlan) -> String {
    let equal = on.iter().map(|(left, right)| format!("{} = {}", text(left, node), text(right, node)));
    let conditions: Vec<String> = equal.chain(filter.as_ref().map(|filter| text(filter, node))).collect();
    let kind = match join_type {
        JoinType::Inner => "Join",
        JoinType::Left => "Left join",
        JoinType::Right => "Right join",
        JoinType::Full => "Full join",
        JoinType::LeftSemi | JoinType::RightSemi => "Rows with a match",
        JoinType::LeftAnti | JoinType::RightAnti => "Rows without a match",
        JoinType::LeftMark | JoinType::RightMark => "Rows and whether they have a match",
    };
    match conditions.as_slice() {
        [] => format!("{kind} of all with all"),
        conditions => format!("{kind} on {}", conditions.join(" AND ")),
    }
}

fn limit_line(limit: &Limit) -> String {
    let skipped = match limit.get_skip_type() {
        Ok(SkipType::Literal(0)) => String::new(),
        Ok(SkipType::Literal(rows)) => format!(" behind the first {rows}"),
        _ => " behind some".to_owned(),
    };
    match limit.get_fetch_type() {
        Ok(FetchType::Literal(Some(rows))) => format!("Limit {rows}{skipped}"),
        Ok(FetchType::Literal(None)) => format!("All rows{skipped}"),
        _ => format!("Limit{skipped}"),
    }
}

fn scan_line(scan: &TableScan) -> String {
    let provider = source_as_provider(&scan.source).ok();
    let access = provider.as_ref().and_then(|provider| provider.downcast_ref::<SourceTable>());
    let access = access.map_or_else(|| scan.table_name.to_string(), |table| table.access(&scan.filters));
    match scan.fetch {
        Some(rows) => format!("Read {access}, at most {rows} rows"),
        None => format!("Read {access}"),
    }
}

/// The texts of a node's expressions, as a list.
fn list(expressions: &[Expr], node: &LogicalPlan) -> String {
    expressions.iter().map(|expression| text(expression, node)).collect::<Vec<_>>().join(", ")
}

/// The text of an expression of a node. What a node below has computed under no name of its own is written as
/// it is computed.
fn text(expression: &Expr, node: &LogicalPlan) -> String {
    let inputs = node.inputs();
    let written = expression.clone().transform_up(|inner| {
        let origin = match &inner {
            Expr::Column(column) => inputs.iter().find_map(|input| origin(input, &column.name)),
            _ => None,
        };
        Ok(origin.map_or_else(|| Transformed::no(inner), Transformed::yes))
    });
    written.map_or_else(|_| sql_text(expression), |written| sql_text(&written.data))
}

/// What a column is computed from, as far down as it is passed on under the same name.
fn origin(node: &LogicalPlan, name: &str) -> Option<Expr> {
    let named_so = |expression: &&Expr| expression.schema_name().to_string() == name;
    let computed: Vec<&Expr> = match node {
        LogicalPlan::Projection(projection) => projection.expr.iter().collect(),
        LogicalPlan::Window(window) => window.window_expr.iter().collect(),
        LogicalPlan::Aggregate(aggregate) => {
            aggregate.aggr_expr.iter().chain(&aggregate.group_expr).collect()
        }
        LogicalPlan::Unnest(unnest) => {
            // The elements are named after the list, with the depth at which they are taken out of it.
            let list =
                name.split_once(",depth=").map_or_else(|| name.to_owned(), |(list, _)| format!("{list})"));
            return origin(&unnest.input, &list);
        }
        LogicalPlan::Filter(_) | LogicalPlan::Sort(_) | LogicalPlan::Limit(_) | LogicalPlan::Distinct(_) => {
            return node.inputs().first().and_then(|input| origin(input, name));
        }
        _ => return None,
    };
    match computed.into_iter().find(named_so)? {
        Expr::Alias(alias) if alias.name.starts_with(UNNESTED) => Some(alias.expr.as_ref().clone()),
        Expr::Alias(_) | Expr::Column(_) => None,
        computed => Some(computed.clone()),
    }
}

/// Queries that stand in a node's expressions.
fn subqueries(plan: &LogicalPlan) -> Vec<LogicalPlan> {
    let mut found = Vec::new();
    let visited = plan.apply_expressions(|expression| {
        expression.apply(|inner| {
            match inner {
                Expr::ScalarSubquery(subquery) => found.push(subquery.subquery.as_ref().clone()),
                Expr::Exists(exists) => found.push(exists.subquery.subquery.as_ref().clone()),
                Expr::InSubquery(list) => found.push(list.subquery.subquery.as_ref().clone()),
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })
    });
    // A visit that only collects cannot fail; what was found until then is shown all the same.
    debug_assert!(visited.is_ok());
    found
}
