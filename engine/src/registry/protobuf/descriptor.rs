//! Serialized file descriptors (`google.protobuf.FileDescriptorProto`), in base 64.
//!
//! Clients that have generated code know their schema in this form alone, register it so, and ask for it so
//! (`format=serialized`). Read, it becomes the file it was made from, except for comments and for options of
//! other people.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::ProtobufSchema;
use super::file::{
    EnumValue, Enumeration, Extension, Field, FieldType, Import, Label, Message, Method, OneOf, OptionValue,
    ProtoFile, ProtoOption, Range, Reserved, Scalar, Service, Syntax, TypeDeclaration, Visibility,
};
use super::options::{self, Owner};
use super::parser::NESTING_MAX;
use super::scope::{Scope, joined};
use super::wire::{self, WireWriter};

/// Numbers of field types that are none of the language's scalars.
const TYPE_GROUP: u64 = 10;
const TYPE_MESSAGE: u64 = 11;
const TYPE_ENUM: u64 = 14;

/// One past the highest number of a field: the end of a range that has none.
const RANGE_END: i32 = 536_870_912;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

type Read<T> = Result<T, String>;

/// Reads a file from its serialized descriptor.
pub(super) fn decode(text: &str) -> Read<ProtoFile> {
    let bytes = BASE64
        .decode(text)
        .map_err(|_| "it is neither a .proto file nor a serialized file descriptor in base 64".to_owned())?;
    decode_file(&bytes)
}

fn decode_file(bytes: &[u8]) -> Read<ProtoFile> {
    let mut file = ProtoFile { syntax: Syntax::Proto2, ..ProtoFile::default() };
    let (mut public, mut weak, mut edition) = (Vec::new(), Vec::new(), None);
    for field in wire::fields(bytes) {
        match field? {
            (2, value) => file.package = value.text()?,
            (3, value) => file.imports.push(Import { path: value.text()?, visibility: Visibility::Own }),
            (4, value) => file.types.push(TypeDeclaration::Message(decode_message(value.bytes()?, 1)?)),
            (5, value) => file.types.push(TypeDeclaration::Enum(decode_enum(value.bytes()?)?)),
            (6, value) => file.services.push(decode_service(value.bytes()?)?),
            (7, value) => add_extension(&mut file.extensions, value.bytes()?)?,
            (8, value) => file.options = options::decode(Owner::File, value.bytes()?)?,
            (10, value) => public.push(value.number()),
            (11, value) => weak.push(value.number()),
            (12, value) => match value.text()?.as_str() {
                "proto3" => file.syntax = Syntax::Proto3,
                "editions" | "proto2" | "" => {}
                other => return Err(format!("there is no syntax '{other}'")),
            },
            (14, value) => edition = Some(value.number()),
            _ => {}
        }
    }
    if let Some(number) = edition {
        file.syntax = Syntax::Edition(match number {
            1000 => "2023".to_owned(),
            1001 => "2024".to_owned(),
            other => other.to_string(),
        });
    }
    for (numbers, visibility) in [(public, Visibility::Public), (weak, Visibility::Weak)] {
        for number in numbers {
            let import = usize::try_from(number).ok().and_then(|number| file.imports.get_mut(number));
            import.ok_or("a descriptor names an import that it does not have")?.visibility = visibility;
        }
    }
    if file.syntax == Syntax::Proto2 {
        label_fields(&mut file.types);
        file.extensions.iter_mut().for_each(|extension| label_optional(&mut extension.fields));
    }
    Ok(file)
}

/// In proto2 a field outside of a oneof always says how often it is there.
fn label_fields(types: &mut [TypeDeclaration]) {
    for declaration in types {
        if let TypeDeclaration::Message(message) = declaration {
            label_optional(&mut message.fields);
            message.extensions.iter_mut().for_each(|extension| label_optional(&mut extension.fields));
            label_fields(&mut message.types);
        }
    }
}

