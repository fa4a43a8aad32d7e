//! COPY … TO STDOUT: rows as lines of text, CSV or JSON, or in Postgres' binary file format.
//!
//! Every row is a message of its own, so that a client sees the rows of an endless query one by one.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::{BufMut, BytesMut};
use pgwire::messages::copy::{CopyOutResponse, MESSAGE_TYPE_BYTE_COPY_DATA};
use tidemill_engine::Result;
use tidemill_sql::parser::ast::PropertyValue;

use super::encode::{ColumnValues, Format, RowEncoder, write_json_object, write_text};
use super::failure::Failure;
use super::pump::RowSink;
use super::sqlstate::SqlState;
use super::wire::Wire;

/// Beginning of a binary file: signature, flags, length of the header's extension.
const BINARY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// End of a binary file: a row of -1 fields.
const BINARY_TRAILER: &[u8] = &[0xff, 0xff];

/// How rows are written.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct CopyOptions {
    format: CopyFormat,
    delimiter: u8,
    null: String,
    header: bool,
    quote: u8,
    escape: u8,
    /// Columns whose values are always in quotes.
    force_quote: ForceQuote,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum CopyFormat {
    Text,
    Csv,
    /// One object a line.
    Json,
    Binary,
}

#[derive(Clone, PartialEq, Debug)]
enum ForceQuote {
    Only(Vec<String>),
    All,
}

impl CopyOptions {
    /// Reads the options of a statement: names in upper case, an option without a value has NULL.
    pub(super) fn read(options: &[(String, PropertyValue)]) -> std::result::Result<CopyOptions, Failure> {
        let format = read_format(options)?;
        let csv = format == CopyFormat::Csv;
        let mut read = CopyOptions {
            format,
            delimiter: if csv { b',' } else { b'\t' },
            null: if csv { String::new() } else { "\\N".to_owned() },
            header: false,
            quote: b'"',
            escape: b'"',
            force_quote: ForceQuote::Only(Vec::new()),
        };
        let mut escape = None;
        for (name, value) in options {
            let only_csv = |wanted: &str| {
                if csv {
                    Ok(())
                } else {
                    Err(invalid(format!("COPY {} requires CSV mode", wanted.to_lowercase())))
                }
            };
            match name.as_str() {
                "FORMAT" | "CSV" | "BINARY" | "TEXT" | "JSON" => {}
                "DELIMITER" | "DELIMITERS" => read.delimiter = one_byte(name, value)?,
                "NULL" => read.null = value.as_text(),
                "HEADER" => read.header = boolean(name, value)?,
                "QUOTE" => {
                    only_csv(name)?;
                    read.quote = one_byte(name, value)?;
                }
                "ESCAPE" => {
                    only_csv(name)?;
                    escape = Some(one_byte(name, value)?);
                }
                "FORCE_QUOTE" => {
                    only_csv(name)?;
                    read.force_quote = force_quote(value);
                }
                "ENCODING" => {
                    let encoding = value.as_text();
                    if !encoding.replace('-', "").eq_ignore_ascii_case("utf8") {
                        return Err(invalid(format!("COPY encoding \"{encoding}\" is not supported"))
                            .with_hint("UTF8 is the only encoding here"));
                    }
                }
                other => return Err(invalid(format!("option \"{}\" not recognized", other.to_lowercase()))),
            }
        }
        read.escape = escape.unwrap_or(read.quote);
        read.check()?;
        Ok(read)
    }

    fn check(&self) -> std::result::Result<(), Failure> {
        if matches!(self.delimiter, b'\n' | b'\r') || self.null.contains(['\n', '\r']) {
            return Err(invalid(
                "COPY delimiter and null representation cannot be newline or carriage return",
            ));
        }
        if self.format == CopyFormat::Text && self.delimiter.is_ascii_alphanumeric() {
            return Err(invalid("COPY delimiter cannot be a letter or digit in text format"));
        }
        if self.format == CopyFormat::Csv && self.delimiter == self.quote {
            return Err(invalid("COPY delimiter and quote must be different"));
        }
        Ok(())
    }
}

/// The rows of a COPY on their way out.
pub(super) struct CopyRows {
    options: CopyOptions,
    names: Vec<String>,
    force_quote: Vec<bool>,
    batch: CopyBatch,
    scratch: BytesMut,
    /// What still comes before the first row of a binary file. It shares that row's message, as in
    /// Postgres: there are drivers that read it nowhere else.
    header_due: &'static [u8],
}

/// The batch prepared last, in the form its format needs.
enum CopyBatch {
    None,
    Columns(Vec<ColumnValues>),
    Binary(RowEncoder),
}

