//! URIs by the rules of Java's `java.net.URI`, which are those of RFC 2396 with some leniency.

use std::borrow::Cow;

/// The parts of a URI, as they are written in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct JavaUri<'a> {
    pub scheme: Option<&'a str>,
    pub host: Option<&'a str>,
    pub port: Option<i32>,
    pub path: Option<&'a str>,
    pub query: Option<&'a str>,
    pub fragment: Option<&'a str>,
}

impl<'a> JavaUri<'a> {
    /// Reads a URI; none where it is none.
    pub(super) fn parse(text: &'a str) -> Option<JavaUri<'a>> {
        let mut uri = JavaUri::default();
        let (rest, fragment) = cut(text, '#');
        if let Some(fragment) = fragment {
            uri.fragment = Some(fragment).filter(|fragment| consists_of(fragment, is_uric));
            uri.fragment?;
        }
        let rest = match rest.find([':', '/', '?']).filter(|at| rest[*at..].starts_with(':')) {
            Some(colon) => {
                uri.scheme = Some(&rest[..colon]).filter(|scheme| is_scheme(scheme));
                uri.scheme?;
                &rest[colon + 1..]
            }
            None => rest,
        };
        if uri.scheme.is_some() && !rest.starts_with('/') {
            // As in mailto:someone@example.com, the rest has no structure.
            return (!rest.is_empty() && consists_of(rest, is_uric)).then_some(uri);
        }
        let (rest, query) = cut(rest, '?');
        if let Some(query) = query {
            uri.query = Some(query).filter(|query| consists_of(query, is_uric));
            uri.query?;
        }
        let path = match rest.strip_prefix("//") {
            Some(rest) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                if authority.is_empty() && path.is_empty() && uri.query.is_none() && uri.fragment.is_none() {
                    return None;
                }
                (uri.host, uri.port) = server(authority)?;
                path
            }
            None => rest,
        };
        uri.path = Some(path).filter(|path| consists_of(path, is_path));
        uri.path?;
        Some(uri)
    }
}

/// The text before a sign and, where it is there, the text behind it.
fn cut(text: &str, sign: char) -> (&str, Option<&str>) {
    text.split_once(sign).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

/// Host and port of an authority. An authority that names no server has neither; none where it may not
/// stand in a URI at all.
fn server(authority: &str) -> Option<(Option<&str>, Option<i32>)> {
    let is_registered = |sign: char| is_unreserved(sign) || "$,;:@&=+".contains(sign);
    let behind_user = authority.rsplit_once('@').map_or(authority, |(_, server)| server);
    let found = match behind_user.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let is_address = !address.is_empty()
                && address.chars().all(|sign| sign.is_ascii_hexdigit() || ":.%".contains(sign));
            let host = &behind_user[..address.len() + 2];
            // Brackets stand around an address and nowhere else.
            return if is_address { Some((Some(host), port_of(port)?)) } else { None };
        }
        None => {
            let (host, port) =
                behind_user.find(':').map_or((behind_user, ""), |colon| behind_user.split_at(colon));
            port_of(port).filter(|_| is_host(host)).map(|port| (Some(host), port))
        }
    };
    match found {
        Some(server) => Some(server),
        None => consists_of(authority, is_registered).then_some((None, None)),
    }
}

/// The port of `:8080`, no port of nothing and of `:`; none where it is no number.
fn port_of(text: &str) -> Option<Option<i32>> {
    let Some(digits) = text.strip_prefix(':') else { return text.is_empty().then_some(None) };
    if digits.is_empty() {
        return Some(None);
    }
    let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number).map(Some)
}

/// Whether a text is the name of a host or an address of four numbers.
fn is_host(host: &str) -> bool {
    let numbers: Vec<&str> = host.split('.').collect();
    if numbers.len() == 4 && numbers.iter().all(|number| !number.is_empty() && number.parse::<u8>().is_ok()) {
        return true;
    }
    let labels: Vec<&str> = host.strip_suffix('.').unwrap_or(host).split('.').collect();
    let is_label = |label: &&str| {
        let bytes = label.as_bytes();
        let inside = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        let ends = [bytes.first(), bytes.last()];
        bytes.iter().all(inside) && ends.iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
    };
    let last = labels.last().and_then(|label| label.as_bytes().first());
    labels.iter().all(is_label) && last.is_some_and(u8::is_ascii_alphabetic)
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|sign| sign.is_ascii_alphanumeric() || "+-.".contains(sign))
}

fn is_unreserved(sign: char) -> bool {
    // Java lets other characters than those of ASCII pass, but for blanks and control characters.
    let other = !sign.is_ascii() && !sign.is_control() && !sign.is_whitespace();
    sign.is_ascii_alphanumeric() || "-_.!~*'()".contains(sign) || other
}

fn is_uric(sign: char) -> bool {
    is_unreserved(sign) || ";/?:@&=+$,[]".contains(sign)
}

fn is_path(sign: char) -> bool {
    is_unreserved(sign) || "/;:@&=+$,".contains(sign)
}

/// Whether a text consists of such characters, and of escaped ones.
fn consists_of(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    for (at, sign) in text.char_indices() {
        if sign == '%' {
            let digits = text.get(at + 1..at + 3);
            if !digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())) {
                return false;
            }
        } else if !allowed(sign) {
            return false;
        }
    }
    true
}

/// The text with its escaped bytes as characters.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = text.get(at + 1..at + 3).filter(|_| *byte == b'%');
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(escaped) => {
                decoded.push(escaped);
                at += 3;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        let uri = JavaUri::parse("https://user:pw@sea.example.com:8443/a/b;c?x=1&y=?#top").expect("a URI");
        let expected = JavaUri {
            scheme: Some("https"),
            host: Some("sea.example.com"),
            port: Some(8443),
            path: Some("/a/b;c"),
            query: Some("x=1&y=?"),
            fragment: Some("top"),
        };
        assert_eq!(uri, expected);
        let relative = JavaUri::parse("sea.example.com/a:b").expect("a URI");
        assert_eq!(relative, JavaUri { path: Some("sea.example.com/a:b"), ..JavaUri::default() });
        let opaque = JavaUri::parse("mailto:a@example.com").expect("a URI");
        assert_eq!(opaque, JavaUri { scheme: Some("mailto"), ..JavaUri::default() });
    }

    #[test]
    fn hosts_are_names_and_addresses() {
        let host = |text| JavaUri::parse(text).and_then(|uri| uri.host);
        assert_eq!(host("http://10.0.0.1:80/"), Some("10.0.0.1"));
        assert_eq!(host("http://[::1]:80/"), Some("[::1]"));
        assert_eq!(host("http://sea."), Some("sea."));
        // Java takes such authorities for names of a registry, of which it knows nothing.
        assert_eq!(host("http://low_tide/"), None);
        assert_eq!(host("http://sea:port/"), None);
        assert_eq!(JavaUri::parse("http://low_tide/a").and_then(|uri| uri.path), Some("/a"));
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for text in
            [":a", "1a:b", "http:", "http://", "a b", "http://a/%zz", "http://a/[b]", "http://[x]/", "a|b"]
        {
            assert_eq!(JavaUri::parse(text), None, "{text}");
        }
        assert!(JavaUri::parse("file:///a").is_some());
        assert!(JavaUri::parse("").is_some());
    }

    #[test]
    fn escaped_bytes_become_characters() {
        assert_eq!(decode("a%20b%C3%A4"), "a bä");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%ff"), "\u{fffd}");
    }
}
