//! How the rows of an answer are drawn: side by side, or as records where that is asked for or where side by
//! side they would be wider than the terminal.

use std::str::FromStr;

use super::backend::Row;
use super::records::Records;
use super::table::Table;

/// Whether rows are drawn as records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Expanded {
    /// Always.
    On,
    /// Never.
    Off,
    /// Where they have more columns than one and are wider than the terminal. Never where there is none:
    /// programs that read the answer can do so best when it always looks the same.
    #[default]
    Auto,
}

impl Expanded {
    /// What `\x` alone makes of it.
    pub(crate) fn toggled(self) -> Expanded {
        match self {
            Expanded::On => Expanded::Off,
            Expanded::Off | Expanded::Auto => Expanded::On,
        }
    }

    /// A sentence about it.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Expanded::On => "Expanded display is on.",
            Expanded::Off => "Expanded display is off.",
            Expanded::Auto => "Expanded display is used where rows are wider than the terminal.",
        }
    }
}

impl FromStr for Expanded {
    type Err = ();

    fn from_str(text: &str) -> Result<Expanded, ()> {
        match text.to_ascii_lowercase().as_str() {
            "on" => Ok(Expanded::On),
            "off" => Ok(Expanded::Off),
            "auto" => Ok(Expanded::Auto),
            _ => Err(()),
        }
    }
}

/// Draws one answer.
pub(crate) struct Drawing {
    table: Table,
    records: Records,
    expanded: Expanded,
    /// The terminal's columns, if there is one.
    columns_max: Option<usize>,
}

impl Drawing {
    /// An answer of these columns, of which no row was drawn.
    pub(crate) fn new(names: Vec<String>, expanded: Expanded, columns_max: Option<usize>) -> Drawing {
        let records = Records::new(&names);
        Drawing { table: Table::new(names), records, expanded, columns_max }
    }

    /// Makes room for rows that are to be drawn.
    pub(crate) fn fit(&mut self, rows: &[Row]) {
        rows.iter().for_each(|row| self.table.fit(row));
        let too_wide = self.table.columns() > 1
            && self.columns_max.is_some_and(|columns_max| self.table.width() > columns_max);
        // From then on: rows that come one at a time do not change their looks with each.
        if self.expanded == Expanded::Auto && too_wide {
            self.expanded = Expanded::On;
        }
    }

    /// What stands above all rows.
    pub(crate) fn heading(&self) -> Option<String> {
        (self.expanded != Expanded::On).then(|| self.table.heading())
    }

    /// The rows, for which room was made.
    pub(crate) fn rows(&mut self, rows: &[Row]) -> String {
        let lines: Vec<String> = match self.expanded {
            Expanded::On => rows.iter().map(|row| self.records.record(row)).collect(),
            Expanded::Off | Expanded::Auto => {
                self.records.skip(rows.len());
                rows.iter().map(|row| self.table.row(row)).collect()
            }
        };
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(expanded: Expanded, columns_max: Option<usize>, batches: &[&[[&str; 2]]]) -> Vec<String> {
        let names = vec!["k".to_owned(), "v".to_owned()];
        let mut drawing = Drawing::new(names, expanded, columns_max);
        let mut lines = Vec::new();
        for (index, batch) in batches.iter().enumerate() {
            let rows: Vec<Row> =
                batch.iter().map(|row| row.map(|cell| Some(cell.to_owned())).to_vec()).collect();
            drawing.fit(&rows);
            if index == 0 {
                lines.extend(drawing.heading());
            }
            lines.push(drawing.rows(&rows));
        }
        lines.iter().flat_map(|text| text.lines()).map(str::to_owned).collect()
    }

    #[test]
    fn rows_that_fit_stand_side_by_side_and_wider_ones_are_records() {
        let rows: &[&[[&str; 2]]] = &[&[["a", "12345678"]]];
        let table = [" k | v", "---+----------", " a | 12345678"];
        assert_eq!(drawn(Expanded::Auto, Some(14), rows), table);
        assert_eq!(drawn(Expanded::Auto, Some(13), rows), ["-[ RECORD 1 ]", "k | a", "v | 12345678"]);
        assert_eq!(drawn(Expanded::Auto, None, rows), table);
        assert_eq!(drawn(Expanded::Off, Some(13), rows), table);
        assert_eq!(drawn(Expanded::On, None, rows).len(), 3);
    }

    #[test]
    fn a_wide_row_that_comes_later_is_a_record_with_its_number_and_so_are_those_behind_it() {
        let lines = drawn(Expanded::Auto, Some(10), &[&[["a", "1"]], &[["b", "12345678"]], &[["c", "2"]]]);
        assert_eq!(
            lines,
            [
                " k | v",
                "---+---",
                " a | 1",
                "-[ RECORD 2 ]",
                "k | b",
                "v | 12345678",
                "-[ RECORD 3 ]",
                "k | c",
                "v | 2"
            ]
        );
    }

    #[test]
    fn one_column_stays_a_column() {
        let mut drawing = Drawing::new(vec!["plan".to_owned()], Expanded::Auto, Some(5));
        drawing.fit(&[vec![Some("a line of a plan".to_owned())]]);
        assert!(drawing.heading().is_some());
    }

    #[test]
    fn the_modes_are_words() {
        assert_eq!("ON".parse(), Ok(Expanded::On));
        assert_eq!("maybe".parse::<Expanded>(), Err(()));
        assert_eq!(Expanded::Auto.toggled().toggled(), Expanded::Off);
    }
}
