//! What of a file is refused before it is compiled, because compiling it would not end well: the library
//! descends on the thread's stack as deep as options are nested, and takes descriptors for what a compiler
//! has made.

use std::collections::HashMap;

use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, ServiceDescriptorProto,
    UninterpretedOption,
};
use protox::file::File;

/// How deep the value of an option may be nested, counted with the names in front of it. Encoders and
/// decoders of Protobuf go a hundred deep.
const OPTION_DEPTH_MAX: usize = 64;

/// In how many ways files may be reached by public imports. The library follows each of them, and files that
/// import two others each double their number at every level.
const PUBLIC_WAYS_MAX: usize = 10_000;

/// Checks what one file declares.
pub(super) fn check_file(file: &FileDescriptorProto) -> Result<(), String> {
    match file.syntax.as_deref() {
        None | Some("proto2" | "proto3") => {}
        Some(other) => {
            return Err(format!("the syntax '{other}' is not supported: it is 'proto2' or 'proto3'"));
        }
    }
    check_options(file.options.as_ref().map(|options| &options.uninterpreted_option))?;
    file.message_type.iter().try_for_each(check_message)?;
    file.enum_type.iter().try_for_each(check_enum)?;
    file.extension.iter().try_for_each(check_field)?;
    file.service.iter().try_for_each(check_service)
}

fn check_message(message: &DescriptorProto) -> Result<(), String> {
    if let Some(options) = &message.options {
        check_options(Some(&options.uninterpreted_option))?;
        let sets_map_entry = |option: &UninterpretedOption| matches!(option.name.as_slice(), [part] if part.name_part == "map_entry" && !part.is_extension);
        let is_no_entry = options.map_entry() && !is_map_entry(message);
        if is_no_entry || options.uninterpreted_option.iter().any(sets_map_entry) {
            return Err(format!(
                "the message '{}' is no entry of a map: declare a field of type map instead of setting map_entry",
                message.name()
            ));
        }
    }
    for range in &message.extension_range {
        check_options(range.options.as_ref().map(|options| &options.uninterpreted_option))?;
    }
    for oneof in &message.oneof_decl {
        check_options(oneof.options.as_ref().map(|options| &options.uninterpreted_option))?;
    }
    message.field.iter().chain(&message.extension).try_for_each(check_field)?;
    message.enum_type.iter().try_for_each(check_enum)?;
    message.nested_type.iter().try_for_each(check_message)
}

/// Whether a message is what a compiler makes of a map: a key and a value.
fn is_map_entry(message: &DescriptorProto) -> bool {
    let parts = message.field.iter().map(|field| (field.name(), field.number()));
    parts.eq([("key", 1), ("value", 2)])
}

fn check_field(field: &FieldDescriptorProto) -> Result<(), String> {
    check_options(field.options.as_ref().map(|options| &options.uninterpreted_option))
}

fn check_enum(enumeration: &EnumDescriptorProto) -> Result<(), String> {
    for value in &enumeration.value {
        check_options(value.options.as_ref().map(|options| &options.uninterpreted_option))?;
    }
    check_options(enumeration.options.as_ref().map(|options| &options.uninterpreted_option))
}

fn check_service(service: &ServiceDescriptorProto) -> Result<(), String> {
    for method in &service.method {
        check_options(method.options.as_ref().map(|options| &options.uninterpreted_option))?;
    }
    check_options(service.options.as_ref().map(|options| &options.uninterpreted_option))
}

fn check_options(options: Option<&Vec<UninterpretedOption>>) -> Result<(), String> {
    let depth = |option: &UninterpretedOption| {
        option.name.len() + option.aggregate_value.as_deref().map_or(0, bracket_depth)
    };
    match options.into_iter().flatten().find(|option| depth(option) > OPTION_DEPTH_MAX) {
        None => Ok(()),
        Some(option) => {
            let name = option.name.first().map_or("", |part| part.name_part.as_str());
            Err(format!("the option '{name}' is nested more than {OPTION_DEPTH_MAX} deep"))
        }
    }
}

/// How many brackets are open at once in the text of a value, texts within it apart.
fn bracket_depth(value: &str) -> usize {
    let (mut depth, mut depth_max) = (0_usize, 0);
    let (mut is_text, mut is_escaped) = (false, false);
    for byte in value.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'{' | b'[' | b'<' if !is_text => depth += 1,
            b'}' | b']' | b'>' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth_max = depth_max.max(depth);
    }
    depth_max
}

/// Checks that following all public imports ends in a bounded time.
pub(super) fn check_public_imports(files: &HashMap<String, File>) -> Result<(), String> {
    let mut known = HashMap::new();
    if files.keys().any(|path| ways(path, files, &mut known) > PUBLIC_WAYS_MAX) {
        return Err(format!("public imports lead to files in more than {PUBLIC_WAYS_MAX} ways"));
    }
    Ok(())
}

/// In how many ways public imports lead from a file to others. There are as many files at most as one schema
/// may build on, which bounds the depth; of files in a circle the compiler tells.
fn ways<'f>(path: &'f str, files: &'f HashMap<String, File>, known: &mut HashMap<&'f str, usize>) -> usize {
    if let Some(ways) = known.get(path) {
        return *ways;
    }
    known.insert(path, 1);
    let Some(file) = files.get(path).map(File::file_descriptor_proto) else { return 1 };
    let mut sum = 1_usize;
    for index in &file.public_dependency {
        let import = usize::try_from(*index).ok().and_then(|index| file.dependency.get(index));
        sum = sum.saturating_add(import.map_or(0, |import| ways(import, files, known)));
    }
    known.insert(path, sum);
    sum
}
