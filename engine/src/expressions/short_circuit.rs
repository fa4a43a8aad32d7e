//! AND and OR whose right side may fail: it counts for the rows that the left side leaves open alone.
//!
//! `b <> 0 AND a / b > 1` must not fail where `b` is 0. `DataFusion` computes the right side of a batch for all
//! rows or for few, as it is faster; the notes of failures in rows that the left side decides would then have
//! every batch taken apart. Here the right side is computed for all rows as long as nothing fails in it, and
//! for the open ones otherwise.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array as _, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{and_kleene, or_kleene};
use arrow::datatypes::{DataType, Schema};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use super::failures;
use super::hidden_failures::can_fail;

/// Where fewer than one row in so many is open, the right side is computed for the open rows at once: that
/// they are gathered first costs less than it saves.
const OPEN_SHARE: usize = 5;

/// The expression with its ANDs and ORs computed in this way where that makes a difference.
pub(super) fn with_short_circuits(
    expression: Arc<dyn PhysicalExpr>,
    schema: &Schema,
) -> Result<Arc<dyn PhysicalExpr>> {
    let rewritten = expression.transform_up(|part| {
        let own = part.downcast_ref::<BinaryExpr>().and_then(|binary| ShortCircuit::of(binary, schema));
        Ok(match own {
            Some(own) => Transformed::yes(Arc::new(own) as Arc<dyn PhysicalExpr>),
            None => Transformed::no(part),
        })
    })?;
    Ok(rewritten.data)
}

/// An AND or OR whose right side may fail.
#[derive(Eq, Debug)]
struct ShortCircuit {
    left: Arc<dyn PhysicalExpr>,
    operator: Logic,
    right: Arc<dyn PhysicalExpr>,
    /// Whether the right side may be computed twice: it has no such operator within, which might do so too.
    may_try_all: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Logic {
    And,
    Or,
}

impl ShortCircuit {
    /// What an operator becomes; none where its right side cannot fail or it is another operator.
    fn of(binary: &BinaryExpr, schema: &Schema) -> Option<ShortCircuit> {
        let operator = match binary.op() {
            Operator::And => Logic::And,
            Operator::Or => Logic::Or,
            _ => return None,
        };
        let (left, right) = (binary.left(), binary.right());
        let is_boolean = |side: &Arc<dyn PhysicalExpr>| {
            side.data_type(schema).is_ok_and(|data_type| data_type == DataType::Boolean)
        };
        let may_fail = |part: &Arc<dyn PhysicalExpr>| {
            part.downcast_ref::<ScalarFunctionExpr>().is_some_and(|call| can_fail(call.name()))
        };
        if !contains(right, &may_fail) || !is_boolean(left) || !is_boolean(right) {
            return None;
        }
        Some(ShortCircuit::new(left.clone(), operator, right.clone()))
    }

    fn new(left: Arc<dyn PhysicalExpr>, operator: Logic, right: Arc<dyn PhysicalExpr>) -> ShortCircuit {
        let may_try_all = !contains(&right, &|part| part.downcast_ref::<ShortCircuit>().is_some());
        ShortCircuit { left, operator, right, may_try_all }
    }

    /// The right side, with its values in the open rows; in others are some values or NULL.
    fn right_in(&self, batch: &RecordBatch, open: BooleanBuffer, open_rows: usize) -> Result<ColumnarValue> {
        let rows = batch.num_rows();
        if open_rows == rows {
            return self.right.evaluate(batch);
        }
        if self.may_try_all && open_rows >= rows / OPEN_SHARE {
            let (right, noted) = failures::collect(|| self.right.evaluate(batch));
            if noted.count == 0
                && let Ok(right) = right
            {
                return Ok(right);
            }
        }
        self.right.evaluate_selection(batch, &BooleanArray::new(open, None))
    }
}

impl PhysicalExpr for ShortCircuit {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        Ok(self.left.nullable(schema)? || self.right.nullable(schema)?)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let rows = batch.num_rows();
        let left = self.left.evaluate(batch)?.into_array(rows)?;
        let known = as_boolean_array(&left)?;
        let undecided = match self.operator {
            Logic::And => known.values().clone(),
            Logic::Or => !known.values(),
        };
        let open = match known.nulls() {
            Some(nulls) => &undecided | &!nulls.inner(),
            None => undecided,
        };
        let open_rows = open.count_set_bits();
        if open_rows == 0 {
            return Ok(ColumnarValue::Array(left));
        }
        let right = self.right_in(batch, open, open_rows)?.into_array(rows)?;
        let right = as_boolean_array(&right)?;
        let both = match self.operator {
            Logic::And => and_kleene(known, right)?,
            Logic::Or => or_kleene(known, right)?,
        };
        Ok(ColumnarValue::Array(Arc::new(both)))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.left, &self.right]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let Ok([left, right]) = <[_; 2]>::try_from(children) else {
            return internal_err!("an operator has two sides");
        };
        Ok(Arc::new(ShortCircuit::new(left, self.operator, right)))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.left.fmt_sql(f)?;
        write!(f, " {} ", self.operator)?;
        self.right.fmt_sql(f)
    }
}

// The derived one would move the sides out of their places.
impl PartialEq for ShortCircuit {
    fn eq(&self, other: &ShortCircuit) -> bool {
        self.operator == other.operator && self.left.eq(&other.left) && self.right.eq(&other.right)
    }
}