fn label_optional(fields: &mut [Field]) {
    for field in fields.iter_mut().filter(|field| !matches!(field.field_type, FieldType::Map(..))) {
        field.label.get_or_insert(Label::Optional);
    }
}

/// A field with what only its message can make sense of.
struct DecodedField {
    field: Field,
    oneof: Option<usize>,
    is_proto3_optional: bool,
}

fn decode_message(bytes: &[u8], depth: usize) -> Read<Message> {
    if depth > NESTING_MAX {
        return Err(format!("messages are nested more than {NESTING_MAX} deep"));
    }
    let mut message = Message::default();
    let (mut fields, mut maps) = (Vec::new(), Vec::new());
    for field in wire::fields(bytes) {
        match field? {
            (1, value) => message.name = value.text()?,
            (2, value) => fields.push(decode_field(value.bytes()?)?),
            (3, value) => {
                let nested = decode_message(value.bytes()?, depth + 1)?;
                if is_map_entry(&nested) {
                    maps.push(nested);
                } else {
                    message.types.push(TypeDeclaration::Message(nested));
                }
            }
            (4, value) => message.types.push(TypeDeclaration::Enum(decode_enum(value.bytes()?)?)),
            (5, value) => message.extension_ranges.push(decode_range(value.bytes()?)?),
            (6, value) => add_extension(&mut message.extensions, value.bytes()?)?,
            (7, value) => message.options = options::decode(Owner::Message, value.bytes()?)?,
            (8, value) => message.oneofs.push(decode_oneof(value.bytes()?)?),
            (9, value) => message.reserved.push(Reserved::Range(decode_range(value.bytes()?)?)),
            (10, value) => message.reserved.push(Reserved::Name(value.text()?)),
            _ => {}
        }
    }
    for DecodedField { mut field, oneof, is_proto3_optional } in fields {
        if let Some(map) = map_type(&field, &maps) {
            field.field_type = map;
            field.label = None;
        }
        let Some(oneof) = oneof.filter(|_| !is_proto3_optional) else {
            message.fields.push(field);
            continue;
        };
        field.label = None;
        let oneof = message.oneofs.get_mut(oneof).ok_or("a field is in a oneof that there is not")?;
        oneof.fields.push(field);
    }
    // A field that is optional in proto3 is alone in a oneof that nobody has declared.
    message.oneofs.retain(|oneof| !oneof.fields.is_empty());
    Ok(message)
}

fn is_map_entry(message: &Message) -> bool {
    let says_so = |option: &ProtoOption| {
        option.name == "map_entry" && option.value == OptionValue::Word("true".to_owned())
    };
    message.options.iter().any(says_so)
}

/// A map's type, where a field is of the message that stands for a map's entries.
fn map_type(field: &Field, maps: &[Message]) -> Option<FieldType> {
    let FieldType::Named(name) = &field.field_type else { return None };
    let last = name.rsplit('.').next().unwrap_or(name);
    let entry = maps.iter().find(|entry| entry.name == last)?;
    let of_number = |number: i32| entry.fields.iter().find(|field| field.number == number);
    let FieldType::Scalar(key) = of_number(1)?.field_type else { return None };
    Some(FieldType::Map(key, Box::new(of_number(2)?.field_type.clone())))
}

fn decode_field(bytes: &[u8]) -> Read<DecodedField> {
    decode_extension_field(bytes).map(|(field, _)| field)
}

