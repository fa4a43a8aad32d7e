//! Comparisons of DOUBLEs as ksqlDB makes them: NaN is neither less nor greater than a number, equals nothing,
//! and differs from nothing. Arrow's comparisons give NaN a place in the order of numbers, so that it would
//! pass `HAVING CORRELATION(a, b) > 0.5`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, new_null_array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue, exec_err};
use datafusion::logical_expr::expr::Between;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};

/// The expression with its comparisons of DOUBLEs made in this way.
pub(super) fn with_own_comparisons(expression: &Expr, schema: &DFSchema) -> Result<Expr> {
    let is_double = |operand: &Expr| operand.get_type(schema).is_ok_and(|found| found == DataType::Float64);
    let rewritten = expression.clone().transform(|part| {
        let own = match &part {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_double(left) && is_double(right) => {
                comparison(left, *op, right)
            }
            Expr::Between(Between { expr, negated: false, low, high }) if is_double(expr) => {
                let above = comparison(expr, Operator::GtEq, low);
                above.zip(comparison(expr, Operator::LtEq, high)).map(|(above, below)| above.and(below))
            }
            _ => None,
        };
        Ok(match own {
            Some(own) => Transformed::yes(own),
            None => Transformed::no(part),
        })
    })?;
    Ok(rewritten.data)
}

/// The call that compares two DOUBLEs; none for an operator that does not compare.
fn comparison(left: &Expr, operator: Operator, right: &Expr) -> Option<Expr> {
    let comparison = COMPARISONS.iter().find(|comparison| comparison.operator == operator)?;
    Some(comparison.function.call(vec![left.clone(), right.clone()]))
}

/// A comparison and the function that makes it.
struct Comparison {
    operator: Operator,
    function: ScalarUDF,
}

static COMPARISONS: LazyLock<[Comparison; 6]> = LazyLock::new(|| {
    use Operator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    [
        (Eq, "tidemill_double_equal"),
        (NotEq, "tidemill_double_not_equal"),
        (Lt, "tidemill_double_less"),
        (LtEq, "tidemill_double_less_or_equal"),
        (Gt, "tidemill_double_greater"),
        (GtEq, "tidemill_double_greater_or_equal"),
    ]
    .map(|(operator, name)| {
        let signature = Signature::exact(vec![DataType::Float64; 2], Volatility::Immutable);
        let function = ScalarUDF::new_from_impl(DoubleComparison { operator, name, signature });
        Comparison { operator, function }
    })
});

/// A comparison of DOUBLEs.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct DoubleComparison {
    operator: Operator,
    name: &'static str,
    signature: Signature,
}

impl ScalarUDFImpl for DoubleComparison {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = &args.args[..] else { return exec_err!("two numbers are compared") };
        // Each comparison is compiled for itself: what it is is decided once for a batch.
        match self.operator {
            Operator::Eq => compare(left, right, args.number_rows, |left, right| left == right),
            Operator::NotEq => compare(left, right, args.number_rows, |left, right| {
                left != right && !left.is_nan() && !right.is_nan()
            }),
            Operator::Lt => compare(left, right, args.number_rows, |left, right| left < right),
            Operator::LtEq => compare(left, right, args.number_rows, |left, right| left <= right),
            Operator::Gt => compare(left, right, args.number_rows, |left, right| left > right),
            Operator::GtEq => compare(left, right, args.number_rows, |left, right| left >= right),
            other => exec_err!("numbers are not compared with {other}"),
        }
    }
}

