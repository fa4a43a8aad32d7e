//! Writing a `.proto` file as text.

use super::file::{
    Enumeration, Extension, Field, FieldType, Import, Label, Message, OneOf, OptionValue, ProtoFile,
    ProtoOption, Range, Reserved, Service, Syntax, TypeDeclaration, Visibility,
};

/// A file's text in one form.
pub(super) fn canonical(file: &ProtoFile) -> String {
    let mut printer = Printer::default();
    printer.file(file);
    printer.text
}

#[derive(Default)]
struct Printer {
    text: String,
    depth: usize,
}

impl Printer {
    fn file(&mut self, file: &ProtoFile) {
        match &file.syntax {
            Syntax::Unsaid => {}
            Syntax::Proto2 => self.line("syntax = \"proto2\";"),
            Syntax::Proto3 => self.line("syntax = \"proto3\";"),
            Syntax::Edition(name) => self.line(&format!("edition = \"{name}\";")),
        }
        if !file.package.is_empty() {
            self.line(&format!("package {};", file.package));
        }
        self.section(&file.imports, Printer::import);
        self.section(&file.options, |printer, option| printer.option_line(option));
        self.section(&file.types, Printer::declaration);
        self.section(&file.extensions, Printer::extension);
        self.section(&file.services, Printer::service);
    }

    /// Lines that belong together, apart from those before.
    fn section<T>(&mut self, items: &[T], print: impl Fn(&mut Printer, &T)) {
        if items.is_empty() {
            return;
        }
        if !self.text.is_empty() && !self.text.ends_with("{\n") {
            self.text.push('\n');
        }
        for item in items {
            print(self, item);
        }
    }

    fn import(&mut self, import: &Import) {
        let visibility = match import.visibility {
            Visibility::Own => "",
            Visibility::Public => "public ",
            Visibility::Weak => "weak ",
        };
        self.line(&format!("import {visibility}\"{}\";", import.path));
    }

    fn declaration(&mut self, declaration: &TypeDeclaration) {
        match declaration {
            TypeDeclaration::Message(message) => self.message(message),
            TypeDeclaration::Enum(enumeration) => self.enumeration(enumeration),
        }
    }

    fn message(&mut self, message: &Message) {
        self.block(&format!("message {}", message.name), |printer| {
            printer.section(&message.reserved, Printer::reserved);
            printer.section(&message.options, |printer, option| printer.option_line(option));
            printer.section(&message.fields, Printer::field);
            printer.section(&message.oneofs, Printer::oneof);
            printer.section(&message.extension_ranges, |printer, range| {
                printer.line(&format!("extensions {};", shown_range(range)));
            });
            printer.section(&message.types, Printer::declaration);
            printer.section(&message.extensions, Printer::extension);
        });
    }

    fn oneof(&mut self, oneof: &OneOf) {
        self.block(&format!("oneof {}", oneof.name), |printer| {
            printer.section(&oneof.options, |printer, option| printer.option_line(option));
            printer.section(&oneof.fields, Printer::field);
        });
    }

    fn field(&mut self, field: &Field) {
        let label = match field.label {
            None => "",
            Some(Label::Optional) => "optional ",
            Some(Label::Required) => "required ",
            Some(Label::Repeated) => "repeated ",
        };
        let options = bracketed(&field.options);
        let field_type = shown_type(&field.field_type);
        self.line(&format!("{label}{field_type} {} = {}{options};", field.name, field.number));
    }

    fn enumeration(&mut self, enumeration: &Enumeration) {
        self.block(&format!("enum {}", enumeration.name), |printer| {
            printer.section(&enumeration.reserved, Printer::reserved);
            printer.section(&enumeration.options, |printer, option| printer.option_line(option));
            printer.section(&enumeration.values, |printer, value| {
                let options = bracketed(&value.options);
                printer.line(&format!("{} = {}{options};", value.name, value.number));
            });
        });
    }

    fn reserved(&mut self, reserved: &Reserved) {
        match reserved {
            Reserved::Range(range) => self.line(&format!("reserved {};", shown_range(range))),
            Reserved::Name(name) => self.line(&format!("reserved \"{name}\";")),
        }
    }

    fn extension(&mut self, extension: &Extension) {
        self.block(&format!("extend {}", extension.message), |printer| {
            printer.section(&extension.fields, Printer::field);
        });
    }

    fn service(&mut self, service: &Service) {
        self.block(&format!("service {}", service.name), |printer| {
            printer.section(&service.options, |printer, option| printer.option_line(option));
            printer.section(&service.methods, |printer, method| {
                let stream = |is_stream| if is_stream { "stream " } else { "" };
                let declared = format!(
                    "rpc {} ({}{}) returns ({}{})",
                    method.name,
                    stream(method.is_input_stream),
                    method.input,
                    stream(method.is_output_stream),
                    method.output
                );
                if method.options.is_empty() {
                    printer.line(&format!("{declared};"));
                } else {
                    printer.block(&declared, |printer| {
                        printer.section(&method.options, |printer, option| printer.option_line(option));
                    });
                }
            });
        });
    }

    fn option_line(&mut self, option: &ProtoOption) {
        self.line(&format!("option {};", shown_option(option)));
    }

    fn block(&mut self, begin: &str, inside: impl FnOnce(&mut Printer)) {
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

    fn line(&mut self, line: &str) {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// A type as it is written.
pub(super) fn shown_type(field_type: &FieldType) -> String {
    match field_type {
        FieldType::Scalar(scalar) => scalar.name().to_owned(),
        FieldType::Named(name) => name.clone(),
        FieldType::Map(key, value) => format!("map<{}, {}>", key.name(), shown_type(value)),
    }
}

fn shown_range(range: &Range) -> String {
    match range.end {
        None => format!("{} to max", range.start),
        Some(end) if end == range.start => end.to_string(),
        Some(end) => format!("{} to {end}", range.start),
    }
}

fn bracketed(options: &[ProtoOption]) -> String {
    if options.is_empty() {
        return String::new();
    }
    format!(" [{}]", options.iter().map(shown_option).collect::<Vec<_>>().join(", "))
}

fn shown_option(option: &ProtoOption) -> String {
    format!("{} = {}", option.name, shown_value(&option.value))
}

fn shown_value(value: &OptionValue) -> String {
    match value {
        OptionValue::Word(word) => word.clone(),
        OptionValue::Text(text) => format!("\"{text}\""),
        OptionValue::List(values) => {
            format!("[{}]", values.iter().map(shown_value).collect::<Vec<_>>().join(", "))
        }
        OptionValue::Message(fields) => {
            let field = |(name, value): &(String, OptionValue)| format!("{name}: {}", shown_value(value));
            format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
    }
}
