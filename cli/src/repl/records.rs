//! Rows as records: a line for each column, one record below the other.

use super::backend::Row;
use super::table::{shown, width};

/// Characters the rule above a record takes at most: one that ran on to the next line would look like two.
const RULE_CHARACTERS_MAX: usize = 60;

/// Draws records and counts them.
pub(crate) struct Records {
    names: Vec<String>,
    name_width: usize,
    count: u64,
}

impl Records {
    /// No records yet of these columns.
    pub(crate) fn new(names: &[String]) -> Records {
        let names: Vec<String> = names.iter().map(|name| shown(Some(name))).collect();
        let name_width = names.iter().map(|name| width(name)).max().unwrap_or(0);
        Records { names, name_width, count: 0 }
    }

    /// Leaves out numbers: so many records were drawn otherwise.
    pub(crate) fn skip(&mut self, records: usize) {
        self.count += records as u64;
    }

    /// One record below its rule. A value of several lines takes as many, under each other.
    pub(crate) fn record(&mut self, row: &Row) -> String {
        self.count += 1;
        let mut lines = Vec::with_capacity(row.len() + 1);
        lines.push(String::new());
        for (name, cell) in self.names.iter().zip(row) {
            let padding = " ".repeat(self.name_width - width(name));
            let mut label = format!("{name}{padding} | ");
            for line in cell.as_deref().map_or(vec![None], |text| text.split('\n').map(Some).collect()) {
                lines.push(format!("{label}{}", shown(line)).trim_end().to_owned());
                label = format!("{} | ", " ".repeat(self.name_width));
            }
        }
        let widest = lines.iter().map(|line| width(line)).max().unwrap_or(0).min(RULE_CHARACTERS_MAX);
        let heading = format!("-[ RECORD {} ]", self.count);
        let rule = "-".repeat(widest.saturating_sub(width(&heading)));
        lines[0] = format!("{heading}{rule}");
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[Option<&str>]) -> Row {
        cells.iter().map(|cell| cell.map(str::to_owned)).collect()
    }

    #[test]
    fn a_record_has_a_line_for_each_column_below_its_number() {
        let mut records = Records::new(&["id".to_owned(), "customer".to_owned()]);
        assert_eq!(
            records.record(&row(&[Some("7"), Some("ann of the long name")])),
            "-[ RECORD 1 ]------------------\nid       | 7\ncustomer | ann of the long name"
        );
        assert_eq!(records.record(&row(&[None, Some("")])), "-[ RECORD 2 ]--\nid       | null\ncustomer |");
        records.skip(2);
        assert!(records.record(&row(&[Some("8"), None])).starts_with("-[ RECORD 5 ]"));
    }

    #[test]
    fn lines_of_a_value_stand_under_each_other_and_no_value_moves_the_cursor() {
        let mut records = Records::new(&["plan".to_owned()]);
        let text = records.record(&row(&[Some("Project\n  Filter\u{1b}[2J")]));
        assert!(text.ends_with("\nplan | Project\n     |   Filter\\u{1b}[2J"), "{text}");
    }

    #[test]
    fn values_are_whole_and_rules_are_short() {
        let long = "x".repeat(100_000);
        let text = Records::new(&["a".to_owned()]).record(&row(&[Some(&long)]));
        assert!(text.ends_with(&format!("a | {long}")));
        assert_eq!(text.lines().next().map(width), Some(RULE_CHARACTERS_MAX));
    }
}
