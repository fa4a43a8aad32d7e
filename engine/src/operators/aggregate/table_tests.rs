//! Aggregations of tables, whose rows are taken back.

use super::test_aggregations::{Trial, of_table, refusal};
use crate::error::ErrorKind;

#[test]
fn an_update_of_a_table_moves_its_row_between_groups() {
    Trial::of(of_table(&["COUNT()", "SUM(V)"])).check(
        "+I 1 a 5
         +I 2 a 6
         -U 3 a 5
         +U 3 b 5
         -U 4 a 6
         +U 4 a 7
         -D 5 a 7
         -U 6 b 5
         +U 6 _ 5",
        "+I 1 a 1 5 1
         +U 2 a 2 11 2
         +U 3 a 1 6 3
         +I 3 b 1 5 3
         +U 4 a 1 7 4
         +U 5 a 0 0 5
         +U 6 b 0 0 6",
    );
}

#[test]
fn a_function_that_cannot_take_back_is_refused_on_a_table() {
    let error = refusal(&of_table(&["MIN(V)"]));
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.message.contains("MIN cannot be applied to a table source"), "{error}");
}
