//! Functions that know their types, which is all that planning asks of them.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields};
use datafusion_common::{Result, ScalarValue, not_impl_err, plan_err};
use datafusion_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use tidemill_sql::analyzer::decimal::{self, Digits};
use tidemill_sql::analyzer::reserved;
use tidemill_sql::lookup::AggregateFunction;
use tidemill_sql::type_system::SqlType;

type ReturnType = fn(&[DataType], &[Option<ScalarValue>]) -> Option<DataType>;

const SCALARS: [(&str, ReturnType); 27] = [
    (reserved::DIVIDE, first),
    (reserved::MODULO, first),
    (reserved::DECIMAL_ADD, |types, _| decimal_result(types, decimal::add)),
    (reserved::DECIMAL_SUBTRACT, |types, _| decimal_result(types, decimal::add)),
    (reserved::DECIMAL_MULTIPLY, |types, _| decimal_result(types, decimal::multiply)),
    (reserved::DECIMAL_DIVIDE, |types, _| decimal_result(types, decimal::divide)),
    (reserved::DECIMAL_MODULO, |types, _| decimal_result(types, decimal::modulo)),
    (reserved::CAST, |types, _| types.get(1).cloned()),
    (reserved::EQUAL, boolean),
    (reserved::NOT_DISTINCT, boolean),
    (reserved::LIKE, boolean),
    (reserved::SUBSCRIPT, |types, _| match types.first()? {
        DataType::List(item) => Some(item.data_type().clone()),
        DataType::Map(entries, _) => Some(fields(entries.data_type())?.get(1)?.data_type().clone()),
        _ => None,
    }),
    (reserved::FIELD, |types, constants| {
        let Some(Some(ScalarValue::Utf8(Some(name)))) = constants.get(1) else {
            return None;
        };
        let field = fields(types.first()?)?.iter().find(|field| field.name() == name)?;
        Some(field.data_type().clone())
    }),
    (reserved::ARRAY, |types, _| {
        Some(DataType::List(Arc::new(Field::new("item", types.first()?.clone(), true))))
    }),
    (reserved::MAP, |types, _| {
        let entries = Fields::from(vec![
            Field::new("key", types.first()?.clone(), false),
            Field::new("value", types.get(1)?.clone(), true),
        ]);
        Some(DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false))
    }),
    (reserved::STRUCT, |types, constants| {
        let fields = constants.iter().zip(types.iter().skip(1)).step_by(2).map(|(name, data_type)| {
            let Some(ScalarValue::Utf8(Some(name))) = name else {
                return None;
            };
            Some(Field::new(name, data_type.clone(), true))
        });
        Some(DataType::Struct(fields.collect::<Option<Fields>>()?))
    }),
    ("ABS", |types, _| types.first().filter(|data_type| data_type.is_numeric()).cloned()),
    ("ARRAY_LENGTH", |types, _| matches!(types, [DataType::List(_)]).then_some(DataType::Int32)),
    ("COALESCE", first),
    ("CONCAT", text),
    ("GEO_DISTANCE", |types, _| {
        (types.len() >= 4 && types.iter().all(DataType::is_numeric)).then_some(DataType::Float64)
    }),
    ("LEN", |types, _| matches!(types, [DataType::Utf8]).then_some(DataType::Int32)),
    ("RANDOM", |types, _| types.is_empty().then_some(DataType::Float64)),
    ("SUBSTRING", |types, _| matches!(types, [DataType::Utf8, ..]).then_some(DataType::Utf8)),
    ("TIMESTAMPADD", |types, _| types.get(2).cloned()),
    ("TRIM", text),
    ("UCASE", text),
];

/// The function of a name in any case.
pub(crate) fn scalar_function(name: &str) -> Option<Arc<ScalarUDF>> {
    let (name, return_type) = SCALARS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    let signature = Signature::new(TypeSignature::UserDefined, Volatility::Immutable);
    Some(Arc::new(ScalarUDF::new_from_impl(TypedFunction { name, return_type: *return_type, signature })))
}

/// The table function of a name in any case, as the function that gives its list.
pub(crate) fn table_function(name: &str) -> Option<Arc<ScalarUDF>> {
    const TABLE: [(&str, ReturnType); 1] =
        [("EXPLODE", |types, _| types.first().filter(|list| matches!(list, DataType::List(_))).cloned())];
    let (name, return_type) = TABLE.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    let signature = Signature::new(TypeSignature::UserDefined, Volatility::Immutable);
    Some(Arc::new(ScalarUDF::new_from_impl(TypedFunction { name, return_type: *return_type, signature })))
}

/// Names of the functions users can call.
pub(crate) fn scalar_names() -> impl Iterator<Item = &'static str> {
    SCALARS.iter().map(|(name, _)| *name).filter(|name| !reserved::is_reserved(name))
}

