//! `.proto` text to descriptors.

use prost_reflect::{FileDescriptor, MessageDescriptor};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use protox::{Compiler, Error};

use super::well_known;
use crate::formats::inference::NO_SUCH_RECORD;

/// Bytes of one schema's text, imports apart. Schemas of thousands of fields stay well below; what is
/// larger is no schema, and compiling it would hold a query up.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// Brackets within brackets. Messages nest to 31 at most; the rest is values of options.
const BRACKET_DEPTH_MAX: usize = 100;

/// The name of a schema's own file, which it does not have in the registry.
const OWN_FILE: &str = "schema.proto";

/// Compiles a schema, with the texts of what it imports by the names it imports them by. Files of
/// `google/protobuf` and those Confluent's serializers know need not be among them.
///
/// # Errors
/// What is wrong with the text, and where: a sentence for the user.
pub(super) fn compile(text: &str, imports: &[(String, String)]) -> Result<FileDescriptor, String> {
    for (name, text) in std::iter::once((OWN_FILE, text)).chain(imports.iter().map(as_strs)) {
        check_bounds(text).map_err(|reason| format!("{name}: {reason}"))?;
    }
    let mut resolver = ChainFileResolver::new();
    resolver.add(Texts { own: text.to_owned(), imports: imports.to_vec() });
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    // The Debug form is the one that says where: `schema.proto:2:5: …`.
    compiler.open_file(OWN_FILE).map_err(|error| format!("{error:?}"))?;
    let file = compiler.descriptor_pool().get_file_by_name(OWN_FILE);
    file.ok_or_else(|| "the schema has no text".to_owned())
}

/// The message that records of a schema are: the one of that full name, else the first.
///
/// # Errors
/// There is none.
pub(super) fn root_message(
    file: &FileDescriptor,
    full_name: Option<&str>,
) -> Result<MessageDescriptor, String> {
    match full_name {
        None => file.messages().next().ok_or_else(|| "the schema has no message".to_owned()),
        Some(name) => file
            .parent_pool()
            .get_message_by_name(name)
            .filter(|message| message.parent_file() == *file)
            .ok_or_else(|| NO_SUCH_RECORD.to_owned()),
    }
}

/// The schema's own text, its references, and what Confluent's serializers know.
struct Texts {
    own: String,
    imports: Vec<(String, String)>,
}

impl FileResolver for Texts {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        if name == OWN_FILE {
            return parse(name, &self.own);
        }
        match self.imports.iter().find(|(import, _)| import == name) {
            Some((_, text)) => parse(name, text),
            None => match well_known::file(name) {
                Some(text) => File::from_source(name, text),
                None => Err(Error::file_not_found(name)),
            },
        }
    }
}

/// Parses a file. Confluent's registry lets schemas use its options without importing their file, and
/// writes such schemas itself, so the import is added where it is missing.
fn parse(name: &str, text: &str) -> Result<File, Error> {
    let file = File::from_source(name, text)?;
    let imports = &file.file_descriptor_proto().dependency;
    let has_options = text.contains("(confluent.") || text.contains("(.confluent.");
    if !has_options || imports.iter().any(|import| import == well_known::META_FILE) {
        return Ok(file);
    }
    let mut descriptor = file.file_descriptor_proto().clone();
    descriptor.dependency.push(well_known::META_FILE.to_owned());
    Ok(File::from_file_descriptor_proto(descriptor))
}

/// Refuses what the compiler could not take in a bounded time and depth.
fn check_bounds(text: &str) -> Result<(), String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("{} bytes of text; at most {TEXT_BYTES_MAX} are taken", text.len()));
    }
    let mut depth = 0usize;
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' | b'<' => depth += 1,
            b'}' | b']' | b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > BRACKET_DEPTH_MAX {
            return Err(format!("more than {BRACKET_DEPTH_MAX} brackets within each other"));
        }
    }
    Ok(())
}

fn as_strs((name, text): &(String, String)) -> (&str, &str) {
    (name, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_imports_its_references_and_the_well_known_files() {
        let imports = [("event.proto".to_owned(), "message Event { required int32 id = 1; }".to_owned())];
        let text = r#"syntax = "proto3"; import "event.proto"; import "confluent/type/decimal.proto";
            import "google/type/date.proto"; import 'google/type/timeofday.proto';
            import "google/protobuf/wrappers.proto";
            message First { Event event = 1; google.type.Date day = 2; google.protobuf.BoolValue flag = 3; }
            message Second { confluent.type.Decimal d = 1
                [(confluent.field_meta) = { params: [{ value: "4", key: "precision" }]}]; }"#;
        let file = compile(text, &imports).expect("a schema");
        assert_eq!(root_message(&file, None).expect("a message").full_name(), "First");
        assert_eq!(root_message(&file, Some("Second")).expect("a message").full_name(), "Second");
        assert!(root_message(&file, Some("Event")).is_err());
    }

    #[test]
    fn options_of_confluent_need_no_import() {
        let text = r#"syntax = "proto3"; message M { int32 a = 1 [(confluent.field_meta).doc = "x"]; }"#;
        assert!(compile(text, &[]).is_ok());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let reason = compile("syntax = \"proto3\";\nmessage M { int31 a = 1; }", &[]).expect_err("a reason");
        assert!(reason.starts_with("schema.proto:2:13"), "{reason}");
        assert!(reason.contains("int31"), "{reason}");
        let reason = compile("import \"gone.proto\";", &[]).expect_err("a reason");
        assert!(reason.contains("gone.proto"), "{reason}");
        assert!(compile("", &[]).is_ok_and(|file| root_message(&file, None).is_err()));
    }

    #[test]
    fn a_text_that_is_too_large_or_too_deep_is_refused() {
        assert!(compile(&" ".repeat(TEXT_BYTES_MAX + 1), &[]).is_err());
        assert!(compile(&"message M {".repeat(10_000), &[]).is_err());
    }
}
