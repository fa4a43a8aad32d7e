//! Strings between JSON and text.

use super::special_bytes;

/// Appends the text that the inside of a JSON string stands for. Its escapes have been checked, except
/// that one half of a surrogate pair may stand alone: then nothing useful is appended and the answer
/// is false, because no text holds such a half.
#[must_use]
pub(super) fn unescape(inside: &str, out: &mut String) -> bool {
    let mut rest = inside;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (plain, escape) = rest.split_at(at);
        out.push_str(plain);
        let (character, length) = match escape.as_bytes().get(1) {
            Some(b'b') => (Some('\u{8}'), 2),
            Some(b'f') => (Some('\u{c}'), 2),
            Some(b'n') => (Some('\n'), 2),
            Some(b'r') => (Some('\r'), 2),
            Some(b't') => (Some('\t'), 2),
            Some(b'u') => unicode_escape(escape),
            Some(other) => (Some(char::from(*other)), 2),
            None => (None, 1),
        };
        let Some(character) = character else { return false };
        out.push(character);
        rest = escape.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    true
}

/// Appends `text` as a JSON string, quotes included. Only what must be escaped is.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut plain = 0;
    loop {
        let special = special_bytes::next(bytes, plain);
        out.extend_from_slice(&bytes[plain..special]);
        let Some(byte) = bytes.get(special) else { break };
        write_escape(*byte, out);
        plain = special + 1;
    }
    out.push(b'"');
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&digits);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// The character of an escape of `\u` and four digits, or of two that form a pair, and the length of what
/// was read.
fn unicode_escape(escape: &str) -> (Option<char>, usize) {
    let unit = |at: usize| {
        escape
            .get(at..at + 6)
            .and_then(|text| text.strip_prefix("\\u"))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
    };
    match (unit(0), unit(6)) {
        (Some(high @ 0xD800..0xDC00), Some(low @ 0xDC00..0xE000)) => {
            (char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)), 12)
        }
        (Some(single), _) => (char::from_u32(single), 6),
        (None, _) => (None, 6),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_stand_for_their_characters() {
        for (inside, expected) in [
            (r"plain", Some("plain")),
            (r#"a\"b\\c\/d"#, Some("a\"b\\c/d")),
            (r"\b\f\n\r\t", Some("\u{8}\u{c}\n\r\t")),
            (r"\u0041\u00e9", Some("Aé")),
            (r"x\uD83D\uDE00y", Some("x😀y")),
            (r"\uD83D", None),
            (r"\uDE00", None),
            (r"\uD83Dx", None),
            (r"\uD83D\u0041", None),
        ] {
            let mut out = String::new();
            let whole = unescape(inside, &mut out);
            assert_eq!(whole.then_some(out.as_str()), expected, "{inside}");
        }
    }

    #[test]
    fn only_what_must_be_escaped_is() {
        let mut out = Vec::new();
        write_string("a/é\u{7f}\"\\\n\u{1}\u{1f}", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\"a/é\u{7f}\\\"\\\\\\n\\u0001\\u001F\"");
    }

    proptest! {
        #[test]
        fn a_written_string_is_json_for_its_text(text in any::<String>()) {
            let mut out = Vec::new();
            write_string(&text, &mut out);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