/// A field, and the message it extends if it does.
fn decode_extension_field(bytes: &[u8]) -> Read<(DecodedField, Option<String>)> {
    let (mut name, mut number, mut label, mut kind) = (String::new(), 0, None, 0);
    let (mut type_name, mut extendee, mut oneof, mut is_proto3_optional) = (String::new(), None, None, false);
    let (mut default, mut json_name, mut own_options) = (None, None, Vec::new());
    for field in wire::fields(bytes) {
        match field? {
            (1, value) => name = value.text()?,
            (2, value) => extendee = Some(value.text()?),
            (3, value) => number = value.signed(),
            (4, value) => {
                label = match value.number() {
                    2 => Some(Label::Required),
                    3 => Some(Label::Repeated),
                    _ => None,
                };
            }
            (5, value) => kind = value.number(),
            (6, value) => type_name = value.text()?,
            (7, value) => default = Some(value.text()?),
            (8, value) => own_options = options::decode(Owner::Field, value.bytes()?)?,
            (9, value) => oneof = usize::try_from(value.number()).ok(),
            (10, value) => json_name = Some(value.text()?),
            (17, value) => is_proto3_optional = value.is_true(),
            _ => {}
        }
    }
    if is_proto3_optional {
        label = Some(Label::Optional);
    }
    if kind == TYPE_GROUP {
        return Err(format!("the field '{name}' is a group, and groups are not supported"));
    }
    let field_type = Scalar::of_number(kind).map_or(FieldType::Named(type_name), FieldType::Scalar);
    let mut all_options = Vec::new();
    if let Some(default) = default {
        let value = match &field_type {
            FieldType::Scalar(Scalar::Text) => OptionValue::Text(options::escaped(default.as_bytes())),
            // The default of bytes is escaped in a descriptor already.
            FieldType::Scalar(Scalar::Bytes) => OptionValue::Text(default),
            _ => OptionValue::Word(default),
        };
        all_options.push(ProtoOption { name: "default".to_owned(), value });
    }
    if let Some(json_name) = json_name.filter(|json_name| *json_name != camel_case(&name)) {
        let value = OptionValue::Text(options::escaped(json_name.as_bytes()));
        all_options.push(ProtoOption { name: "json_name".to_owned(), value });
    }
    all_options.extend(own_options);
    let field = Field { label, field_type, name, number, options: all_options };
    Ok((DecodedField { field, oneof, is_proto3_optional }, extendee))
}

fn add_extension(extensions: &mut Vec<Extension>, bytes: &[u8]) -> Read<()> {
    let (DecodedField { field, .. }, message) = decode_extension_field(bytes)?;
    let message = message.ok_or("an extension does not say what it extends")?;
    match extensions.iter_mut().find(|extension| extension.message == message) {
        Some(known) => known.fields.push(field),
        None => extensions.push(Extension { message, fields: vec![field] }),
    }
    Ok(())
}

fn decode_oneof(bytes: &[u8]) -> Read<OneOf> {
    let mut oneof = OneOf::default();
    for field in wire::fields(bytes) {
        if let (1, value) = field? {
            oneof.name = value.text()?;
        }
    }
    Ok(oneof)
}

/// A range whose end is not in it, as messages have them.
fn decode_range(bytes: &[u8]) -> Read<Range> {
    let (mut start, mut end) = (0, 0);
    for field in wire::fields(bytes) {
        match field? {
            (1, value) => start = value.signed(),
            (2, value) => end = value.signed(),
            _ => {}
        }
    }
    let end = (end < RANGE_END).then(|| end.saturating_sub(1));
    Ok(Range { start, end })
}

/// A range whose end is in it, as enums have them.
fn decode_enum_range(bytes: &[u8]) -> Read<Range> {
    let (mut start, mut end) = (0, 0);
    for field in wire::fields(bytes) {
        match field? {
            (1, value) => start = value.signed(),
            (2, value) => end = value.signed(),
            _ => {}
        }
    }
    Ok(Range { start, end: (end < i32::MAX).then_some(end) })
}

fn decode_enum(bytes: &[u8]) -> Read<Enumeration> {
    let mut enumeration = Enumeration::default();
    for field in wire::fields(bytes) {
        match field? {
            (1, value) => enumeration.name = value.text()?,
            (2, value) => enumeration.values.push(decode_enum_value(value.bytes()?)?),
            (3, value) => enumeration.options = options::decode(Owner::Enum, value.bytes()?)?,
            (4, value) => enumeration.reserved.push(Reserved::Range(decode_enum_range(value.bytes()?)?)),
            (5, value) => enumeration.reserved.push(Reserved::Name(value.text()?)),
            _ => {}
        }
    }
    Ok(enumeration)
}

