//! Cuts a line into fields.
//!
//! The rules are those of Apache Commons CSV's default dialect: a field that begins with a quote ends
//! with one, doubled quotes inside stand for one, blanks behind the closing quote are dropped; a quote
//! inside any other field is an ordinary character. Empty lines in front are skipped, and what stands
//! behind the first line is not looked at.

/// A field's contents in the payload, without its quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FieldSpan {
    pub(super) start: usize,
    pub(super) end: usize,
    /// It holds doubled quotes.
    pub(super) doubled: bool,
}

impl FieldSpan {
    /// The field's text, put together in `scratch` where it holds doubled quotes.
    pub(super) fn text<'a>(self, line: &'a str, scratch: &'a mut String) -> &'a str {
        let inside = line.get(self.start..self.end).unwrap_or_default();
        if !self.doubled {
            return inside;
        }
        scratch.clear();
        let mut rest = inside;
        while let Some((before, behind)) = rest.split_once("\"\"") {
            scratch.push_str(before);
            scratch.push('"');
            rest = behind;
        }
        scratch.push_str(rest);
        scratch
    }
}

/// Finds the fields of the first line that is not empty.
pub(super) fn split(line: &str, delimiter: char, fields: &mut Vec<FieldSpan>) -> Result<(), String> {
    fields.clear();
    let bytes = line.as_bytes();
    let mut encoded = [0; 4];
    let delimiter = delimiter.encode_utf8(&mut encoded).as_bytes();
    let mut position = bytes.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
    if position == bytes.len() {
        return Err("no fields: the line is empty".to_owned());
    }
    loop {
        position = if bytes.get(position) == Some(&b'"') {
            quoted_field(line, position + 1, delimiter, fields)?
        } else {
            let end = plain_end(bytes, position, delimiter);
            fields.push(FieldSpan { start: position, end, doubled: false });
            end
        };
        if !delimiter_at(bytes, position, delimiter) {
            return Ok(());
        }
        position += delimiter.len();
    }
}

fn plain_end(bytes: &[u8], start: usize, delimiter: &[u8]) -> usize {
    let Some(first) = delimiter.first() else { return bytes.len() };
    let mut position = start;
    while let Some(found) = memchr::memchr3(*first, b'\n', b'\r', rest(bytes, position)) {
        position += found;
        if matches!(bytes.get(position), Some(b'\n' | b'\r')) || delimiter_at(bytes, position, delimiter) {
            return position;
        }
        position += 1;
    }
    bytes.len()
}

/// Reads a field behind its opening quote; the answer is the position of what ends it.
fn quoted_field(
    line: &str,
    start: usize,
    delimiter: &[u8],
    fields: &mut Vec<FieldSpan>,
) -> Result<usize, String> {
    let bytes = line.as_bytes();
    let mut doubled = false;
    let mut end = start;
    loop {
        match memchr::memchr(b'"', rest(bytes, end)) {
            None => return Err(format!("no closing quote for the value at byte {start}")),
            Some(at) if bytes.get(end + at + 1) == Some(&b'"') => {
                doubled = true;
                end += at + 2;
            }
            Some(at) => {
                end += at;
                break;
            }
        }
    }
    fields.push(FieldSpan { start, end, doubled });
    let mut position = end + 1;
    loop {
        let behind = rest(bytes, position);
        if matches!(behind.first(), None | Some(b'\n' | b'\r')) || delimiter_at(bytes, position, delimiter) {
            return Ok(position);
        }
        match line.get(position..).and_then(|behind| behind.chars().next()) {
            Some(blank) if blank.is_whitespace() => position += blank.len_utf8(),
            other => {
                let found = other.unwrap_or_default();
                return Err(format!(
                    "expected the delimiter behind the closing quote at byte {position}, found {found:?}"
                ));
            }
        }
    }
}

#[inline]
fn delimiter_at(bytes: &[u8], position: usize, delimiter: &[u8]) -> bool {
    match delimiter {
        [single] => bytes.get(position) == Some(single),
        several => rest(bytes, position).starts_with(several),
    }
}

fn rest(bytes: &[u8], from: usize) -> &[u8] {
    bytes.get(from..).unwrap_or_default()
}
