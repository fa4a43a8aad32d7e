//! Writing descriptors as the text of a `.proto` file, in one form: that of Confluent's registry, whose users
//! compare texts.

use std::collections::{BTreeMap, HashMap, HashSet};

use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::source_code_info::Location;
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, MethodDescriptorProto,
    ServiceDescriptorProto,
};
use prost_reflect::{
    DynamicMessage, EnumDescriptor, EnumValueDescriptor, ExtensionDescriptor, FieldDescriptor, Kind,
    MessageDescriptor, MethodDescriptor, OneofDescriptor, ServiceDescriptor, Syntax, Value,
};

use super::compiler::Compiled;
use super::option_text::{braced, literal, quoted, settings};

/// The highest number of a field.
const FIELD_NUMBER_MAX: i32 = 536_870_911;

/// Where a descriptor keeps the place of the declaration of its syntax.
const SYNTAX_PATH: [i32; 1] = [12];

/// How types are named, and with that what becomes of an order that means nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Names {
    /// As they are written, everything in the order it was declared in.
    AsWritten,
    /// In full, with imports, fields and types in an order of their own.
    InFull,
}

/// A file's text.
pub(super) fn text(compiled: &Compiled, names: Names) -> String {
    printed(compiled, names, true)
}

/// A file's text as it is written, without the extensions it declares and the options that are some.
pub(super) fn text_without_extensions(compiled: &Compiled) -> String {
    printed(compiled, Names::AsWritten, false)
}

fn printed(compiled: &Compiled, names: Names, has_extensions: bool) -> String {
    let (file, declared) = (&compiled.file, &compiled.declared);
    let proto = match names {
        Names::AsWritten => declared,
        Names::InFull => file.file_descriptor_proto(),
    };
    let places = match &declared.source_code_info {
        Some(places) if names == Names::AsWritten => places.location.as_slice(),
        _ => &[],
    };
    let is_proto3 = file.syntax() == Syntax::Proto3;
    let mut printer = Printer { text: String::new(), depth: 0, names, has_extensions, is_proto3, places };
    printer.file(compiled, proto);
    printer.text
}

struct Printer<'f> {
    text: String,
    depth: usize,
    names: Names,
    has_extensions: bool,
    is_proto3: bool,
    /// Where everything is declared, sorted by its path; empty where that is not known or does not count.
    places: &'f [Location],
}

/// A message or an enum, and what it means.
enum Declaration<'f> {
    Message(&'f DescriptorProto, MessageDescriptor),
    Enum(&'f EnumDescriptorProto, EnumDescriptor),
}

/// A field as it is declared, with what it means.
struct DeclaredField<'f> {
    proto: &'f FieldDescriptorProto,
    options: DynamicMessage,
    kind: Kind,
    default: Option<Value>,
}

/// The messages declared around a field: those that stand for entries of maps and for groups are among them.
struct Surroundings<'f> {
    messages: Vec<(&'f DescriptorProto, MessageDescriptor)>,
    positions: HashMap<&'f str, usize>,
}

impl<'f> Printer<'f> {
    fn file(&mut self, compiled: &Compiled, proto: &FileDescriptorProto) {
        let (file, declared) = (&compiled.file, &compiled.declared);
        let is_said = self.places.is_empty() || self.place(&SYNTAX_PATH).is_some();
        if self.is_proto3 {
            self.line("syntax = \"proto3\";");
        } else if is_said {
            self.line("syntax = \"proto2\";");
        }
        if !declared.package().is_empty() {
            self.line(&format!("package {};", declared.package()));
        }
        self.section(&self.imports(declared), |printer, import| printer.line(import));
        self.options(&file.options());

        let around = Surroundings::new(&proto.message_type, file.messages());
        let hidden = hidden(&[], &proto.extension, &proto.message_type);
        let types = self.types(&around, proto.enum_type.iter().zip(file.enums()), &hidden);
        self.section(&types, Self::declaration);
        self.extensions(&extensions(&proto.extension, file.extensions()), &around);
        let services: Vec<(&ServiceDescriptorProto, ServiceDescriptor)> =
            proto.service.iter().zip(file.services()).collect();
        self.section(&services, |printer, (proto, service)| printer.service(proto, service));
    }