fn decode_enum_value(bytes: &[u8]) -> Read<EnumValue> {
    let mut decoded = EnumValue { name: String::new(), number: 0, options: Vec::new() };
    for field in wire::fields(bytes) {
        match field? {
            (1, value) => decoded.name = value.text()?,
            (2, value) => decoded.number = value.signed(),
            (3, value) => decoded.options = options::decode(Owner::EnumValue, value.bytes()?)?,
            _ => {}
        }
    }
    Ok(decoded)
}

fn decode_service(bytes: &[u8]) -> Read<Service> {
    let mut service = Service { name: String::new(), methods: Vec::new(), options: Vec::new() };
    for field in wire::fields(bytes) {
        match field? {
            (1, value) => service.name = value.text()?,
            (2, value) => service.methods.push(decode_method(value.bytes()?)?),
            (3, value) => service.options = options::decode(Owner::Other, value.bytes()?)?,
            _ => {}
        }
    }
    Ok(service)
}

fn decode_method(bytes: &[u8]) -> Read<Method> {
    let mut method = Method {
        name: String::new(),
        input: String::new(),
        output: String::new(),
        is_input_stream: false,
        is_output_stream: false,
        options: Vec::new(),
    };
    for field in wire::fields(bytes) {
        match field? {
            (1, value) => method.name = value.text()?,
            (2, value) => method.input = value.text()?,
            (3, value) => method.output = value.text()?,
            (4, value) => method.options = options::decode(Owner::Other, value.bytes()?)?,
            (5, value) => method.is_input_stream = value.is_true(),
            (6, value) => method.is_output_stream = value.is_true(),
            _ => {}
        }
    }
    Ok(method)
}

/// Writes a file as a serialized descriptor.
pub(super) fn encode(schema: &ProtobufSchema) -> String {
    let mut encoder = Encoder { scope: schema.scope(), is_proto3: schema.file.syntax == Syntax::Proto3 };
    let mut writer = WireWriter::default();
    encoder.file(&schema.file, &mut writer);
    BASE64.encode(&writer.bytes)
}

struct Encoder<'f> {
    scope: Scope<'f>,
    is_proto3: bool,
}

