//! Where a `$ref` leads: within the document, to a part of it that has an `$id` or `$anchor`, or into a
//! document the schema refers to.

use std::collections::HashMap;

use serde_json::Value;

/// A document and the names by which others find it.
struct Document<'v> {
    /// The name it is referred to by; empty for the schema itself.
    name: &'v str,
    root: &'v Value,
}

/// All that can be referred to.
pub(super) struct Addresses<'v> {
    documents: Vec<Document<'v>>,
    /// Parts by address, and by document where the address is only a fragment of it.
    parts: HashMap<(usize, String), &'v Value>,
    identified: HashMap<String, (usize, &'v Value)>,
}

impl<'v> Addresses<'v> {
    /// Of a schema and of the documents it refers to, each with its name; the schema comes first.
    pub(super) fn new(documents: impl IntoIterator<Item = (&'v str, &'v Value)>) -> Addresses<'v> {
        let mut addresses =
            Addresses { documents: Vec::new(), parts: HashMap::new(), identified: HashMap::new() };
        for (name, root) in documents {
            addresses.add(name, root);
        }
        addresses
    }

    fn add(&mut self, name: &'v str, root: &'v Value) {
        let place = self.documents.len();
        self.documents.push(Document { name, root });
        let base = identifier(root).unwrap_or_default();
        let mut waiting = vec![root];
        while let Some(value) = waiting.pop() {
            if let Some(id) = identifier(value) {
                match id.strip_prefix('#') {
                    Some(anchor) => {
                        self.parts.insert((place, anchor.to_owned()), value);
                    }
                    None => {
                        let id = joined(base, id);
                        self.identified.entry(id).or_insert((place, value));
                    }
                }
            }
            if let Some(anchor) = value.get("$anchor").and_then(Value::as_str) {
                self.parts.insert((place, anchor.to_owned()), value);
            }
            match value {
                Value::Object(members) => waiting.extend(members.values()),
                Value::Array(items) => waiting.extend(items),
                _ => {}
            }
        }
    }

    /// What an address within a document leads to, and the document that is in.
    pub(super) fn find(&self, document: usize, address: &str) -> Option<(usize, &'v Value)> {
        let (whole, fragment) = address.split_once('#').unwrap_or((address, ""));
        let (document, value) = self.find_whole(document, whole)?;
        if fragment.is_empty() {
            return Some((document, value));
        }
        if fragment.starts_with('/') {
            return Some((document, value.pointer(&percent_decoded(fragment)?)?));
        }
        Some((document, self.parts.get(&(document, fragment.to_owned()))?))
    }

    fn find_whole(&self, document: usize, address: &str) -> Option<(usize, &'v Value)> {
        let here = self.documents.get(document)?;
        if address.is_empty() {
            return Some((document, here.root));
        }
        let base = identifier(here.root).unwrap_or_default();
        let full = joined(base, address);
        let by_name = |wanted: &str| {
            let mut documents = self.documents.iter().enumerate();
            documents.find(|(_, document)| document.name == wanted).map(|(place, known)| (place, known.root))
        };
        by_name(address)
            .or_else(|| by_name(&full))
            .or_else(|| self.identified.get(&full).copied())
            .or_else(|| self.identified.get(address).copied())
    }
}

/// The `$id` of a schema, without an empty fragment.
fn identifier(schema: &Value) -> Option<&str> {
    let id = schema.get("$id").or_else(|| schema.get("id"))?.as_str()?;
    Some(id.strip_suffix('#').unwrap_or(id)).filter(|id| !id.is_empty())
}

/// An address that may be relative, as seen from a base.
fn joined(base: &str, address: &str) -> String {
    let has_scheme = address.contains("://") || address.starts_with("urn:");
    if has_scheme || base.is_empty() || base == address {
        return address.to_owned();
    }
    let scheme_end = base.find("://").map_or(0, |start| start + "://".len());
    let host_end = base[scheme_end..].find('/').map_or(base.len(), |end| scheme_end + end);
    if let Some(path) = address.strip_prefix('/') {
        return format!("{}/{path}", &base[..host_end]);
    }
    let folder_end = base[host_end..].rfind('/').map_or(host_end, |end| host_end + end);
    format!("{}/{address}", &base[..folder_end])
}

fn percent_decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_relative_address_is_seen_from_its_base() {
        assert_eq!(joined("http://a.b/c/d.json", "e.json"), "http://a.b/c/e.json");
        assert_eq!(joined("http://a.b/c/d.json", "/e.json"), "http://a.b/e.json");
        assert_eq!(joined("http://a.b", "e.json"), "http://a.b/e.json");
        assert_eq!(joined("http://a.b/c", "http://x/y"), "http://x/y");
        assert_eq!(joined("", "e.json"), "e.json");
    }

    #[test]
    fn parts_are_found_by_pointer_anchor_and_id() {
        let document = json!({
            "$id": "http://a.b/c.json",
            "definitions": {"a b": {"type": "string"}, "x": {"$anchor": "here"}, "y": {"$id": "y.json"}},
        });
        let other = json!({"definitions": {"z": true}});
        let addresses = Addresses::new([("", &document), ("other.json", &other)]);
        let found = |address: &str| addresses.find(0, address).map(|(_, value)| value);
        assert_eq!(found("#"), Some(&document));
        assert_eq!(found("#/definitions/a%20b"), Some(&json!({"type": "string"})));
        assert_eq!(found("#here"), Some(&json!({"$anchor": "here"})));
        assert_eq!(found("y.json"), Some(&json!({"$id": "y.json"})));
        assert_eq!(found("http://a.b/y.json"), Some(&json!({"$id": "y.json"})));
        assert_eq!(found("other.json#/definitions/z"), Some(&json!(true)));
        assert_eq!(found("elsewhere.json"), None);
        assert_eq!(found("#/definitions/%zz"), None);
    }
}
