//! Rows side by side: the layout of an answer in a terminal.

use std::fmt::Write as _;

use super::backend::Row;

/// Characters a column is widened to at most. A longer cell is shown whole and pushes what stands behind it
/// to the right: one large document must not make every row as large.
const COLUMN_CHARACTERS_MAX: usize = 1_000;

/// How null is shown.
const NULL: &str = "null";

/// The widths of an answer's columns. They grow when a row needs more and never shrink, so that rows
/// which come one at a time stay under each other.
pub(crate) struct Table {
    names: Vec<String>,
    widths: Vec<usize>,
    /// Columns whose cells so far are all numbers; they stand to the right.
    numeric: Vec<bool>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(names: Vec<String>) -> Table {
        let names: Vec<String> = names.iter().map(|name| shown(Some(name))).collect();
        let widths = names.iter().map(|name| width(name)).collect();
        let numeric = vec![true; names.len()];
        Table { names, widths, numeric }
    }

    /// Makes room for a row.
    pub(crate) fn fit(&mut self, row: &Row) {
        for ((cell, width_now), numeric) in row.iter().zip(&mut self.widths).zip(&mut self.numeric) {
            *width_now = (*width_now).max(width(&shown(cell.as_deref())).min(COLUMN_CHARACTERS_MAX));
            *numeric &= cell.as_deref().is_none_or(is_number);
        }
    }

    /// How many columns there are.
    pub(crate) fn columns(&self) -> usize {
        self.names.len()
    }

    /// Characters from the first column to the last.
    pub(crate) fn width(&self) -> usize {
        self.widths.iter().map(|width| width + " | ".len()).sum::<usize>().saturating_sub(1)
    }

    /// The names of the columns and a rule below them.
    pub(crate) fn heading(&self) -> String {
        let names = self.names.iter().zip(&self.widths).map(|(name, width)| cell(name, *width, false));
        let rules: Vec<String> = self.widths.iter().map(|width| "-".repeat(width + 2)).collect();
        format!("{}\n{}", line(names), rules.join("+"))
    }

    /// One row, on one line.
    pub(crate) fn row(&self, row: &Row) -> String {
        let columns = row.iter().zip(&self.widths).zip(&self.numeric);
        line(columns.map(|((text, width), numeric)| cell(&shown(text.as_deref()), *width, *numeric)))
    }
}

/// The number of rows, as it stands below them.
pub(crate) fn row_count(rows: u64) -> String {
    format!("({rows} row{})", if rows == 1 { "" } else { "s" })
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let mut text = cells.collect::<Vec<_>>().join("|");
    text.truncate(text.trim_end().len());
    text
}

fn cell(text: &str, width_wanted: usize, right: bool) -> String {
    let padding = " ".repeat(width_wanted.saturating_sub(width(text)));
    if right { format!(" {padding}{text} ") } else { format!(" {text}{padding} ") }
}

/// A cell's text on one line, without control characters that would move the cursor.
pub(super) fn shown(text: Option<&str>) -> String {
    let Some(text) = text else { return NULL.to_owned() };
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            control if control.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(control));
            }
            other => shown.push(other),
        }
    }
    shown
}

/// Columns a text takes: East Asian wide characters and emoji take two, marks none. The ranges are the
/// blocks that matter, not all of Unicode's table; a miss costs one column of alignment.
pub(crate) fn width(text: &str) -> usize {
    text.chars()
        .map(|character| match u32::from(character) {
            0x300..=0x36F | 0x200B..=0x200D | 0xFE00..=0xFE0F => 0,
            0x1100..=0x115F
            | 0x2E80..=0x303E
            | 0x3041..=0xA4CF
            | 0xAC00..=0xD7A3
            | 0xF900..=0xFAFF
            | 0xFE30..=0xFE6F
            | 0xFF00..=0xFF60
            | 0xFFE0..=0xFFE6
            | 0x1F300..=0x1F64F
            | 0x1F900..=0x1F9FF
            | 0x20000..=0x3FFFD => 2,
            _ => 1,
        })
        .sum()
}

fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit() || first == '-' || first == '.')
        && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Row {
        cells.iter().map(|cell| Some((*cell).to_owned())).collect()
    }

    fn drawn(names: &[&str], rows: &[Row]) -> String {
        let mut table = Table::new(names.iter().map(|name| (*name).to_owned()).collect());
        rows.iter().for_each(|row| table.fit(row));
        let mut lines = vec![table.heading()];
        lines.extend(rows.iter().map(|row| table.row(row)));
        lines.join("\n")
    }

    #[test]
    fn columns_stand_under_their_names_and_numbers_to_the_right() {
        let text = drawn(&["player", "n"], &[row(&["ann", "7"]), row(&["bartholomew", "-1200"])]);
        assert_eq!(
            text,
            [" player      | n", "-------------+-------", " ann         |     7", " bartholomew | -1200",]
                .join("\n")
        );
    }

    #[test]
    fn null_is_a_word_and_does_not_make_a_column_text() {
        let text = drawn(&["amount"], &[vec![None], row(&["12"])]);
        assert_eq!(text, [" amount", "--------", "   null", "     12"].join("\n"));
    }

    #[test]
    fn control_characters_cannot_move_the_cursor() {
        assert_eq!(shown(Some("a\nb\tc\u{1b}[2J")), "a\\nb\\tc\\u{1b}[2J");
    }

    #[test]
    fn a_long_cell_is_whole_and_does_not_widen_every_row() {
        let long = "x".repeat(2 * COLUMN_CHARACTERS_MAX);
        let text = drawn(&["a", "b"], &[row(&[&long, "y"]), row(&["z", "y"])]);
        let rows: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(rows[0], format!(" {long} | y"));
        assert_eq!(rows[1].len(), COLUMN_CHARACTERS_MAX + " | y".len() + 1);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(width("日本"), 4);
        assert_eq!(width("e\u{301}"), 1);
    }

    #[test]
    fn live_rows_keep_the_widths_of_wider_rows_before_them() {
        let mut table = Table::new(vec!["k".to_owned(), "v".to_owned()]);
        table.fit(&row(&["long key", "a"]));
        table.fit(&row(&["k", "a"]));
        assert_eq!(table.row(&row(&["k", "a"])), " k        | a");
    }

    #[test]
    fn one_row_is_not_rows() {
        assert_eq!((row_count(1), row_count(0)), ("(1 row)".to_owned(), "(0 rows)".to_owned()));
    }
}