struct TypedFunction {
    name: &'static str,
    return_type: ReturnType,
    signature: Signature,
}

impl std::fmt::Debug for TypedFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for TypedFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for TypedFunction {}

impl std::hash::Hash for TypedFunction {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for TypedFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let by_value = [reserved::FIELD, reserved::STRUCT].contains(&self.name);
        if !by_value && (self.return_type)(arg_types, &[]).is_none() {
            return plan_err!("no such arguments");
        }
        Ok(arg_types.to_vec())
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        not_impl_err!("{} tells its type from its arguments", self.name)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let constants: Vec<Option<ScalarValue>> =
            args.scalar_arguments.iter().map(|constant| constant.cloned()).collect();
        match (self.return_type)(&types, &constants) {
            Some(data_type) => Ok(Arc::new(Field::new(self.name, data_type, true))),
            None => plan_err!("{} does not take {types:?}", self.name),
        }
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        not_impl_err!("plans are not executed here")
    }
}

#[derive(Debug)]
struct TypedAggregate {
    name: &'static str,
    retractable: bool,
    literals_from: usize,
    return_type: fn(&[DataType]) -> Option<DataType>,
}

static AGGREGATES: [TypedAggregate; 8] = [
    TypedAggregate {
        name: "AVG",
        retractable: true,
        literals_from: 1,
        return_type: |types| {
            types.first().filter(|data_type| data_type.is_numeric()).map(|_| DataType::Float64)
        },
    },
    TypedAggregate { name: "COLLECT_LIST", retractable: true, literals_from: 1, return_type: list_of_first },
    TypedAggregate {
        name: "COUNT",
        retractable: true,
        literals_from: 1,
        return_type: |_| Some(DataType::Int64),
    },
    TypedAggregate { name: "LATEST_BY_OFFSET", retractable: false, literals_from: 1, return_type: same },
    TypedAggregate { name: "MAX", retractable: false, literals_from: 1, return_type: same },
    TypedAggregate { name: "MIN", retractable: false, literals_from: 1, return_type: same },
    TypedAggregate {
        name: "SUM",
        retractable: true,
        literals_from: 1,
        return_type: |types| types.first().filter(|data_type| data_type.is_numeric()).cloned(),
    },
    TypedAggregate { name: "TOPK", retractable: false, literals_from: 1, return_type: list_of_first },
];

/// The aggregate function of a name in any case.
pub(crate) fn aggregate_function(name: &str) -> Option<Arc<dyn AggregateFunction>> {
    let found = AGGREGATES.iter().find(|aggregate| aggregate.name.eq_ignore_ascii_case(name))?;
    Some(Arc::new(Shared(found)))
}

/// Names of the aggregate functions.
pub(crate) fn aggregate_names() -> impl Iterator<Item = &'static str> {
    AGGREGATES.iter().map(|aggregate| aggregate.name)
}

#[derive(Debug)]
struct Shared(&'static TypedAggregate);

impl AggregateFunction for Shared {
    fn name(&self) -> &str {
        self.0.name
    }

    fn return_type(
        &self,
        arguments: &[DataType],
        _constants: &[Option<ScalarValue>],
    ) -> std::result::Result<DataType, String> {
        (self.0.return_type)(arguments)
            .ok_or_else(|| format!("Function '{}' does not accept parameters.", self.0.name))
    }

    fn is_literal(&self, index: usize, _count: usize) -> bool {
        index >= self.0.literals_from
    }

    fn retractable(&self) -> bool {
        self.0.retractable
    }

    fn description(&self) -> &str {
        self.0.name
    }
}

fn first(types: &[DataType], _constants: &[Option<ScalarValue>]) -> Option<DataType> {
    types.first().cloned()
}

fn boolean(_types: &[DataType], _constants: &[Option<ScalarValue>]) -> Option<DataType> {
    Some(DataType::Boolean)
}

fn text(types: &[DataType], _constants: &[Option<ScalarValue>]) -> Option<DataType> {
    (!types.is_empty() && types.iter().all(|data_type| *data_type == DataType::Utf8))
        .then_some(DataType::Utf8)
}

fn same(types: &[DataType]) -> Option<DataType> {
    types.first().cloned()
}

fn list_of_first(types: &[DataType]) -> Option<DataType> {
    Some(DataType::List(Arc::new(Field::new("item", types.first()?.clone(), true))))
}

fn decimal_result(types: &[DataType], rule: fn(Digits, Digits) -> Digits) -> Option<DataType> {
    let digits = |data_type: &DataType| Digits::of(&SqlType::from_arrow(data_type).ok()?);
    rule(digits(types.first()?)?, digits(types.get(1)?)?).sql_type().to_arrow().ok()
}

fn fields(data_type: &DataType) -> Option<&Fields> {
    match data_type {
        DataType::Struct(fields) => Some(fields),
        _ => None,
    }
}