impl CopyRows {
    /// Rows of some columns, written as the options say.
    pub(super) fn new(options: CopyOptions, schema: &SchemaRef) -> CopyRows {
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let force_quote = names
            .iter()
            .map(|name| match &options.force_quote {
                ForceQuote::All => true,
                ForceQuote::Only(forced) => forced.iter().any(|forced| forced.eq_ignore_ascii_case(name)),
            })
            .collect();
        let header_due = if options.format == CopyFormat::Binary { BINARY_HEADER } else { &[] };
        CopyRows { options, names, force_quote, batch: CopyBatch::None, scratch: BytesMut::new(), header_due }
    }

    /// Writes what comes before the first row.
    pub(super) fn begin(&mut self, wire: &mut Wire) {
        let format = if self.options.format == CopyFormat::Binary { Format::Binary } else { Format::Text };
        let columns = self.names.len();
        wire.put(&CopyOutResponse::new(format.code() as i8, columns as i16, vec![format.code(); columns]));
        match self.options.format {
            CopyFormat::Text | CopyFormat::Csv if self.options.header => {
                let names = std::mem::take(&mut self.names);
                write_message(wire.output(), |out| {
                    for (index, name) in names.iter().enumerate() {
                        self.write_delimiter(index, out);
                        self.write_field(index, name.as_bytes(), out);
                    }
                    out.put_u8(b'\n');
                });
                self.names = names;
            }
            CopyFormat::Text | CopyFormat::Csv | CopyFormat::Json | CopyFormat::Binary => {}
        }
    }

    /// Writes what comes behind the last row.
    pub(super) fn end(&mut self, wire: &mut Wire) {
        if self.options.format == CopyFormat::Binary {
            let header = std::mem::take(&mut self.header_due);
            write_message(wire.output(), |out| {
                out.put_slice(header);
                out.put_slice(BINARY_TRAILER);
            });
        }
    }

    fn write_line(&mut self, columns: &[ColumnValues], row: usize, out: &mut BytesMut) {
        let mut scratch = std::mem::take(&mut self.scratch);
        for (index, column) in columns.iter().enumerate() {
            self.write_delimiter(index, out);
            if column.is_null(row) {
                out.put_slice(self.options.null.as_bytes());
            } else {
                scratch.clear();
                write_text(column, row, &mut scratch);
                self.write_field(index, &scratch, out);
            }
        }
        out.put_u8(b'\n');
        self.scratch = scratch;
    }

    fn write_delimiter(&self, index: usize, out: &mut BytesMut) {
        if index > 0 {
            out.put_u8(self.options.delimiter);
        }
    }

    fn write_field(&self, index: usize, value: &[u8], out: &mut BytesMut) {
        if self.options.format == CopyFormat::Csv {
            let forced = self.force_quote.get(index).copied().unwrap_or(false);
            // `\.` alone on a line ends the input of older readers.
            let alone = self.force_quote.len() == 1 && value == b"\\.";
            if forced || alone || self.needs_quotes(value) {
                self.write_quoted(value, out);
            } else {
                out.put_slice(value);
            }
        } else {
            self.write_escaped(value, out);
        }
    }

    fn needs_quotes(&self, value: &[u8]) -> bool {
        value == self.options.null.as_bytes()
            || value.iter().any(|byte| {
                *byte == self.options.delimiter
                    || *byte == self.options.quote
                    || matches!(byte, b'\n' | b'\r')
            })
    }

    fn write_quoted(&self, value: &[u8], out: &mut BytesMut) {
        out.put_u8(self.options.quote);
        for byte in value {
            if *byte == self.options.quote || *byte == self.options.escape {
                out.put_u8(self.options.escape);
            }
            out.put_u8(*byte);
        }
        out.put_u8(self.options.quote);
    }

    fn write_escaped(&self, value: &[u8], out: &mut BytesMut) {
        for byte in value {
            let escaped = match byte {
                0x08 => b'b',
                0x0c => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                0x0b => b'v',
                b'\\' => b'\\',
                _ if *byte == self.options.delimiter => *byte,
                _ => {
                    out.put_u8(*byte);
                    continue;
                }
            };
            out.put_u8(b'\\');
            out.put_u8(escaped);
        }
    }
}

impl RowSink for CopyRows {
    fn prepare(&mut self, batch: &RecordBatch) -> Result<()> {
        self.batch = if self.options.format == CopyFormat::Binary {
            CopyBatch::Binary(RowEncoder::new(batch, &vec![Format::Binary; batch.num_columns()])?)
        } else {
            CopyBatch::Columns(batch.columns().iter().map(ColumnValues::new).collect::<Result<_>>()?)
        };
        Ok(())
    }

