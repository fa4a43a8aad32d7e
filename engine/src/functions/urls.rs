//! Parts of URLs, and values inside of them.

use std::borrow::Cow;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::Result;

use super::arguments::{Buffer, Texts, texts, values};
use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
use super::java_uri::{JavaUri, decode};
use crate::expressions::failures;

/// Declares a function that gives a part of a URL.
macro_rules! part {
    ($name:literal, $description:literal, $part:expr, $examples:expr) => {
        Declaration {
            name: $name,
            category: Category::Url,
            description: $description,
            overloads: &[Overload {
                signature: "(url STRING)",
                returns: Returns::Type("STRING"),
                evaluate: Evaluate::Arrays(|columns, _| {
                    let part: for<'a> fn(&JavaUri<'a>) -> Option<Cow<'a, str>> = $part;
                    let url = Texts::of(columns, 0)?;
                    texts(url.len(), |row, out| out.push_str(&part(&read(url.get(row)?)?)?))
                }),
            }],
            examples: $examples,
            is_deterministic: true,
        }
    };
}

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "url_decode_param",
        category: Category::Url,
        description: "A value of a URL's query, decoded: + is a blank, %C3%A4 is ä.",
        overloads: &[Overload {
            signature: "(value STRING)",
            returns: Returns::Type("STRING"),
            evaluate: Evaluate::Arrays(|columns, _| {
                let value = Texts::of(columns, 0)?;
                texts(value.len(), |row, out| decode_value(value.get(row)?, out))
            }),
        }],
        examples: &["URL_DECODE_PARAM('low+tide%21') = 'low tide!'"],
        is_deterministic: true,
    },
    Declaration {
        name: "url_encode_param",
        category: Category::Url,
        description: "A text, encoded as a value of a URL's query.",
        overloads: &[Overload {
            signature: "(value STRING)",
            returns: Returns::Type("STRING"),
            evaluate: Evaluate::Arrays(|columns, _| {
                let value = Texts::of(columns, 0)?;
                texts(value.len(), |row, out| encode_value(value.get(row)?, out))
            }),
        }],
        examples: &["URL_ENCODE_PARAM('low tide!') = 'low+tide%21'"],
        is_deterministic: true,
    },
    part!(
        "url_extract_fragment",
        "What stands behind the # of a URL, decoded; NULL where there is none.",
        |uri| uri.fragment.map(decode),
        &["URL_EXTRACT_FRAGMENT('http://example.com/a#top') = 'top'"]
    ),
    part!(
        "url_extract_host",
        "The host of a URL; NULL where there is none.",
        |uri| uri.host.map(Cow::Borrowed),
        &["URL_EXTRACT_HOST('http://example.com:8080/a') = 'example.com'"]
    ),
    Declaration {
        name: "url_extract_parameter",
        category: Category::Url,
        description: "The value of a parameter in the query of a URL, decoded; NULL where it is not there.",
        overloads: &[Overload {
            signature: "(url STRING, parameter STRING)",
            returns: Returns::Type("STRING"),
            evaluate: Evaluate::Arrays(extract_parameter),
        }],
        examples: &["URL_EXTRACT_PARAMETER('http://example.com?tide=low&sea=calm', 'sea') = 'calm'"],
        is_deterministic: true,
    },
    part!(
        "url_extract_path",
        "The path of a URL, decoded; empty where there is none.",
        |uri| uri.path.map(decode),
        &["URL_EXTRACT_PATH('http://example.com/a/b?c') = '/a/b'"]
    ),
    Declaration {
        name: "url_extract_port",
        category: Category::Url,
        description: "The port of a URL; NULL where it names none.",
        overloads: &[Overload {
            signature: "(url STRING)",
            returns: Returns::Type("INTEGER"),
            evaluate: Evaluate::Arrays(|columns, _| {
                let url = Texts::of(columns, 0)?;
                Ok(values::<Int32Type>(url.len(), |row| read(url.get(row)?)?.port))
            }),
        }],
        examples: &["URL_EXTRACT_PORT('http://example.com:8080/a') = 8080"],
        is_deterministic: true,
    },
    part!(
        "url_extract_protocol",
        "The protocol of a URL; NULL where it names none.",
        |uri| uri.scheme.map(Cow::Borrowed),
        &["URL_EXTRACT_PROTOCOL('https://example.com') = 'https'"]
    ),
    part!(
        "url_extract_query",
        "The query of a URL, decoded; NULL where there is none.",
        |uri| uri.query.map(decode),
        &["URL_EXTRACT_QUERY('http://example.com/a?b=c&d') = 'b=c&d'"]
    ),
];

