//! Reading a `.proto` file.

use super::checks;
use super::file::{
    EnumValue, Enumeration, Extension, Field, FieldType, Import, Label, Message, Method, OneOf, OptionValue,
    ProtoFile, ProtoOption, Range, Reserved, Scalar, Service, Syntax, TypeDeclaration, Visibility,
};
use super::lexer::{self, Place, Token};

/// How deep messages and option values may be nested: reading descends on the thread's stack.
pub(super) const NESTING_MAX: usize = 64;

/// The highest number of a field.
pub(super) const FIELD_NUMBER_MAX: i32 = 536_870_911;

/// Numbers that Protobuf keeps for itself.
const FIELD_NUMBERS_RESERVED: std::ops::RangeInclusive<i32> = 19_000..=19_999;

/// Reads a file.
pub(super) fn parse(text: &str) -> Result<ProtoFile, String> {
    let mut parser = Parser { tokens: lexer::tokens(text)?, next: 0, depth: 0 };
    parser.file()
}

struct Parser {
    tokens: Vec<(Token, Place)>,
    next: usize,
    depth: usize,
}

type Parsed<T> = Result<T, String>;

impl Parser {
    fn file(&mut self) -> Parsed<ProtoFile> {
        let mut file = ProtoFile::default();
        loop {
            if self.peek() == &Token::End {
                return Ok(file);
            }
            if self.takes_symbol(';') {
                continue;
            }
            let keyword = self.word("a declaration")?;
            match keyword.as_str() {
                "syntax" => file.syntax = self.syntax()?,
                "edition" => {
                    self.symbol('=')?;
                    file.syntax = Syntax::Edition(self.text("the name of an edition")?);
                    self.symbol(';')?;
                }
                "package" => {
                    file.package = self.dotted_name("the name of a package")?;
                    self.symbol(';')?;
                }
                "import" => file.imports.push(self.import()?),
                "option" => file.options.push(self.option_declaration()?),
                "message" => file.types.push(TypeDeclaration::Message(self.message()?)),
                "enum" => file.types.push(TypeDeclaration::Enum(self.enumeration()?)),
                "extend" => file.extensions.push(self.extension()?),
                "service" => file.services.push(self.service()?),
                other => return Err(self.unexpected_word(other, "a declaration of a file")),
            }
        }
    }

    fn syntax(&mut self) -> Parsed<Syntax> {
        self.symbol('=')?;
        let name = self.text("'proto2' or 'proto3'")?;
        self.symbol(';')?;
        match name.as_str() {
            "proto2" => Ok(Syntax::Proto2),
            "proto3" => Ok(Syntax::Proto3),
            other => Err(format!("there is no syntax '{other}': it is 'proto2' or 'proto3'")),
        }
    }

    fn import(&mut self) -> Parsed<Import> {
        let visibility = if self.takes_word("public") {
            Visibility::Public
        } else if self.takes_word("weak") {
            Visibility::Weak
        } else {
            Visibility::Own
        };
        let path = self.text("the path of a file")?;
        self.symbol(';')?;
        Ok(Import { path, visibility })
    }

    fn message(&mut self) -> Parsed<Message> {
        self.enter()?;
        let mut message = Message { name: self.word("the name of a message")?, ..Message::default() };
        self.symbol('{')?;
        while !self.takes_symbol('}') {
            self.message_part(&mut message)?;
        }
        self.depth -= 1;
        checks::check_message(&message)?;
        Ok(message)
    }