    fn write(&mut self, row: usize, out: &mut BytesMut) {
        let batch = std::mem::replace(&mut self.batch, CopyBatch::None);
        write_message(out, |out| match &batch {
            CopyBatch::None => {}
            CopyBatch::Binary(encoder) => {
                out.put_slice(std::mem::take(&mut self.header_due));
                encoder.write_fields(row, out);
            }
            CopyBatch::Columns(columns) if self.options.format == CopyFormat::Json => {
                write_json_object(self.names.iter().map(String::as_str).zip(columns), row, out);
                out.put_u8(b'\n');
            }
            CopyBatch::Columns(columns) => self.write_line(columns, row, out),
        });
        self.batch = batch;
    }
}

/// Writes a CopyData message.
fn write_message(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
    out.put_u8(MESSAGE_TYPE_BYTE_COPY_DATA);
    let length_at = out.len();
    out.put_i32(0);
    write(out);
    let length = (out.len() - length_at) as i32;
    out[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
}

fn read_format(options: &[(String, PropertyValue)]) -> std::result::Result<CopyFormat, Failure> {
    let mut format = CopyFormat::Text;
    for (name, value) in options {
        // `FORMAT csv`, or the older spelling, just `CSV`.
        let word = if name == "FORMAT" { value.as_text() } else { name.clone() };
        format = match word.to_ascii_lowercase().as_str() {
            "text" => CopyFormat::Text,
            "csv" => CopyFormat::Csv,
            "json" => CopyFormat::Json,
            "binary" => CopyFormat::Binary,
            _ if name == "FORMAT" => {
                return Err(invalid(format!("COPY format \"{word}\" not recognized"))
                    .with_hint("formats are text, csv, json and binary"));
            }
            _ => format,
        };
    }
    Ok(format)
}

fn one_byte(name: &str, value: &PropertyValue) -> std::result::Result<u8, Failure> {
    match value.as_text().as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(invalid(format!("COPY {} must be a single one-byte character", name.to_lowercase()))),
    }
}

fn boolean(name: &str, value: &PropertyValue) -> std::result::Result<bool, Failure> {
    match value {
        // The option alone.
        PropertyValue::Null => Ok(true),
        PropertyValue::Boolean(value) => Ok(*value),
        PropertyValue::Number(text) | PropertyValue::String(text) => match text.to_lowercase().as_str() {
            "true" | "on" | "1" | "yes" => Ok(true),
            "false" | "off" | "0" | "no" => Ok(false),
            _ => Err(invalid(format!("COPY {} requires a Boolean value", name.to_lowercase()))),
        },
    }
}

fn force_quote(value: &PropertyValue) -> ForceQuote {
    match value.as_text().as_str() {
        "*" => ForceQuote::All,
        names => ForceQuote::Only(
            names.trim_matches(['(', ')']).split(',').map(|name| name.trim().to_owned()).collect(),
        ),
    }
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array, StringArray};

    use super::*;

    fn copied(options: &[(&str, PropertyValue)]) -> String {
        let options: Vec<_> =
            options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a,\"b\"\tc\\"), Some("")]));
        let batch = RecordBatch::try_from_iter([("n", numbers), ("t", texts)]).expect("is a batch");
        let mut rows = CopyRows::new(CopyOptions::read(&options).expect("are options"), &batch.schema());
        rows.prepare(&batch).expect("is prepared");
        let mut lines = String::new();
        for row in 0..2 {
            let mut out = BytesMut::new();
            rows.write(row, &mut out);
            assert_eq!(out[0], b'd');
            lines.push_str(std::str::from_utf8(&out[5..]).expect("is text"));
        }
        lines
    }

    fn format(name: &str) -> (&'static str, PropertyValue) {
        ("FORMAT", PropertyValue::String(name.to_owned()))
    }

    #[test]
    fn text_escapes_and_marks_nulls() {
        assert_eq!(copied(&[]), "1\ta,\"b\"\\tc\\\\\n\\N\t\n");
    }

    #[test]
    fn csv_quotes_what_would_be_misread() {
        assert_eq!(copied(&[format("csv")]), "1,\"a,\"\"b\"\"\tc\\\"\n,\"\"\n");
        let forced = ("FORCE_QUOTE", PropertyValue::String("*".to_owned()));
        assert_eq!(copied(&[("CSV", PropertyValue::Null), forced]), "\"1\",\"a,\"\"b\"\"\tc\\\"\n,\"\"\n");
    }

    #[test]
    fn json_is_an_object_a_line() {
        assert_eq!(
            copied(&[format("json")]),
            "{\"n\":1,\"t\":\"a,\\\"b\\\"\\tc\\\\\"}\n{\"n\":null,\"t\":\"\"}\n"
        );
    }

    #[test]
    fn options_that_cannot_be_are_refused() {
        for option in [
            format("parquet"),
            ("DELIMITER", PropertyValue::String("ab".to_owned())),
            ("QUOTE", PropertyValue::String("'".to_owned())),
            ("FREEZE", PropertyValue::Null),
        ] {
            assert!(CopyOptions::read(&[(option.0.to_owned(), option.1)]).is_err());
        }
    }
}
