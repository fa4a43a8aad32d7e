//! Table functions: EXPLODE and CUBE_EXPLODE.
//!
//! A table function is computed like a scalar one and gives a list; the plan makes a row of every element.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, UInt32Array};
use arrow::compute;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};

use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
use super::elements::{Elements, nulls_of, of_type, offsets_of};
use crate::expressions::failures;

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "explode",
        category: Category::Table,
        description: "Gives a row for every element of an ARRAY.",
        overloads: &[
            Overload {
                signature: "(input ARRAY<DECIMAL>)",
                returns: Returns::Rule(same_type),
                evaluate: Evaluate::Arrays(same),
            },
            Overload {
                signature: "(list ARRAY<T>)",
                returns: Returns::Type("ARRAY<T>"),
                evaluate: Evaluate::Arrays(same),
            },
        ],
        examples: &[
            "EXPLODE(ARRAY[1, 2]) = rows 1, 2",
            "SELECT id, EXPLODE(items) AS item FROM orders EMIT CHANGES",
        ],
        is_deterministic: true,
    },
    Declaration {
        name: "cube_explode",
        category: Category::Table,
        description: "Gives a row for every choice of an ARRAY's elements, with NULL in the places of the others: \
                      two to the power of the number of elements that are not NULL.",
        overloads: &[Overload {
            signature: "(columns ARRAY<T>)",
            returns: Returns::Type("ARRAY<ARRAY<T>>"),
            evaluate: Evaluate::Arrays(cube),
        }],
        examples: &[
            "CUBE_EXPLODE(ARRAY['x', 'y']) = rows [null, null], [null, y], [x, null], [x, y]",
            "SELECT id, CUBE_EXPLODE(ARRAY[city, product]) AS dimensions FROM orders EMIT CHANGES",
        ],
        is_deterministic: true,
    },
];

fn same_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match types.first() {
        Some(list @ DataType::List(_)) => Ok(list.clone()),
        _ => {
            plan_err!("Function 'explode' cannot tell the type of its rows: write CAST(NULL AS ARRAY<type>).")
        }
    }
}

fn same(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let [list] = columns else { return exec_err!("one ARRAY is exploded") };
    of_type(list.clone(), data_type)
}

/// Elements of which there may be choices: each doubles the rows.
const CUBE_MAX: usize = 20;

/// Elements in all choices of a batch; a batch of more is evaluated in parts.
const BATCH_MAX: usize = 1 << 26;

fn cube(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let ([list], DataType::List(outer)) = (columns, data_type) else {
        return exec_err!("the elements of one ARRAY are chosen");
    };
    let DataType::List(inner) = outer.data_type() else { return exec_err!("a choice is an ARRAY") };
    let elements = Elements::of(list)?;
    let values = &elements.columns[0];
    let mut chosen: Vec<Option<u32>> = Vec::new();
    let mut choices: Vec<usize> = Vec::new();
    let mut lengths = Vec::with_capacity(list.len());
    let mut valid = Vec::with_capacity(list.len());
    for row in 0..list.len() {
        let of_row = elements.range(row);
        let (before, count) = (choices.len(), of_row.len());
        let fits = count <= CUBE_MAX;
        if !fits {
            failures::note(|| format!("CUBE_EXPLODE takes at most {CUBE_MAX} elements, not {count}"));
        }
        if list.is_valid(row) && fits {
            // The first element is the highest bit, so that the last one changes from row to row.
            let bit = |element: usize| 1_u32 << (of_row.end - 1 - element);
            let known = of_row.clone().filter(|element| values.is_valid(*element));
            let known: u32 = known.map(bit).sum();
            for choice in (0..1_u32 << count).filter(|choice| choice & !known == 0) {
                let is_chosen = |element: &usize| choice & bit(*element) != 0;
                chosen.extend(of_row.clone().map(|element| is_chosen(&element).then_some(element as u32)));
                choices.push(count);
            }
        }
        if chosen.len() > BATCH_MAX && list.len() > 1 {
            return exec_err!("the choices of a batch have more than {BATCH_MAX} elements");
        }
        lengths.push(choices.len() - before);
        valid.push(list.is_valid(row) && fits);
    }
    let chosen = compute::take(values, &UInt32Array::from(chosen), None)?;
    let chosen = of_type(chosen, inner.data_type())?;
    let choices = Arc::new(ListArray::try_new(inner.clone(), offsets_of(&choices)?, chosen, None)?);
    Ok(Arc::new(ListArray::try_new(outer.clone(), offsets_of(&lengths)?, choices, nulls_of(valid))?))
}