    fn message_part(&mut self, message: &mut Message) -> Parsed<()> {
        if self.takes_symbol(';') {
            return Ok(());
        }
        // A keyword may also be the name of a type: then a name follows, and no brace, path or number.
        let follows = self.tokens.get(self.next + 1).map_or(&Token::End, |(token, _)| token).clone();
        let keyword = match self.peek() {
            Token::Word(word) => word.clone(),
            _ => String::new(),
        };
        let begins_block =
            self.tokens.get(self.next + 2).is_some_and(|(token, _)| *token == Token::Symbol('{'));
        let is_named_block = matches!(follows, Token::Word(_)) && begins_block;
        match keyword.as_str() {
            "message" if is_named_block => {
                self.next += 1;
                message.types.push(TypeDeclaration::Message(self.message()?));
            }
            "enum" if is_named_block => {
                self.next += 1;
                message.types.push(TypeDeclaration::Enum(self.enumeration()?));
            }
            "oneof" if is_named_block => {
                self.next += 1;
                message.oneofs.push(self.oneof()?);
            }
            "extend" if matches!(follows, Token::Word(_) | Token::Symbol('.')) && !self.is_field() => {
                self.next += 1;
                message.extensions.push(self.extension()?);
            }
            "option" if matches!(follows, Token::Word(_) | Token::Symbol('(')) && !self.is_field() => {
                self.next += 1;
                message.options.push(self.option_declaration()?);
            }
            "reserved" if !self.is_field() => {
                self.next += 1;
                message.reserved.extend(self.reserved(false)?);
            }
            "extensions" if matches!(follows, Token::Number(_)) => {
                self.next += 1;
                message.extension_ranges.extend(self.ranges()?);
                self.bracketed_options()?;
                self.symbol(';')?;
            }
            _ => message.fields.push(self.field(true)?),
        }
        Ok(())
    }

    /// Whether what comes is `type name = …`, however the type is called.
    fn is_field(&self) -> bool {
        let token = |ahead: usize| self.tokens.get(self.next + ahead).map(|(token, _)| token);
        matches!(token(1), Some(Token::Word(_)))
            && token(2) == Some(&Token::Symbol('='))
            && matches!(token(3), Some(Token::Number(_)))
            && matches!(token(4), Some(Token::Symbol(';' | '[')))
            && !matches!(token(0), Some(Token::Word(word)) if word == "option")
    }

    fn oneof(&mut self) -> Parsed<OneOf> {
        let mut oneof = OneOf { name: self.word("the name of a oneof")?, ..OneOf::default() };
        self.symbol('{')?;
        while !self.takes_symbol('}') {
            if self.takes_symbol(';') {
                continue;
            }
            if !self.is_field() && self.takes_word("option") {
                oneof.options.push(self.option_declaration()?);
            } else {
                oneof.fields.push(self.field(false)?);
            }
        }
        Ok(oneof)
    }

    fn field(&mut self, may_have_label: bool) -> Parsed<Field> {
        let place = self.place();
        let label = match self.peek() {
            Token::Word(word) if may_have_label && !self.is_field() => match word.as_str() {
                "optional" => Some(Label::Optional),
                "required" => Some(Label::Required),
                "repeated" => Some(Label::Repeated),
                _ => None,
            },
            _ => None,
        };
        if label.is_some() {
            self.next += 1;
        }
        let field_type = self.field_type()?;
        if matches!(field_type, FieldType::Map(..)) && (label.is_some() || !may_have_label) {
            return Err(format!("a map has no label and is in no oneof ({place})"));
        }
        let name = self.word("the name of a field")?;
        self.symbol('=')?;
        let number = self.integer("the number of a field")?;
        if !(1..=FIELD_NUMBER_MAX).contains(&number) || FIELD_NUMBERS_RESERVED.contains(&number) {
            return Err(format!(
                "the field '{name}' cannot have the number {number}: numbers are from 1 to {FIELD_NUMBER_MAX}, without \
                 19000 to 19999 ({place})"
            ));
        }
        let options = self.bracketed_options()?;
        self.symbol(';')?;
        Ok(Field { label, field_type, name, number, options })
    }