impl Encoder<'_> {
    fn file(&mut self, file: &ProtoFile, writer: &mut WireWriter) {
        // A descriptor needs a name, and a schema has none: that of its first type tells the most.
        let name = file.types.first().map_or("schema", TypeDeclaration::name);
        writer.bytes(1, joined(&file.package, name).as_bytes());
        if !file.package.is_empty() {
            writer.bytes(2, file.package.as_bytes());
        }
        for import in &file.imports {
            writer.bytes(3, import.path.as_bytes());
        }
        for (visibility, number) in [(Visibility::Public, 10), (Visibility::Weak, 11)] {
            for (index, _) in
                file.imports.iter().enumerate().filter(|(_, import)| import.visibility == visibility)
            {
                writer.number(number, index as u64);
            }
        }
        for declaration in &file.types {
            match declaration {
                TypeDeclaration::Message(message) => {
                    writer.message(4, |writer| self.message(message, &file.package, writer));
                }
                TypeDeclaration::Enum(enumeration) => {
                    writer.message(5, |writer| encode_enum(enumeration, writer));
                }
            }
        }
        for service in &file.services {
            writer.message(6, |writer| self.service(service, &file.package, writer));
        }
        self.extensions(&file.extensions, &file.package, 7, writer);
        options::encode(Owner::File, &file.options, 8, writer);
        match &file.syntax {
            Syntax::Unsaid | Syntax::Proto2 => {}
            Syntax::Proto3 => writer.bytes(12, b"proto3"),
            Syntax::Edition(name) => {
                writer.bytes(12, b"editions");
                writer.number(14, if name == "2024" { 1001 } else { 1000 });
            }
        }
    }

    fn message(&mut self, message: &Message, within: &str, writer: &mut WireWriter) {
        let full = joined(within, &message.name);
        writer.bytes(1, message.name.as_bytes());
        // A oneof of its own for each field that is optional in proto3 stands behind the declared ones.
        let mut own_oneofs = Vec::new();
        for field in &message.fields {
            let oneof = (self.is_proto3 && field.label == Some(Label::Optional)).then(|| {
                own_oneofs.push(format!("_{}", field.name));
                message.oneofs.len() + own_oneofs.len() - 1
            });
            writer.message(2, |writer| self.field(field, &full, oneof, oneof.is_some(), writer));
        }
        for (index, oneof) in message.oneofs.iter().enumerate() {
            for field in &oneof.fields {
                writer.message(2, |writer| self.field(field, &full, Some(index), false, writer));
            }
        }
        for (_, field) in message.all_fields() {
            if let FieldType::Map(key, value) = &field.field_type {
                writer.message(3, |writer| self.map_entry(field, *key, value, &full, writer));
            }
        }
        for declaration in &message.types {
            match declaration {
                TypeDeclaration::Message(nested) => {
                    writer.message(3, |writer| self.message(nested, &full, writer));
                }
                TypeDeclaration::Enum(nested) => writer.message(4, |writer| encode_enum(nested, writer)),
            }
        }
        for range in &message.extension_ranges {
            writer.message(5, |writer| encode_range(range, writer));
        }
        self.extensions(&message.extensions, &full, 6, writer);
        options::encode(Owner::Message, &message.options, 7, writer);
        let declared = message.oneofs.iter().map(|oneof| &oneof.name);
        for name in declared.chain(&own_oneofs) {
            writer.message(8, |writer| writer.bytes(1, name.as_bytes()));
        }
        for reserved in &message.reserved {
            match reserved {
                Reserved::Range(range) => writer.message(9, |writer| encode_range(range, writer)),
                Reserved::Name(name) => writer.bytes(10, name.as_bytes()),
            }
        }
    }

    fn field(
        &mut self,
        field: &Field,
        within: &str,
        oneof: Option<usize>,
        is_proto3_optional: bool,
        writer: &mut WireWriter,
    ) {
        writer.bytes(1, field.name.as_bytes());
        writer.signed(3, field.number);
        let label = match (&field.field_type, field.label) {
            (FieldType::Map(..), _) | (_, Some(Label::Repeated)) => 3,
            (_, Some(Label::Required)) => 2,
            (_, Some(Label::Optional) | None) => 1,
        };
        writer.number(4, label);
        match &field.field_type {
            FieldType::Scalar(scalar) => writer.number(5, scalar.number()),
            FieldType::Named(name) => self.type_name(name, within, writer),
            FieldType::Map(..) => {
                writer.number(5, TYPE_MESSAGE);
                writer.bytes(6, format!(".{within}.{}", entry_name(&field.name)).as_bytes());
            }
        }
        for option in &field.options {
            let text = match &option.value {
                OptionValue::Word(word) => word.clone().into_bytes(),
                OptionValue::Text(text) if field.field_type == FieldType::Scalar(Scalar::Bytes) => {
                    text.clone().into_bytes()
                }
                OptionValue::Text(text) => options::unescaped(text),
                OptionValue::Message(_) | OptionValue::List(_) => continue,
            };
            match option.name.as_str() {
                "default" => writer.bytes(7, &text),
                "json_name" => writer.bytes(10, &text),
                _ => {}
            }
        }
        options::encode(Owner::Field, &field.options, 8, writer);
        if let Some(oneof) = oneof {
            writer.number(9, oneof as u64);
        }
        if is_proto3_optional {
            writer.number(17, 1);
        }
    }

    /// The kind of a type is left out where it is declared in a file that is not here: whoever reads the
    /// descriptor has that file, and finds out by the name.
    fn type_name(&self, name: &str, within: &str, writer: &mut WireWriter) {
        match self.scope.find(name, within).map(|(_, found)| found.declaration) {
            Some(TypeDeclaration::Message(_)) => writer.number(5, TYPE_MESSAGE),
            Some(TypeDeclaration::Enum(_)) => writer.number(5, TYPE_ENUM),
            None => {}
        }
        writer.bytes(6, self.scope.in_full(name, within).as_bytes());
    }

    fn map_entry(
        &mut self,
        field: &Field,
        key: Scalar,
        value: &FieldType,
        within: &str,
        writer: &mut WireWriter,
    ) {
        let entry_field = |name: &str, number: i32, field_type: FieldType| Field {
            label: None,
            field_type,
            name: name.to_owned(),
            number,
            options: Vec::new(),
        };
        writer.bytes(1, entry_name(&field.name).as_bytes());
        let key = entry_field("key", 1, FieldType::Scalar(key));
        writer.message(2, |writer| self.field(&key, within, None, false, writer));
        let value = entry_field("value", 2, value.clone());
        writer.message(2, |writer| self.field(&value, within, None, false, writer));
        writer.message(7, |writer| writer.number(7, 1));
    }

    fn extensions(&mut self, extensions: &[Extension], within: &str, number: u64, writer: &mut WireWriter) {
        for extension in extensions {
            for field in &extension.fields {
                writer.message(number, |writer| {
                    self.field(field, within, None, false, writer);
                    writer.bytes(2, self.scope.in_full(&extension.message, within).as_bytes());
                });
            }
        }
    }

    fn service(&mut self, service: &Service, within: &str, writer: &mut WireWriter) {
        writer.bytes(1, service.name.as_bytes());
        for method in &service.methods {
            writer.message(2, |writer| {
                writer.bytes(1, method.name.as_bytes());
                writer.bytes(2, self.scope.in_full(&method.input, within).as_bytes());
                writer.bytes(3, self.scope.in_full(&method.output, within).as_bytes());
                options::encode(Owner::Other, &method.options, 4, writer);
                if method.is_input_stream {
                    writer.number(5, 1);
                }
                if method.is_output_stream {
                    writer.number(6, 1);
                }
            });
        }
        options::encode(Owner::Other, &service.options, 3, writer);
    }
}