    fn imports(&self, declared: &FileDescriptorProto) -> Vec<String> {
        let is_in = |index: usize, indexes: &[i32]| {
            indexes.iter().any(|listed| usize::try_from(*listed).is_ok_and(|listed| listed == index))
        };
        let mut imports = Vec::with_capacity(declared.dependency.len());
        for (index, path) in declared.dependency.iter().enumerate() {
            let visibility = if is_in(index, &declared.public_dependency) {
                "public "
            } else if is_in(index, &declared.weak_dependency) {
                "weak "
            } else {
                ""
            };
            imports.push((path.as_str(), visibility));
        }
        if self.names == Names::InFull {
            imports.sort();
        }
        let line =
            |(path, visibility): (&str, &str)| format!("import {visibility}{};", quoted(path.as_bytes()));
        imports.into_iter().map(line).collect()
    }

    /// Messages and enums in the order they are declared in, without those that `hidden` names.
    fn types<'p>(
        &self,
        around: &Surroundings<'p>,
        enums: impl Iterator<Item = (&'p EnumDescriptorProto, EnumDescriptor)>,
        hidden: &HashSet<&str>,
    ) -> Vec<Declaration<'p>> {
        let mut types = Vec::new();
        for (proto, message) in around.messages.iter().filter(|(proto, _)| !hidden.contains(proto.name())) {
            types.push((self.place(message.path()), Declaration::Message(proto, message.clone())));
        }
        for (proto, enumeration) in enums {
            types.push((self.place(enumeration.path()), Declaration::Enum(proto, enumeration)));
        }
        types.sort_by_key(|(place, _)| *place);
        types.into_iter().map(|(_, declaration)| declaration).collect()
    }

    fn declaration(&mut self, declaration: &Declaration<'_>) {
        match declaration {
            Declaration::Message(proto, message) => {
                self.block(&format!("message {}", proto.name()), |printer| printer.message(proto, message));
            }
            Declaration::Enum(proto, enumeration) => self.enumeration(proto, enumeration),
        }
    }

    /// What stands between a message's braces.
    fn message(&mut self, proto: &DescriptorProto, message: &MessageDescriptor) {
        let around = Surroundings::new(&proto.nested_type, message.child_messages());

        let ranges = proto.reserved_range.iter().map(|range| shown_range(range.start(), range.end()));
        let names = proto.reserved_name.iter().map(|name| quoted(name.as_bytes()));
        self.section(&ranges.chain(names).collect::<Vec<_>>(), |printer, reserved| {
            printer.line(&format!("reserved {reserved};"));
        });
        self.options(&message.options());

        let mut fields = self.fields_by_oneof(proto, message);
        let in_none = fields.remove(&None).unwrap_or_default();
        self.section(&in_none, |printer, field| printer.field(field, &around, false));
        // A field that is optional in proto3 is alone in a oneof that nobody has declared, and not found there.
        let oneofs: Vec<(OneofDescriptor, Vec<DeclaredField<'_>>)> = (0..)
            .zip(message.oneofs())
            .filter_map(|(index, oneof)| Some((oneof, fields.remove(&Some(index))?)))
            .collect();
        self.section(&oneofs, |printer, (oneof, fields)| {
            printer.block(&format!("oneof {}", oneof.name()), |printer| {
                printer.options(&oneof.options());
                printer.section(fields, |printer, field| printer.field(field, &around, true));
            });
        });
        self.section(&proto.extension_range, |printer, range| {
            printer.line(&format!("extensions {};", shown_range(range.start(), range.end())));
        });

        let hidden = hidden(&proto.field, &proto.extension, &proto.nested_type);
        let types = self.types(&around, proto.enum_type.iter().zip(message.child_enums()), &hidden);
        self.section(&types, Self::declaration);
        self.extensions(&extensions(&proto.extension, message.child_extensions()), &around);
    }

    /// The fields of each declared oneof, and those in none.
    fn fields_by_oneof<'p>(
        &self,
        proto: &'p DescriptorProto,
        message: &MessageDescriptor,
    ) -> BTreeMap<Option<i32>, Vec<DeclaredField<'p>>> {
        let mut declared: Vec<&FieldDescriptorProto> = proto.field.iter().collect();
        if self.names == Names::InFull {
            declared.sort_by_key(|field| field.number());
        }
        let mut fields: BTreeMap<Option<i32>, Vec<DeclaredField<'p>>> = BTreeMap::new();
        for proto in declared {
            let field = u32::try_from(proto.number()).ok().and_then(|number| message.get_field(number));
            let Some(field) = field else { continue };
            let oneof = proto.oneof_index.filter(|_| !proto.proto3_optional());
            fields.entry(oneof).or_default().push(DeclaredField::of_field(proto, &field));
        }
        fields
    }

    fn extensions(&mut self, extensions: &[DeclaredField<'_>], around: &Surroundings<'_>) {
        if !self.has_extensions {
            return;
        }
        let blocks: Vec<&[DeclaredField<'_>]> =
            extensions.chunk_by(|left, right| left.proto.extendee() == right.proto.extendee()).collect();
        self.section(&blocks, |printer, fields| {
            let extendee = fields.first().map_or("", |field| field.proto.extendee());
            printer.block(&format!("extend {extendee}"), |printer| {
                printer.section(fields, |printer, field| printer.field(field, around, false));
            });
        });
    }

    fn field(&mut self, field: &DeclaredField<'_>, around: &Surroundings<'_>, is_in_oneof: bool) {
        let proto = field.proto;
        let entry = field.map_entry(around);
        let label = match proto.label() {
            _ if entry.is_some() || is_in_oneof => "",
            Label::Repeated => "repeated ",
            Label::Required => "required ",
            Label::Optional if proto.proto3_optional() || !self.is_proto3 => "optional ",
            Label::Optional => "",
        };
        let options = bracketed(&self.kept(field.settings()));
        if proto.r#type() == Type::Group {
            let name = last_part(proto.type_name());
            let declared = format!("{label}group {name} = {}{options}", proto.number());
            match field.message_within(around) {
                Some((proto, message)) => {
                    self.block(&declared, |printer| printer.message(proto, message));
                }
                None => self.line(&format!("{declared};")),
            }
            return;
        }
        let field_type = match entry {
            Some((key, value)) => format!("map<{}, {}>", type_name(key), type_name(value)),
            None => type_name(proto).to_owned(),
        };
        self.line(&format!("{label}{field_type} {} = {}{options};", proto.name(), proto.number()));
    }

    fn enumeration(&mut self, proto: &EnumDescriptorProto, enumeration: &EnumDescriptor) {
        self.block(&format!("enum {}", proto.name()), |printer| {
            let ranges = proto.reserved_range.iter().map(|range| match (range.start(), range.end()) {
                (start, i32::MAX) => format!("{start} to max"),
                (start, end) if start == end => start.to_string(),
                (start, end) => format!("{start} to {end}"),
            });
            let names = proto.reserved_name.iter().map(|name| quoted(name.as_bytes()));
            printer.section(&ranges.chain(names).collect::<Vec<_>>(), |printer, reserved| {
                printer.line(&format!("reserved {reserved};"));
            });
            printer.options(&enumeration.options());
            let values = proto.value.iter().filter_map(|value| enumeration.get_value_by_name(value.name()));
            let values: Vec<EnumValueDescriptor> = values.collect();
            printer.section(&values, |printer, value| {
                let options = bracketed(&printer.kept(settings(&value.options())));
                printer.line(&format!("{} = {}{options};", value.name(), value.number()));
            });
        });
    }

    fn service(&mut self, proto: &ServiceDescriptorProto, service: &ServiceDescriptor) {
        self.block(&format!("service {}", proto.name()), |printer| {
            printer.options(&service.options());
            let methods: Vec<(&MethodDescriptorProto, MethodDescriptor)> =
                proto.method.iter().zip(service.methods()).collect();
            printer.section(&methods, |printer, (proto, method)| printer.method(proto, method));
        });
    }

    fn method(&mut self, proto: &MethodDescriptorProto, method: &MethodDescriptor) {
        let stream = |is_stream| if is_stream { "stream " } else { "" };
        let declared = format!(
            "rpc {} ({}{}) returns ({}{})",
            proto.name(),
            stream(proto.client_streaming()),
            proto.input_type(),
            stream(proto.server_streaming()),
            proto.output_type()
        );
        let options = method.options();
        if self.kept(settings(&options)).is_empty() {
            self.line(&format!("{declared};"));
        } else {
            self.block(&declared, |printer| printer.options(&options));
        }
    }

    fn options(&mut self, options: &DynamicMessage) {
        let settings = self.kept(settings(options));
        self.section(&settings, |printer, setting| printer.line(&format!("option {setting};")));
    }

    /// Without the options that are extensions, where those are left out: their names stand in parentheses.
    fn kept(&self, mut settings: Vec<String>) -> Vec<String> {
        settings.retain(|setting| self.has_extensions || !setting.starts_with('('));
        settings
    }

    /// Lines that belong together, apart from those before.
    fn section<T>(&mut self, items: &[T], print: impl Fn(&mut Self, &T)) {
        if items.is_empty() {
            return;
        }
        if !self.text.is_empty() && !self.text.ends_with("{\n") {
            // Confluent's registry indents empty lines too: as what is around them.
            self.indent(self.depth.saturating_sub(1));
            self.text.push('\n');
        }
        for item in items {
            print(self, item);
        }
    }

    fn block(&mut self, begin: &str, inside: impl FnOnce(&mut Self)) {
        self.line(&format!("{begin} {{"));
        let empty = self.text.len();
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        if self.text.len() == empty {
            self.text.pop();
            self.text.push_str("}\n");
        } else {
            self.line("}");
        }
    }

    /// A line, or several where an option is written over several.
    fn line(&mut self, lines: &str) {
        for line in lines.split('\n') {
            self.indent(self.depth);
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    fn indent(&mut self, depth: usize) {
        for _ in 0..depth {
            self.text.push_str("  ");
        }
    }

    /// Line and column of a declaration, where they are known.
    fn place(&self, path: &[i32]) -> Option<(i32, i32)> {
        let found = self.places.binary_search_by(|location| location.path.as_slice().cmp(path));
        match self.places.get(found.ok()?)?.span.as_slice() {
            [line, column, ..] => Some((*line, *column)),
            _ => None,
        }
    }
}

impl<'f> Surroundings<'f> {
    fn new(
        protos: &'f [DescriptorProto],
        reflected: impl Iterator<Item = MessageDescriptor>,
    ) -> Surroundings<'f> {
        let messages: Vec<_> = protos.iter().zip(reflected).collect();
        let positions = protos.iter().map(DescriptorProto::name).zip(0..).collect();
        Surroundings { messages, positions }
    }
}

impl<'f> DeclaredField<'f> {
    fn of_field(proto: &'f FieldDescriptorProto, field: &FieldDescriptor) -> DeclaredField<'f> {
        let default = proto.default_value.is_some().then(|| field.default_value());
        DeclaredField { proto, options: field.options(), kind: field.kind(), default }
    }

    fn of_extension(proto: &'f FieldDescriptorProto, extension: &ExtensionDescriptor) -> DeclaredField<'f> {
        let default = proto.default_value.is_some().then(|| extension.default_value());
        DeclaredField { proto, options: extension.options(), kind: extension.kind(), default }
    }

    /// The message it holds, if that is declared around the field.
    fn message_within<'m>(
        &self,
        around: &'m Surroundings<'_>,
    ) -> Option<(&'m DescriptorProto, &'m MessageDescriptor)> {
        let held = self.kind.as_message()?;
        let (proto, message) = around.messages.get(*around.positions.get(held.name())?)?;
        (message == held).then_some((*proto, message))
    }

    /// Key and value of the entries, if it is a map.
    fn map_entry<'m>(
        &self,
        around: &'m Surroundings<'_>,
    ) -> Option<(&'m FieldDescriptorProto, &'m FieldDescriptorProto)> {
        let (entry, _) = self.message_within(around).filter(|(entry, _)| is_map_entry(entry))?;
        Some((entry.field.first()?, entry.field.get(1)?))
    }

    /// Its options, the two among them that are none to a descriptor.
    fn settings(&self) -> Vec<String> {
        let default = self.default.as_ref().map(|value| match value {
            // Of several names of a number, the one that was written.
            Value::EnumNumber(_) => self.proto.default_value().to_owned(),
            value => literal(&self.kind, value),
        });
        let json_name = self.proto.json_name.as_ref();
        let json_name = json_name.filter(|json_name| **json_name != camel_case(self.proto.name()));
        let mut own = Vec::new();
        own.extend(default.map(|default| format!("default = {default}")));
        own.extend(json_name.map(|json_name| format!("json_name = {}", quoted(json_name.as_bytes()))));
        own.extend(settings(&self.options));
        own
    }
}

fn extensions<'p>(
    protos: &'p [FieldDescriptorProto],
    extensions: impl Iterator<Item = ExtensionDescriptor>,
) -> Vec<DeclaredField<'p>> {
    let declared = protos.iter().zip(extensions);
    declared.map(|(proto, extension)| DeclaredField::of_extension(proto, &extension)).collect()
}

