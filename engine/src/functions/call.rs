//! One call of a function of columns.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result as DfResult, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

/// The result of a call. `evaluate` is given the arguments' columns, how many rows they have, and the type of
/// the result. Literals alone are evaluated once, for one row, where they give the same value each time.
pub(super) fn evaluate_columns(
    name: &str,
    args: ScalarFunctionArgs,
    is_deterministic: bool,
    evaluate: impl FnOnce(&[ArrayRef], usize, &DataType) -> DfResult<ArrayRef>,
) -> DfResult<ColumnarValue> {
    let are_literals = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
    let is_constant = is_deterministic && are_literals;
    let rows = if is_constant { 1 } else { args.number_rows };
    let columns = args.args.into_iter().map(|argument| argument.into_array(rows));
    let columns = columns.collect::<DfResult<Vec<ArrayRef>>>()?;
    let result = evaluate(&columns, rows, args.return_field.data_type())?;
    if result.len() != rows {
        return exec_err!("'{name}' gave {} values for {rows} rows", result.len());
    }
    if is_constant {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
    }
    Ok(ColumnarValue::Array(result))
}
