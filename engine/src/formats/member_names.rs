//! Which member of a record a column takes, where records name their members.
//!
//! The rule is ksqlDB's, and that of every format: a column takes the member of exactly its name, else the
//! last member whose name in upper case is its name. A name that a statement writes without quotes is in
//! upper case and finds its member in any case; a quoted one with lower-case letters finds its own alone.
//! JSON has the rule in its object reader, which looks a name up once.

use arrow::datatypes::Fields;

/// Where the member stands that a column takes.
pub(super) fn member_of_column<'n>(
    members: impl DoubleEndedIterator<Item = &'n str> + ExactSizeIterator + Clone,
    column: &str,
) -> Option<usize> {
    let exact = members.clone().position(|member| member == column);
    exact.or_else(|| members.clone().rposition(|member| member.to_uppercase() == column))
}

/// Where the column stands that takes a member.
pub(super) fn column_of_member(columns: &Fields, member: &str) -> Option<usize> {
    let position = |name: &str| columns.iter().position(|column| column.name() == name);
    position(member).or_else(|| position(&member.to_uppercase()))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};

    use super::*;

    #[test]
    fn quoted_lower_case_finds_its_own_member_and_upper_case_any() {
        let members = ["Total", "net", "NET", "total"];
        for (column, member) in
            [("TOTAL", Some(3)), ("Total", Some(0)), ("NET", Some(2)), ("net", Some(1)), ("tOTAL", None)]
        {
            assert_eq!(member_of_column(members.iter().copied(), column), member, "{column}");
        }
        let field = |name: &str| Field::new(name, DataType::Int32, true);
        let columns = Fields::from(vec![field("TOTAL"), field("net")]);
        for (member, column) in [("Total", Some(0)), ("net", Some(1)), ("Net", None)] {
            assert_eq!(column_of_member(&columns, member), column, "{member}");
        }
    }
}