impl Hash for ShortCircuit {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.left.hash(state);
        self.operator.hash(state);
        self.right.hash(state);
    }
}

impl fmt::Display for ShortCircuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.left, self.operator, self.right)
    }
}

impl fmt::Display for Logic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Logic::And => "AND",
            Logic::Or => "OR",
        })
    }
}

/// Whether an expression, or a part of it, is one that is looked for.
fn contains(expression: &Arc<dyn PhysicalExpr>, is_one: &dyn Fn(&Arc<dyn PhysicalExpr>) -> bool) -> bool {
    let mut found = false;
    // The closure never fails.
    let _ = expression.apply(|part| {
        found = is_one(part);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use arrow::array::{ArrayRef, AsArray as _, Int32Array};
    use arrow::datatypes::{Field, Int32Type};
    use datafusion::common::DFSchema;
    use datafusion::logical_expr::{
        Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, ident, lit,
    };

    use super::*;
    use crate::expressions::{CompiledExpression, Failure};

    static CALLS: AtomicUsize = AtomicUsize::new(0);

    /// `HUNDREDTHS(n)`: 100 / n, which fails for 0.
    #[derive(PartialEq, Eq, Hash, Debug)]
    struct Hundredths(Signature);

    impl ScalarUDFImpl for Hundredths {
        fn name(&self) -> &'static str {
            "hundredths"
        }

        fn signature(&self) -> &Signature {
            &self.0
        }

        fn return_type(&self, _: &[DataType]) -> Result<DataType> {
            Ok(DataType::Int32)
        }

        fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
            CALLS.fetch_add(1, Ordering::Relaxed);
            let numbers = args.args[0].to_array(args.number_rows)?;
            let quotients = numbers.as_primitive::<Int32Type>().iter().map(|number| {
                let quotient = number.and_then(|number| 100_i32.checked_div(number));
                if number == Some(0) {
                    failures::note(|| "division by zero".to_owned());
                }
                quotient
            });
            let quotients: Int32Array = quotients.collect();
            Ok(ColumnarValue::Array(Arc::new(quotients)))
        }
    }

    fn hundredths() -> Expr {
        let function = Hundredths(Signature::exact(vec![DataType::Int32], Volatility::Immutable));
        ScalarUDF::new_from_impl(function).call(vec![ident("n")])
    }

    /// The values of a predicate over columns `open` and `n`, what failed, and how often the function was called.
    fn evaluated(predicate: &Expr, rows: &[(Option<bool>, i32)]) -> (Vec<Option<bool>>, Vec<Failure>, usize) {
        let schema = Arc::new(Schema::new(vec![
            Field::new("open", DataType::Boolean, true),
            Field::new("n", DataType::Int32, true),
        ]));
        let open: BooleanArray = rows.iter().map(|(open, _)| *open).collect();
        let numbers: Int32Array = rows.iter().map(|(_, number)| Some(*number)).collect();
        let columns: Vec<ArrayRef> = vec![Arc::new(open), Arc::new(numbers)];
        let batch = RecordBatch::try_new(schema.clone(), columns).expect("columns fit the schema");
        let known = DFSchema::try_from(schema.as_ref().clone()).expect("a legal schema");
        let compiled = CompiledExpression::new(predicate, &known).expect("a legal expression");
        let mut failures = Vec::new();
        let before = CALLS.load(Ordering::Relaxed);
        let values = compiled.evaluate(&batch, &mut failures).expect("values");
        let calls = CALLS.load(Ordering::Relaxed) - before;
        (values.as_boolean().iter().collect(), failures, calls)
    }

    #[test]
    fn the_right_side_fails_only_in_rows_that_the_left_side_leaves_open() {
        let rows: Vec<(Option<bool>, i32)> = [Some(true), Some(false), None]
            .into_iter()
            .flat_map(|open| [0, 20, 50].map(|number| (open, number)))
            .collect();
        let above = || hundredths().gt(lit(3));
        let (values, failures, _) = evaluated(&ident("open").and(above()), &rows);
        let (t, f) = (Some(true), Some(false));
        assert_eq!(values, [None, t, f, f, f, f, None, None, f]);
        assert_eq!(failures.iter().map(|failure| failure.rows).sum::<u64>(), 2, "{failures:?}");
        let (values, failures, _) = evaluated(&ident("open").or(above()), &rows);
        assert_eq!(values, [t, t, t, None, t, f, None, t, None]);
        assert_eq!(failures.iter().map(|failure| failure.rows).sum::<u64>(), 2, "{failures:?}");

        // What fails on the left takes the whole along, whatever is on the right.
        let (values, failures, _) = evaluated(&above().and(lit(false)), &[(t, 0), (t, 20)]);
        assert_eq!(values, [None, f]);
        assert_eq!(failures.len(), 1, "{failures:?}");

        // Where all rows that would fail are decided, the batch is computed twice at most, not taken apart.
        let guarded = ident("n").not_eq(lit(0)).and(above());
        let rows: Vec<(Option<bool>, i32)> = (0..1000).map(|row| (None, row % 2 * 20)).collect();
        let (values, failures, calls) = evaluated(&guarded, &rows);
        assert_eq!(values.iter().filter(|value| **value == t).count(), 500);
        assert_eq!(failures, []);
        assert!(calls <= 2, "{calls} calls");
    }
}