    fn field_type(&mut self) -> Parsed<FieldType> {
        let is_map = self.tokens.get(self.next + 1).is_some_and(|(token, _)| *token == Token::Symbol('<'));
        if is_map && self.takes_word("map") {
            self.symbol('<')?;
            let place = self.place();
            let key = self.word("the type of a map's keys")?;
            let key = Scalar::of_name(&key)
                .filter(|key| !matches!(key, Scalar::Double | Scalar::Float | Scalar::Bytes))
                .ok_or_else(|| format!("'{key}' cannot be the type of a map's keys ({place})"))?;
            self.symbol(',')?;
            let value = self.named_type("the type of a map's values")?;
            self.symbol('>')?;
            return Ok(FieldType::Map(key, Box::new(value)));
        }
        if let Token::Word(word) = self.peek()
            && word == "group"
        {
            return Err(format!(
                "groups are not supported: declare a message and a field of it ({})",
                self.place()
            ));
        }
        self.named_type("the type of a field")
    }

    fn named_type(&mut self, what: &str) -> Parsed<FieldType> {
        let name = self.full_name(what)?;
        Ok(Scalar::of_name(&name).map_or(FieldType::Named(name), FieldType::Scalar))
    }

    fn enumeration(&mut self) -> Parsed<Enumeration> {
        let mut enumeration =
            Enumeration { name: self.word("the name of an enum")?, ..Enumeration::default() };
        self.symbol('{')?;
        while !self.takes_symbol('}') {
            if self.takes_symbol(';') {
                continue;
            }
            let is_value =
                self.tokens.get(self.next + 1).is_some_and(|(token, _)| *token == Token::Symbol('='));
            if !is_value && self.takes_word("option") {
                enumeration.options.push(self.option_declaration()?);
            } else if !is_value && self.takes_word("reserved") {
                enumeration.reserved.extend(self.reserved(true)?);
            } else {
                let name = self.word("the name of an enum value")?;
                self.symbol('=')?;
                let number = self.integer("the number of an enum value")?;
                let options = self.bracketed_options()?;
                self.symbol(';')?;
                enumeration.values.push(EnumValue { name, number, options });
            }
        }
        checks::check_enumeration(&enumeration)?;
        Ok(enumeration)
    }

    fn reserved(&mut self, may_be_negative: bool) -> Parsed<Vec<Reserved>> {
        let mut reserved = Vec::new();
        match self.peek() {
            Token::Text(_) | Token::Word(_) => loop {
                let name = match self.peek() {
                    Token::Text(_) => self.text("a reserved name")?,
                    _ => self.word("a reserved name")?,
                };
                reserved.push(Reserved::Name(name));
                if !self.takes_symbol(',') {
                    break;
                }
            },
            _ => reserved.extend(self.ranges()?.into_iter().map(Reserved::Range)),
        }
        self.symbol(';')?;
        let is_negative = |entry: &Reserved| matches!(entry, Reserved::Range(range) if range.start < 0);
        if !may_be_negative && reserved.iter().any(is_negative) {
            return Err(format!("the numbers of fields are positive ({})", self.place()));
        }
        Ok(reserved)
    }

    fn ranges(&mut self) -> Parsed<Vec<Range>> {
        let mut ranges = Vec::new();
        loop {
            let start = self.integer("a number")?;
            let end = match self.takes_word("to") {
                false => Some(start),
                true if self.takes_word("max") => None,
                true => Some(self.integer("the end of a range")?),
            };
            ranges.push(Range { start, end });
            if !self.takes_symbol(',') {
                return Ok(ranges);
            }
        }
    }

    fn extension(&mut self) -> Parsed<Extension> {
        let message = self.full_name("the name of the extended message")?;
        self.symbol('{')?;
        let mut fields = Vec::new();
        while !self.takes_symbol('}') {
            if !self.takes_symbol(';') {
                fields.push(self.field(true)?);
            }
        }
        Ok(Extension { message, fields })
    }

    fn service(&mut self) -> Parsed<Service> {
        let name = self.word("the name of a service")?;
        let mut service = Service { name, methods: Vec::new(), options: Vec::new() };
        self.symbol('{')?;
        while !self.takes_symbol('}') {
            if self.takes_symbol(';') {
                continue;
            }
            match self.word("a method")?.as_str() {
                "rpc" => service.methods.push(self.method()?),
                "option" => service.options.push(self.option_declaration()?),
                other => return Err(self.unexpected_word(other, "a method of a service")),
            }
        }
        Ok(service)
    }

