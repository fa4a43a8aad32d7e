//! Which member of a record a column takes in AVRO and PROTOBUF.
//!
//! A column takes the member of exactly its name, else the last one whose name differs from its own in case
//! alone. As in ksqlDB it makes no difference whether a statement wrote the column's name in quotes: members
//! of AVRO and PROTOBUF are found in any case. The exact name goes first so that columns which differ in case
//! alone each have their own. JSON and JSON_SR have a stricter rule, in the object reader of JSON.

use arrow::datatypes::Fields;

/// Where the member stands that a column takes.
pub(super) fn member_of_column<'n>(
    members: impl DoubleEndedIterator<Item = &'n str> + ExactSizeIterator + Clone,
    column: &str,
) -> Option<usize> {
    let exact = members.clone().position(|member| member == column);
    let upper = column.to_uppercase();
    exact.or_else(|| members.clone().rposition(|member| member.to_uppercase() == upper))
}

/// Where the column stands that takes a member.
pub(super) fn column_of_member(columns: &Fields, member: &str) -> Option<usize> {
    let exact = columns.iter().position(|column| column.name() == member);
    let upper = member.to_uppercase();
    exact.or_else(|| columns.iter().position(|column| column.name().to_uppercase() == upper))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};

    use super::*;

    #[test]
    fn members_are_found_in_any_case_and_the_exact_name_goes_first() {
        let members = ["Total", "net", "NET", "total"];
        for (column, member) in [
            ("TOTAL", Some(3)),
            ("tOTAL", Some(3)),
            ("Total", Some(0)),
            ("NET", Some(2)),
            ("net", Some(1)),
            ("Net", Some(2)),
            ("gross", None),
        ] {
            assert_eq!(member_of_column(members.iter().copied(), column), member, "{column}");
        }
        let field = |name: &str| Field::new(name, DataType::Int32, true);
        let columns = Fields::from(vec![field("TOTAL"), field("net"), field("NET")]);
        for (member, column) in
            [("Total", Some(0)), ("net", Some(1)), ("NET", Some(2)), ("Net", Some(1)), ("gross", None)]
        {
            assert_eq!(column_of_member(&columns, member), column, "{member}");
        }
    }
}