/// Names of the messages that fields declare: those of groups and of entries of maps.
fn hidden<'p>(
    fields: &'p [FieldDescriptorProto],
    extensions: &'p [FieldDescriptorProto],
    messages: &'p [DescriptorProto],
) -> HashSet<&'p str> {
    let groups = fields.iter().chain(extensions).filter(|field| field.r#type() == Type::Group);
    let entries = messages.iter().filter(|message| is_map_entry(message));
    groups.map(|field| last_part(field.type_name())).chain(entries.map(DescriptorProto::name)).collect()
}

fn is_map_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(|options| options.map_entry())
}

fn type_name(field: &FieldDescriptorProto) -> &str {
    if !field.type_name().is_empty() {
        return field.type_name();
    }
    match field.r#type() {
        Type::Double => "double",
        Type::Float => "float",
        Type::Int64 => "int64",
        Type::Uint64 => "uint64",
        Type::Int32 => "int32",
        Type::Fixed64 => "fixed64",
        Type::Fixed32 => "fixed32",
        Type::Bool => "bool",
        Type::String => "string",
        Type::Bytes => "bytes",
        Type::Uint32 => "uint32",
        Type::Sfixed32 => "sfixed32",
        Type::Sfixed64 => "sfixed64",
        Type::Sint32 => "sint32",
        Type::Sint64 => "sint64",
        Type::Group | Type::Message | Type::Enum => "",
    }
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Numbers of fields from one to another, which is not among them.
fn shown_range(start: i32, end: i32) -> String {
    match end.saturating_sub(1) {
        last if last >= FIELD_NUMBER_MAX => format!("{start} to max"),
        last if last == start => start.to_string(),
        last => format!("{start} to {last}"),
    }
}

/// Options behind a declaration: one in its line, several each in a line of its own.
fn bracketed(settings: &[String]) -> String {
    match settings {
        [] => String::new(),
        [single] => format!(" [{single}]"),
        several => format!(" {}", braced('[', several, ']')),
    }
}

/// The name a field has in JSON unless it says otherwise.
fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut is_next_upper = false;
    for character in name.chars() {
        match character {
            '_' => is_next_upper = true,
            character if is_next_upper => {
                camel.push(character.to_ascii_uppercase());
                is_next_upper = false;
            }
            character => camel.push(character),
        }
    }
    camel
}