    fn method(&mut self) -> Parsed<Method> {
        let name = self.word("the name of a method")?;
        let (input, is_input_stream) = self.method_message()?;
        if !self.takes_word("returns") {
            return Err(self.unexpected("'returns'"));
        }
        let (output, is_output_stream) = self.method_message()?;
        let mut options = Vec::new();
        if self.takes_symbol('{') {
            while !self.takes_symbol('}') {
                if self.takes_symbol(';') {
                    continue;
                }
                if !self.takes_word("option") {
                    return Err(self.unexpected("an option of a method"));
                }
                options.push(self.option_declaration()?);
            }
        } else {
            self.symbol(';')?;
        }
        Ok(Method { name, input, output, is_input_stream, is_output_stream, options })
    }

    fn method_message(&mut self) -> Parsed<(String, bool)> {
        self.symbol('(')?;
        // A message may itself be called 'stream'.
        let follows = self.tokens.get(self.next + 1).map(|(token, _)| token);
        let is_followed = matches!(follows, Some(Token::Word(_) | Token::Symbol('.')));
        let is_stream = is_followed && self.takes_word("stream");
        let message = self.full_name("the name of a message")?;
        self.symbol(')')?;
        Ok((message, is_stream))
    }

    /// What follows the word `option`.
    fn option_declaration(&mut self) -> Parsed<ProtoOption> {
        let option = self.option()?;
        self.symbol(';')?;
        Ok(option)
    }

    fn bracketed_options(&mut self) -> Parsed<Vec<ProtoOption>> {
        let mut options = Vec::new();
        if !self.takes_symbol('[') {
            return Ok(options);
        }
        loop {
            options.push(self.option()?);
            if self.takes_symbol(']') {
                return Ok(options);
            }
            self.symbol(',')?;
        }
    }

    fn option(&mut self) -> Parsed<ProtoOption> {
        let mut name = String::new();
        loop {
            if self.takes_symbol('(') {
                name.push('(');
                name.push_str(&self.full_name("the name of an option")?);
                name.push(')');
                self.symbol(')')?;
            } else {
                name.push_str(&self.word("the name of an option")?);
            }
            if !self.takes_symbol('.') {
                break;
            }
            name.push('.');
        }
        self.symbol('=')?;
        let value = self.option_value()?;
        Ok(ProtoOption { name, value })
    }

    fn option_value(&mut self) -> Parsed<OptionValue> {
        self.enter()?;
        let value = match self.peek() {
            Token::Text(_) => OptionValue::Text(self.text("a value")?),
            Token::Symbol('{') => {
                self.next += 1;
                OptionValue::Message(self.option_message('}')?)
            }
            Token::Symbol('<') => {
                self.next += 1;
                OptionValue::Message(self.option_message('>')?)
            }
            Token::Symbol('[') => {
                self.next += 1;
                OptionValue::List(self.option_list()?)
            }
            Token::Symbol(sign @ ('-' | '+')) => {
                let sign = if *sign == '-' { "-" } else { "" };
                self.next += 1;
                OptionValue::Word(format!("{sign}{}", self.plain_value()?))
            }
            _ => OptionValue::Word(self.plain_value()?),
        };
        self.depth -= 1;
        Ok(value)
    }

    fn option_message(&mut self, end: char) -> Parsed<Vec<(String, OptionValue)>> {
        let mut fields = Vec::new();
        while !self.takes_symbol(end) {
            let name = if self.takes_symbol('[') {
                let mut name = self.full_name("the name of an extension")?;
                if self.takes_symbol('/') {
                    name = format!("{name}/{}", self.full_name("the name of a message")?);
                }
                self.symbol(']')?;
                format!("[{name}]")
            } else {
                self.word("the name of a field")?
            };
            let has_colon = self.takes_symbol(':');
            if !has_colon && !matches!(self.peek(), Token::Symbol('{' | '<')) {
                return Err(self.unexpected("':'"));
            }
            fields.push((name, self.option_value()?));
            if !self.takes_symbol(',') {
                self.takes_symbol(';');
            }
        }
        Ok(fields)
    }

