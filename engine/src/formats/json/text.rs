//! Objects and arrays in STRING columns: a column may be declared STRING over any JSON, to be taken
//! apart by functions later. ksqlDB's forms: an object as compact JSON, an array as its elements'
//! texts between brackets, `[a, b]`.

use hashbrown::HashMap;

use super::scanner::{Scanner, Span, StringToken, SyntaxError, Token};
use super::string::{unescape, write_string};

/// Members up to which duplicate names are found by comparing each with each.
const COMPARED_MEMBERS_MAX: usize = 16;

/// A member of an object.
#[derive(Clone, Copy)]
pub(super) struct Member {
    pub(super) name: StringToken,
    pub(super) value: Token,
}

/// Buffers that rendering and maps use again and again.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) members: Vec<Member>,
    pub(super) string: String,
    pub(super) bytes: Vec<u8>,
}

/// The name does not denote a text, or (a bug) the object was not scanned before.
pub(super) struct Unreadable;

impl From<SyntaxError> for Unreadable {
    fn from(_: SyntaxError) -> Unreadable {
        Unreadable
    }
}

/// Appends the members of a scanned object to `members`. Of several with the same name the value of the
/// last stands at the place of the first.
pub(super) fn read_members(text: &str, object: Span, members: &mut Vec<Member>) -> Result<(), Unreadable> {
    let base = members.len();
    let mut by_name: HashMap<String, usize, ahash::RandomState> = HashMap::default();
    let mut scanner = Scanner::inside(text, object);
    let mut more = scanner.first_name()?;
    while more {
        let name = scanner.string_rest()?;
        scanner.colon()?;
        let value = scanner.value()?;
        let earlier = if members.len() - base < COMPARED_MEMBERS_MAX {
            members[base..].iter().position(|member| same_name(text, member.name, name)).map(|at| base + at)
        } else {
            if by_name.is_empty() {
                for (at, member) in members.iter().enumerate().skip(base) {
                    by_name.insert(decoded_name(text, member.name)?, at);
                }
            }
            let next = members.len();
            let at = *by_name.entry(decoded_name(text, name)?).or_insert(next);
            Some(at).filter(|at| *at < next)
        };
        match earlier.and_then(|at| members.get_mut(at)) {
            Some(member) => member.value = value,
            None => members.push(Member { name, value }),
        }
        more = scanner.next_name()?;
    }
    Ok(())
}

/// The text of a string's inside, unescaped into `scratch` where it must be.
#[inline]
pub(super) fn string_text<'a>(
    text: &'a str,
    string: StringToken,
    scratch: &'a mut String,
) -> Result<&'a str, Unreadable> {
    let inside = string.span.of(text);
    if !string.escaped {
        return Ok(inside);
    }
    scratch.clear();
    if unescape(inside, scratch) { Ok(scratch) } else { Err(Unreadable) }
}

/// Appends the text of a value as a STRING column shows it.
pub(super) fn write_value_text(
    text: &str,
    value: Token,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<(), Unreadable> {
    match value {
        Token::Missing | Token::Null => out.extend_from_slice(b"null"),
        Token::True => out.extend_from_slice(b"true"),
        Token::False => out.extend_from_slice(b"false"),
        Token::Number(number) => number.write_text(text, out),
        Token::String(string) => {
            out.extend_from_slice(string_text(text, string, &mut scratch.string)?.as_bytes());
        }
        Token::Object(object) => write_object(text, object, scratch, out)?,
        Token::Array(array) => {
            write_elements(text, array, b", ", out, |element, out| {
                write_value_text(text, element, scratch, out)
            })?;
        }
    }
    Ok(())
}

/// Appends a value as compact JSON.
pub(super) fn write_json(
    text: &str,
    value: Token,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<(), Unreadable> {
    match value {
        Token::String(string) => write_string(string_text(text, string, &mut scratch.string)?, out),
        Token::Array(array) => {
            write_elements(text, array, b",", out, |element, out| write_json(text, element, scratch, out))?;
        }
        other => write_value_text(text, other, scratch, out)?,
    }
    Ok(())
}

fn write_object(
    text: &str,
    object: Span,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<(), Unreadable> {
    // The members of nested objects stand behind those of the ones around them.
    let base = scratch.members.len();
    let mut result = read_members(text, object, &mut scratch.members);
    out.push(b'{');
    let mut at = base;
    while result.is_ok()
        && let Some(member) = scratch.members.get(at).copied()
    {
        if at > base {
            out.push(b',');
        }
        result = string_text(text, member.name, &mut scratch.string).map(|name| write_string(name, out));
        out.push(b':');
        result = result.and_then(|()| write_json(text, member.value, scratch, out));
        at += 1;
    }
    out.push(b'}');
    scratch.members.truncate(base);
    result
}

fn write_elements(
    text: &str,
    array: Span,
    separator: &[u8],
    out: &mut Vec<u8>,
    mut write: impl FnMut(Token, &mut Vec<u8>) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    let mut scanner = Scanner::inside(text, array);
    out.push(b'[');
    let mut more = scanner.first_element();
    let mut first = true;
    while more {
        if !std::mem::take(&mut first) {
            out.extend_from_slice(separator);
        }
        write(scanner.value()?, out)?;
        more = scanner.next_element()?;
    }
    out.push(b']');
    Ok(())
}

fn same_name(text: &str, left: StringToken, right: StringToken) -> bool {
    let (left_inside, right_inside) = (left.span.of(text), right.span.of(text));
    if left.escaped || right.escaped {
        let decoded = (decoded_name(text, left), decoded_name(text, right));
        matches!(decoded, (Ok(left), Ok(right)) if left == right)
    } else {
        left_inside == right_inside
    }
}

fn decoded_name(text: &str, name: StringToken) -> Result<String, Unreadable> {
    let mut scratch = String::new();
    string_text(text, name, &mut scratch).map(str::to_owned)
}