fn encode_enum(enumeration: &Enumeration, writer: &mut WireWriter) {
    writer.bytes(1, enumeration.name.as_bytes());
    for value in &enumeration.values {
        writer.message(2, |writer| {
            writer.bytes(1, value.name.as_bytes());
            writer.signed(2, value.number);
            options::encode(Owner::EnumValue, &value.options, 3, writer);
        });
    }
    options::encode(Owner::Enum, &enumeration.options, 3, writer);
    for reserved in &enumeration.reserved {
        match reserved {
            Reserved::Range(range) => writer.message(4, |writer| {
                writer.signed(1, range.start);
                writer.signed(2, range.end.unwrap_or(i32::MAX));
            }),
            Reserved::Name(name) => writer.bytes(5, name.as_bytes()),
        }
    }
}

fn encode_range(range: &Range, writer: &mut WireWriter) {
    writer.signed(1, range.start);
    writer.signed(2, range.end.map_or(RANGE_END, |end| end.saturating_add(1)));
}

/// The name of the message that stands for a map's entries.
fn entry_name(field: &str) -> String {
    let camel = camel_case(field);
    let mut characters = camel.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).chain("Entry".chars()).collect()
}

/// The name a field has in JSON unless it says otherwise.
fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut is_next_upper = false;
    for character in name.chars() {
        if character == '_' {
            is_next_upper = true;
        } else if is_next_upper {
            camel.push(character.to_ascii_uppercase());
            is_next_upper = false;
        } else {
            camel.push(character);
        }
    }
    camel
}