    fn option_list(&mut self) -> Parsed<Vec<OptionValue>> {
        let mut values = Vec::new();
        if self.takes_symbol(']') {
            return Ok(values);
        }
        loop {
            values.push(self.option_value()?);
            if self.takes_symbol(']') {
                return Ok(values);
            }
            self.symbol(',')?;
        }
    }

    fn plain_value(&mut self) -> Parsed<String> {
        let text = match self.peek() {
            Token::Number(text) => text.clone(),
            Token::Word(_) => return self.full_name("a value"),
            _ => return Err(self.unexpected("a value")),
        };
        self.next += 1;
        Ok(text)
    }

    /// A name as types have it, which may also begin with a point.
    fn full_name(&mut self, what: &str) -> Parsed<String> {
        let begin = if self.takes_symbol('.') { "." } else { "" };
        Ok(format!("{begin}{}", self.dotted_name(what)?))
    }

    /// A name of one or several words with points between.
    fn dotted_name(&mut self, what: &str) -> Parsed<String> {
        let mut name = String::new();
        loop {
            name.push_str(&self.word(what)?);
            if !self.takes_symbol('.') {
                return Ok(name);
            }
            name.push('.');
        }
    }

    fn word(&mut self, what: &str) -> Parsed<String> {
        match self.peek() {
            Token::Word(word) => {
                let word = word.clone();
                self.next += 1;
                Ok(word)
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// A text, which may be written in several pieces.
    fn text(&mut self, what: &str) -> Parsed<String> {
        let mut whole: Option<String> = None;
        while let Token::Text(piece) = self.peek() {
            whole.get_or_insert_default().push_str(piece);
            self.next += 1;
        }
        whole.ok_or_else(|| self.unexpected(what))
    }

    fn integer(&mut self, what: &str) -> Parsed<i32> {
        let is_negative = self.takes_symbol('-');
        let Token::Number(digits) = self.peek().clone() else { return Err(self.unexpected(what)) };
        let place = self.place();
        self.next += 1;
        let parsed = if let Some(digits) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            i64::from_str_radix(digits, 16)
        } else if digits.len() > 1 && digits.starts_with('0') {
            i64::from_str_radix(&digits, 8)
        } else {
            digits.parse()
        };
        let number = parsed.ok().map(|number| if is_negative { -number } else { number });
        number
            .and_then(|number| i32::try_from(number).ok())
            .ok_or_else(|| format!("{what} is an integer of 32 bits, not '{digits}' ({place})"))
    }

    fn symbol(&mut self, symbol: char) -> Parsed<()> {
        if self.takes_symbol(symbol) { Ok(()) } else { Err(self.unexpected(&format!("'{symbol}'"))) }
    }

    fn takes_symbol(&mut self, symbol: char) -> bool {
        let takes = *self.peek() == Token::Symbol(symbol);
        self.next += usize::from(takes);
        takes
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let takes = matches!(self.peek(), Token::Word(next) if next == word);
        self.next += usize::from(takes);
        takes
    }

    fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(format!("it is nested more than {NESTING_MAX} deep ({})", self.place()));
        }
        Ok(())
    }

    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(token, _)| token)
    }

    fn place(&self) -> Place {
        let known = self.tokens.get(self.next).or_else(|| self.tokens.last());
        known.expect("a text has its end as a token at least").1
    }

    fn unexpected(&self, wanted: &str) -> String {
        format!("{wanted} is expected, not {} ({})", self.peek(), self.place())
    }

    fn unexpected_word(&self, word: &str, wanted: &str) -> String {
        let place =
            self.tokens.get(self.next.saturating_sub(1)).map_or_else(|| self.place(), |(_, place)| *place);
        format!("{wanted} is expected, not '{word}' ({place})")
    }
}