fn compare(
    left: &ColumnarValue,
    right: &ColumnarValue,
    rows: usize,
    holds: impl Fn(f64, f64) -> bool,
) -> Result<ColumnarValue> {
    let compared: ArrayRef = match (left, right) {
        (ColumnarValue::Array(left), ColumnarValue::Array(right)) => {
            Arc::new(BooleanArray::from_binary(doubles(left)?, doubles(right)?, holds))
        }
        (ColumnarValue::Array(left), ColumnarValue::Scalar(right)) => match double(right)? {
            Some(right) => Arc::new(BooleanArray::from_unary(doubles(left)?, |left| holds(left, right))),
            None => new_null_array(&DataType::Boolean, rows),
        },
        (ColumnarValue::Scalar(left), ColumnarValue::Array(right)) => match double(left)? {
            Some(left) => Arc::new(BooleanArray::from_unary(doubles(right)?, |right| holds(left, right))),
            None => new_null_array(&DataType::Boolean, rows),
        },
        (ColumnarValue::Scalar(left), ColumnarValue::Scalar(right)) => {
            let compared = double(left)?.zip(double(right)?).map(|(left, right)| holds(left, right));
            return Ok(ColumnarValue::Scalar(ScalarValue::Boolean(compared)));
        }
    };
    Ok(ColumnarValue::Array(compared))
}

fn doubles(column: &ArrayRef) -> Result<&Float64Array> {
    match column.as_primitive_opt::<Float64Type>() {
        Some(doubles) => Ok(doubles),
        None => exec_err!("DOUBLEs are compared, not {}", column.data_type()),
    }
}

fn double(value: &ScalarValue) -> Result<Option<f64>> {
    match value {
        ScalarValue::Float64(value) => Ok(*value),
        ScalarValue::Null => Ok(None),
        other => exec_err!("DOUBLEs are compared, not {}", other.data_type()),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, RecordBatch};
    use arrow::datatypes::{Field, Schema};
    use datafusion::logical_expr::{ident, lit};

    use super::*;
    use crate::expressions::CompiledExpression;

    #[test]
    fn nan_is_in_no_order_with_numbers() {
        let column = |name: &str| Field::new(name, DataType::Float64, true);
        let schema = Arc::new(Schema::new(vec![column("A"), column("B")]));
        // The sign of NaN makes no difference.
        let left = vec![Some(1.0), Some(f64::NAN), Some(-f64::NAN), Some(-0.0), None, Some(2.0)];
        let right = vec![Some(1.0), Some(1.0), Some(f64::NAN), Some(0.0), Some(1.0), Some(1.0)];
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Float64Array::from(left)), Arc::new(Float64Array::from(right))];
        let batch = RecordBatch::try_new(schema.clone(), columns).expect("columns fit the schema");
        let known = DFSchema::try_from(schema.as_ref().clone()).expect("a legal schema");
        let shown = |expression: Expr| {
            let compiled = CompiledExpression::new(&expression, &known).expect("a legal expression");
            let values = compiled.evaluate(&batch, &mut Vec::new()).expect("values");
            let values = values.as_boolean().clone();
            let mark = |row: usize| match values.is_valid(row) {
                true if values.value(row) => 't',
                true => 'f',
                false => '_',
            };
            (0..values.len()).map(mark).collect::<String>()
        };
        let (a, b) = (|| ident("A"), || ident("B"));
        assert_eq!(shown(a().eq(b())), "tfft_f");
        assert_eq!(shown(a().not_eq(b())), "ffff_t");
        assert_eq!(shown(a().gt(b())), "ffff_t");
        assert_eq!(shown(a().gt_eq(b())), "tfft_t");
        assert_eq!(shown(a().lt_eq(b())), "tfft_f");
        assert_eq!(shown(b().lt(a())), "ffff_t");
        assert_eq!(shown(a().gt(lit(-5.0))), "tfft_t");
        assert_eq!(shown(a().between(lit(1.0), b())), "tfff_f");
        assert_eq!(shown(lit(5.0).gt(a())), "tfft_t");
        let null = Expr::Literal(ScalarValue::Float64(None), None);
        assert_eq!(shown(a().gt(null)), "______");
        assert_eq!(shown(lit(2.0).gt(lit(1.0))), "tttttt");
    }
}
