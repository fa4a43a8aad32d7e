//! What a `.proto` file declares.

/// A file.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ProtoFile {
    /// Which version of the language it is in.
    pub syntax: Syntax,
    /// The package of its types; empty where it has none.
    pub package: String,
    /// The files it imports.
    pub imports: Vec<Import>,
    /// Options of the file.
    pub options: Vec<ProtoOption>,
    /// Messages and enums in order.
    pub types: Vec<TypeDeclaration>,
    /// Fields added to messages of others.
    pub extensions: Vec<Extension>,
    /// Services.
    pub services: Vec<Service>,
}

/// The version of the language.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Syntax {
    /// It is not said, which means `proto2`.
    #[default]
    Unsaid,
    /// `proto2`
    Proto2,
    /// `proto3`
    Proto3,
    /// An edition, by its name.
    Edition(String),
}

/// An imported file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Import {
    /// Its path.
    pub path: String,
    /// Who sees it.
    pub visibility: Visibility,
}

/// Who sees what a file imports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Visibility {
    /// The file itself.
    Own,
    /// Also files that import it.
    Public,
    /// The file itself, and it may be missing.
    Weak,
}

/// A message or an enum.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TypeDeclaration {
    /// A message.
    Message(Message),
    /// An enum.
    Enum(Enumeration),
}

impl TypeDeclaration {
    /// Its name, without that of what it is declared in.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            TypeDeclaration::Message(message) => &message.name,
            TypeDeclaration::Enum(enumeration) => &enumeration.name,
        }
    }
}

/// A message.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Message {
    /// Its name.
    pub name: String,
    /// Its fields that are in no oneof.
    pub fields: Vec<Field>,
    /// Groups of fields of which one at most is set.
    pub oneofs: Vec<OneOf>,
    /// Types declared in it, in order.
    pub types: Vec<TypeDeclaration>,
    /// Options of the message.
    pub options: Vec<ProtoOption>,
    /// Numbers and names that must not be used.
    pub reserved: Vec<Reserved>,
    /// Numbers that others may use for fields of theirs.
    pub extension_ranges: Vec<Range>,
    /// Fields added to messages of others.
    pub extensions: Vec<Extension>,
}

impl Message {
    /// All its fields with the oneof each is in, those in none first.
    pub fn all_fields(&self) -> impl Iterator<Item = (Option<&OneOf>, &Field)> {
        let own = self.fields.iter().map(|field| (None, field));
        own.chain(
            self.oneofs.iter().flat_map(|oneof| oneof.fields.iter().map(move |field| (Some(oneof), field))),
        )
    }
}

/// Fields of which one at most is set.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct OneOf {
    /// Its name.
    pub name: String,
    /// Its fields.
    pub fields: Vec<Field>,
    /// Its options.
    pub options: Vec<ProtoOption>,
}

/// A field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// How often it is there; nothing where that is not said.
    pub label: Option<Label>,
    /// Its type.
    pub field_type: FieldType,
    /// Its name.
    pub name: String,
    /// Its number.
    pub number: i32,
    /// Its options, `default` and `json_name` among them.
    pub options: Vec<ProtoOption>,
}

/// How often a field is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Label {
    /// Once or not, and which is known.
    Optional,
    /// Once.
    Required,
    /// Any number of times.
    Repeated,
}

/// The type of a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FieldType {
    /// A type of the language.
    Scalar(Scalar),
    /// A message or enum, by its name as it is written.
    Named(String),
    /// A map: the type of its keys, and of its values.
    Map(Scalar, Box<FieldType>),
}

macro_rules! scalars {
    ($($variant:ident = $name:literal, $number:literal;)+) => {
        /// A type of the language.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Scalar {
            $(#[doc = concat!("`", $name, "`")] $variant,)+
        }

        impl Scalar {
            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Scalar::$variant => $name,)+ }
            }

            /// The scalar of a name, where there is one.
            #[must_use]
            pub fn of_name(name: &str) -> Option<Scalar> {
                match name { $($name => Some(Scalar::$variant),)+ _ => None }
            }

            /// Its number in a descriptor.
            #[must_use]
            pub fn number(self) -> u64 {
                match self { $(Scalar::$variant => $number,)+ }
            }

            /// The scalar of a number in a descriptor, where there is one.
            #[must_use]
            pub fn of_number(number: u64) -> Option<Scalar> {
                match number { $($number => Some(Scalar::$variant),)+ _ => None }
            }
        }
    };
}

scalars! {
    Double = "double", 1;
    Float = "float", 2;
    Int64 = "int64", 3;
    UInt64 = "uint64", 4;
    Int32 = "int32", 5;
    Fixed64 = "fixed64", 6;
    Fixed32 = "fixed32", 7;
    Bool = "bool", 8;
    Text = "string", 9;
    Bytes = "bytes", 12;
    UInt32 = "uint32", 13;
    SFixed32 = "sfixed32", 15;
    SFixed64 = "sfixed64", 16;
    SInt32 = "sint32", 17;
    SInt64 = "sint64", 18;
}

/// An enum.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Enumeration {
    /// Its name.
    pub name: String,
    /// Its values in order.
    pub values: Vec<EnumValue>,
    /// Its options.
    pub options: Vec<ProtoOption>,
    /// Numbers and names that must not be used.
    pub reserved: Vec<Reserved>,
}

/// A value of an enum.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnumValue {
    /// Its name.
    pub name: String,
    /// Its number.
    pub number: i32,
    /// Its options.
    pub options: Vec<ProtoOption>,
}

/// Something that must not be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reserved {
    /// Numbers.
    Range(Range),
    /// A name.
    Name(String),
}

/// Numbers from one to another, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// The first.
    pub start: i32,
    /// The last; nothing for the highest there is.
    pub end: Option<i32>,
}

/// Fields added to a message of others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extension {
    /// The message, by its name as it is written.
    pub message: String,
    /// The fields.
    pub fields: Vec<Field>,
}

/// A service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its methods.
    pub methods: Vec<Method>,
    /// Its options.
    pub options: Vec<ProtoOption>,
}

/// A method of a service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Method {
    /// Its name.
    pub name: String,
    /// The message it takes.
    pub input: String,
    /// The message it gives.
    pub output: String,
    /// Whether it takes many.
    pub is_input_stream: bool,
    /// Whether it gives many.
    pub is_output_stream: bool,
    /// Its options.
    pub options: Vec<ProtoOption>,
}

/// An option.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProtoOption {
    /// Its name as it is written: `deprecated`, `(confluent.field_meta).doc`.
    pub name: String,
    /// Its value.
    pub value: OptionValue,
}

/// The value of an option.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OptionValue {
    /// A word or number, as it is written.
    Word(String),
    /// A text: what stands between the quotes, with the escapes it was written with.
    Text(String),
    /// Fields of a message.
    Message(Vec<(String, OptionValue)>),
    /// Several values.
    List(Vec<OptionValue>),
}

impl ProtoFile {
    /// A message or enum at the top of the file.
    #[must_use]
    pub fn declaration(&self, name: &str) -> Option<&TypeDeclaration> {
        self.types.iter().find(|declaration| declaration.name() == name)
    }
}