/// A URL's parts; none, with a note, where it is none.
fn read(url: &str) -> Option<JavaUri<'_>> {
    let uri = JavaUri::parse(url);
    if uri.is_none() {
        failures::note(|| format!("'{url}' is no URL"));
    }
    uri
}

fn extract_parameter(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (url, parameter) = (Texts::of(columns, 0)?, Texts::of(columns, 1)?);
    texts(url.len(), |row, out| {
        let (url, wanted) = (url.get(row)?, parameter.get(row)?);
        let query = decode(read(url)?.query?);
        let value = query.split('&').find_map(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            (name == wanted).then_some(value)
        });
        out.push_str(value?)
    })
}

fn decode_value(value: &str, out: &mut Buffer) -> Option<()> {
    let escapes = value.match_indices('%');
    let is_escape = |at: usize| {
        value.get(at + 1..at + 3).is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
    };
    if !escapes.map(|(at, _)| at).all(is_escape) {
        failures::note(|| format!("'{value}' has a % without two hexadecimal digits behind it"));
        return None;
    }
    out.push_str(&decode(&value.replace('+', " ")))
}

fn encode_value(value: &str, out: &mut Buffer) -> Option<()> {
    value.bytes().try_for_each(|byte| match byte {
        b' ' => out.push('+'),
        _ if byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte) => out.push_bytes(&[byte]),
        _ => {
            out.push('%')?;
            super::encoding::push_hex(&[byte], b"0123456789ABCDEF", out)
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::functions::sql_harness::{assert_values, evaluate};

    #[test]
    fn values_are_encoded_and_decoded() {
        assert_values(&[
            ("URL_ENCODE_PARAM('a b&c=ä*-_.')", "STRING", Some("a+b%26c%3D%C3%A4*-_.")),
            ("URL_DECODE_PARAM('a+b%26c%3D%c3%a4')", "STRING", Some("a b&c=ä")),
            ("URL_DECODE_PARAM('100%')", "STRING", None),
            ("URL_ENCODE_PARAM(NULL)", "STRING", None),
        ]);
    }

    #[test]
    fn parts_are_decoded() {
        assert_values(&[
            ("URL_EXTRACT_FRAGMENT('http://a.com/#b%20c')", "STRING", Some("b c")),
            ("URL_EXTRACT_FRAGMENT('http://a.com/')", "STRING", None),
            ("URL_EXTRACT_HOST('http://u@a.com:80/b')", "STRING", Some("a.com")),
            ("URL_EXTRACT_HOST('a.com')", "STRING", None),
            ("URL_EXTRACT_PATH('http://a.com/b%2Fc')", "STRING", Some("/b/c")),
            ("URL_EXTRACT_PATH('http://a.com')", "STRING", Some("")),
            ("URL_EXTRACT_PATH('mailto:a@b.com')", "STRING", None),
            ("URL_EXTRACT_PORT('http://a.com:81')", "INTEGER", Some("81")),
            ("URL_EXTRACT_PORT('http://a.com')", "INTEGER", None),
            ("URL_EXTRACT_PROTOCOL('ftp://a.com')", "STRING", Some("ftp")),
            ("URL_EXTRACT_PROTOCOL('//a.com')", "STRING", None),
            ("URL_EXTRACT_QUERY('http://a.com?b=%26#c')", "STRING", Some("b=&")),
            ("URL_EXTRACT_QUERY('http://a.com')", "STRING", None),
            ("URL_EXTRACT_QUERY(NULL)", "STRING", None),
        ]);
        let (_, host, failures) = evaluate("URL_EXTRACT_HOST('http://a b.com')");
        assert_eq!((host, failures.len()), (None, 1));
    }

    #[test]
    fn parameters_are_found_by_their_decoded_names() {
        let url = "http://a.com/b?one=1&two%20=2%203&three&one=4";
        let value = |name: &str| evaluate(&format!("URL_EXTRACT_PARAMETER('{url}', '{name}')")).1;
        assert_eq!(value("one").as_deref(), Some("1"));
        assert_eq!(value("two ").as_deref(), Some("2 3"));
        assert_eq!(value("three").as_deref(), Some(""));
        assert_eq!(value("four"), None);
    }
}
