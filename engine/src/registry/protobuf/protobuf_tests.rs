//! Protobuf schemas: what reads, how it is written, and what may follow what.

use super::*;

const ROLES: Roles = Roles { reader: "new", writer: "old" };

fn parse(text: &str) -> ProtobufSchema {
    ProtobufSchema::parse(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn proto3(text: &str) -> String {
    format!("syntax = \"proto3\";\n{text}")
}

/// Codes of what keeps data of `old` from being read with `new`.
fn obstacles(old: &str, new: &str) -> Vec<&'static str> {
    let (old, new) = (parse(&proto3(old)), parse(&proto3(new)));
    new.obstacles_to_reading(&old, ROLES).into_iter().map(|found| found.code).collect()
}

fn check(cases: &[(&str, &str, &[&str])]) {
    for (old, new, expected) in cases {
        assert_eq!(obstacles(old, new), *expected, "{old} → {new}");
    }
}

/// Everything a file may have, in the form it is written in.
#[test]
fn extensions_may_be_left_out() {
    let text = r#"syntax = "proto2";

import "google/protobuf/descriptor.proto";

option java_package = "p";
option (of_file) = "x";

message M {
  option deprecated = true;

  required int32 a = 1 [(of_field) = 7];
  optional string b = 2 [default = "d"];
  extensions 100 to 199;
}

extend google.protobuf.FileOptions {
  optional string of_file = 50001;
}
extend google.protobuf.FieldOptions {
  optional int32 of_field = 50002;
}
extend M {
  optional int32 more = 100;
}
"#;
    let expected = r#"syntax = "proto2";

import "google/protobuf/descriptor.proto";

option java_package = "p";

message M {
  option deprecated = true;

  required int32 a = 1;
  optional string b = 2 [default = "d"];

  extensions 100 to 199;
}
"#;
    assert_eq!(parse(text).text_without_extensions(), expected);
    assert!(parse(text).canonical_text().contains("(of_field) = 7"));
}

const WHOLE: &str = r#"syntax = "proto3";
package a.b;

import "google/protobuf/timestamp.proto";
import public "google/protobuf/wrappers.proto";

option java_package = "x.\"y\"";
option java_multiple_files = true;

message Order {
  reserved 5;
  reserved 7 to 9;
  reserved 20 to max;
  reserved "old";

  option deprecated = true;

  int64 id = 1 [
    json_name = "ID",
    deprecated = true
  ];
  optional string note = 2;
  repeated Line lines = 3;
  map<string, .google.protobuf.Int32Value> counts = 4;
  .google.protobuf.Timestamp at = 6;
  .a.b.State state = 10;
  bytes price = 14 [(confluent.field_meta) = {
    doc: "ü",
    params: [
      {
        value: "4",
        key: "precision"
      },
      {
        value: "2",
        key: "scale"
      }
    ],
    tags: [
      "money"
    ]
  }];

  oneof who {
    string name = 11;
    sint32 number = 12;
  }

  message Line {
    reserved 2;
  
    double amount = 1;
  
    enum Unit {
      PIECE = 0;
    }
  }
}
message Empty {}
enum State {
  option allow_alias = true;

  UNKNOWN = 0;
  OPEN = 1;
  STARTED = 1 [deprecated = true];
  GONE = -1;
}

service Orders {
  rpc Get (stream .a.b.Empty) returns (.a.b.Order);
  rpc Put (.a.b.Order) returns (stream .a.b.Empty) {
    option deprecated = true;
  }
}
"#;

#[test]
fn a_file_is_written_as_it_was_declared() {
    assert_eq!(parse(WHOLE).canonical_text(), WHOLE);
}

#[test]
fn messages_and_enums_keep_the_order_they_are_declared_in() {
    let text = "syntax = \"proto3\";\n\nenum P {\n  A = 0;\n}\nmessage M {\n  enum Q {\n    B = 0;\n  }\n  \
                message N {}\n}\nenum R {\n  C = 0;\n}\n";
    assert_eq!(parse(text).canonical_text(), text);
}

#[test]
fn comments_spaces_and_quotes_do_not_show_in_the_canonical_text() {
    let text = "\u{FEFF}// c\nsyntax='proto3' ; /* d */ message  A{ int32 x=0x1; ; string y = 2 ; }";
    assert_eq!(
        parse(text).canonical_text(),
        "syntax = \"proto3\";\n\nmessage A {\n  int32 x = 1;\n  string y = 2;\n}\n"
    );
}

#[test]
fn a_file_comes_back_from_its_serialized_descriptor() {
    let serialized = parse(WHOLE).serialized_text();
    let back = parse(&serialized).canonical_text();
    // In a descriptor every name is a full one.
    assert_eq!(back, WHOLE.replace("repeated Line lines", "repeated .a.b.Order.Line lines"));
    // Two descriptors may differ in the order of a map's entries, which means nothing.
    assert_eq!(parse(&parse(&back).serialized_text()).canonical_text(), back);
}

#[test]
fn proto2_keeps_labels_defaults_groups_and_extensions() {
    let text = r#"syntax = "proto2";

message A {
  required int32 x = 1;
  optional string y = 2 [default = "a\"b"];
  optional E e = 3 [default = Q];
  optional double d = 4 [default = 1e300];
  optional bytes b = 5 [default = "\377\000"];
  repeated group G = 6 {
    optional int32 inner = 1;
  }

  extensions 100 to 199;

  enum E {
    P = 0;
    Q = 1;
  }
}

extend A {
  optional int32 more = 100;
}
"#;
    assert_eq!(parse(text).canonical_text(), text);
    let back = parse(&parse(text).serialized_text()).canonical_text();
    assert_eq!(back, text.replace("optional E e", "optional .A.E e").replace("extend A", "extend .A"));
}

#[test]
fn whether_the_syntax_is_said_is_kept_until_it_is_normalized() {
    let schema = parse("message A { optional int32 x = 1; }");
    assert!(schema.canonical_text().starts_with("message A"));
    assert!(schema.normalized_text().starts_with("syntax = \"proto2\";"));
}

#[test]
fn options_of_other_files_are_written_as_what_they_mean() {
    let options = "syntax = \"proto3\"; package o; import \"google/protobuf/descriptor.proto\"; \
                   message M { int32 a = 1; M inner = 2; repeated double d = 3; } \
                   extend google.protobuf.MessageOptions { M m = 50000; repeated string tag = 50001; }";
    let imports = [("o.proto".to_owned(), options.to_owned())];
    let text = "syntax = \"proto3\"; import \"o.proto\"; message A { option (o.tag) = 'x'; option (o.m).a = 3; \
                option (o.m).inner = { a: -1, d: [1, -inf] }; option (o.tag) = \"y\"; int32 z = 1; }";
    let schema = ProtobufSchema::parse(text, &imports).expect("reads");
    let expected = "  option (o.m) = {\n    a: 3,\n    inner: {\n      a: -1,\n      d: [\n        1.0,\n        \
                    -inf\n      ]\n    }\n  };\n  option (o.tag) = \"x\";\n  option (o.tag) = \"y\";\n";
    let canonical = schema.canonical_text();
    assert!(canonical.contains(expected), "{canonical}");
    let again = ProtobufSchema::parse(&canonical, &imports).expect("reads");
    assert_eq!(again.canonical_text(), canonical);
    let back = ProtobufSchema::parse(&schema.serialized_text(), &imports).expect("reads");
    assert_eq!(back.canonical_text(), canonical);
}

#[test]
fn keywords_may_be_names() {
    let text = proto3(
        "message message { string option = 1; int32 reserved = 2; bool enum = 3; .message optional = 4; \
         repeated string map = 5; string oneof = 6; string extensions = 7; string repeated = 8; }",
    );
    let schema = parse(&text);
    let names: Vec<String> = schema
        .file()
        .messages()
        .flat_map(|message| message.fields().map(|field| field.name().to_owned()).collect::<Vec<_>>())
        .collect();
    assert_eq!(names, ["option", "reserved", "enum", "optional", "map", "oneof", "extensions", "repeated"]);
}

#[test]
fn normalizing_takes_the_order_from_what_has_none() {
    let left = "syntax = \"proto3\"; package p; import \"google/type/date.proto\"; import \"confluent/meta.proto\"; \
                enum E { P = 0; } message A { B b = 2; int32 x = 1 [deprecated = true, ctype = CORD]; message B {} }";
    let right = "syntax = \"proto3\"; package p; import \"confluent/meta.proto\"; import \"google/type/date.proto\"; \
                 message A { int32 x = 1 [ctype = CORD, deprecated = true]; .p.A.B b = 2; message B {} } enum E { P = 0; }";
    assert_ne!(parse(left).canonical_text(), parse(right).canonical_text());
    assert_eq!(parse(left).normalized_text(), parse(right).normalized_text());
}

#[test]
fn files_that_every_client_knows_need_not_be_given() {
    let known = [
        ("google/protobuf/any.proto", "google.protobuf.Any"),
        ("google/protobuf/struct.proto", "google.protobuf.Struct"),
        ("google/type/color.proto", "google.type.Color"),
        ("google/type/datetime.proto", "google.type.DateTime"),
        ("google/type/dayofweek.proto", "google.type.DayOfWeek"),
        ("google/type/decimal.proto", "google.type.Decimal"),
        ("google/type/expr.proto", "google.type.Expr"),
        ("google/type/fraction.proto", "google.type.Fraction"),
        ("google/type/interval.proto", "google.type.Interval"),
        ("google/type/latlng.proto", "google.type.LatLng"),
        ("google/type/money.proto", "google.type.Money"),
        ("google/type/month.proto", "google.type.Month"),
        ("google/type/calendar_period.proto", "google.type.CalendarPeriod"),
        ("google/type/phone_number.proto", "google.type.PhoneNumber"),
        ("google/type/postal_address.proto", "google.type.PostalAddress"),
        ("google/type/quaternion.proto", "google.type.Quaternion"),
        ("google/type/timeofday.proto", "google.type.TimeOfDay"),
        ("confluent/meta.proto", "confluent.Meta"),
        ("confluent/type/decimal.proto", "confluent.type.Decimal"),
    ];
    for (path, name) in known {
        // Somebody else's file of that name does not count.
        let imports = [(path.to_owned(), "syntax = \"proto3\"; message Other {}".to_owned())];
        let text = format!("syntax = \"proto3\"; import \"{path}\"; message A {{ {name} x = 1; }}");
        ProtobufSchema::parse(&text, &imports).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

#[test]
fn what_is_no_schema_is_refused_with_the_reason_and_the_place() {
    for (text, reason) in [
        ("message A {", "reached end of file (line 1, column 12)"),
        ("\nmassage A {}", "but found 'massage' (line 2, column 1)"),
        ("syntax = \"proto4\";", "unknown syntax 'proto4' (line 1, column 10)"),
        ("edition = \"2023\";", "editions of Protobuf are not supported: begin with syntax"),
        (
            "message A { optional int32 x = 0; }",
            "numbers must be between 1 and 536870911 (line 1, column 32)",
        ),
        ("message A { optional int32 x = 19500; }", "invalid field number '19500' (line 1, column 32)"),
        (
            "message A { optional int32 x = 1;\n optional int64 y = 1; }",
            "field number '1' is already used (line 2, column 21)",
        ),
        ("message A { optional int32 x = 1; optional int64 x = 2; }", "'A.x' is defined twice (line 1,"),
        (
            "message A { reserved 1; optional int32 x = 1; }",
            "conflicts with reserved range '1 to 1' (line 1,",
        ),
        ("message A { optional B b = 1; }", "name 'B' is not defined (line 1, column 22)"),
        ("message A {} message A {}", "name 'A' is defined twice (line 1, column 22)"),
        ("message A { map<float, string> m = 1; }", "map field key type"),
        ("message A { repeated map<string, string> m = 1; }", "map fields cannot have labels"),
        ("message A { int32 x = 1; }", "must have a label with proto2 syntax"),
        ("message A { option map_entry = true; }", "declare a field of type map"),
        ("message A { optional int32 x = 1 [(y) = 3]; }", "name 'y' is not defined (line 1, column 35)"),
        ("enum E {}", "enums must have at least one value (line 1, column 1)"),
        ("// nothing", "declares nothing"),
        ("syntax = \"proto3\";", "declares nothing"),
        ("package .a;", "expected an identifier"),
        ("import \"other.proto\";", "'other.proto' not found, and there is no reference of that name"),
        ("import \"other.proto\";", "(line 1, column 1)"),
        ("/* x", "reached end of file"),
        ("option x = \"a", "reached end of file"),
        ("message Ä {}", "invalid token (line 1, column 9)"),
        ("bm90IGEgZGVzY3JpcHRvcg", "neither a .proto file nor"),
    ] {
        let error = ProtobufSchema::parse(text, &[]).expect_err(text);
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn what_is_wrong_with_an_import_is_told_as_such() {
    let text = "syntax = \"proto3\"; import \"b.proto\"; message A {}";
    for (import, reason) in [
        ("message B {", "in the import 'b.proto': expected"),
        (
            "message B { optional C c = 1; }",
            "in the import 'b.proto': name 'C' is not defined (line 1, column 22)",
        ),
        ("import \"c.proto\";", "in the import 'b.proto': import 'c.proto' not found"),
        ("import \"b.proto\";", "in the import 'b.proto': import cycle"),
    ] {
        let imports = [("b.proto".to_owned(), import.to_owned())];
        let error = ProtobufSchema::parse(text, &imports).expect_err(import);
        assert!(error.starts_with(reason), "{error}");
        assert_eq!(error.matches("in the import").count(), 1, "{error}");
    }
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    let deep = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(5_000), close.repeat(5_000))
    };
    let recursive = "syntax = \"proto3\"; import \"google/protobuf/descriptor.proto\"; message M { M m = 1; int32 a = 2; } \
                     extend google.protobuf.FileOptions { M m = 50000; }";
    for text in [
        deep("message A {", "", "}"),
        format!("option x = {{ a: {} }};", deep("[", "1", "]")),
        format!("{recursive} option (m) = {{ {} }};", deep("m: {", "", "}")),
        format!("{recursive} option (m) = {{ {} }};", deep("m <", "", ">")),
        format!("{recursive} option (m){}.a = 1;", ".m".repeat(5_000)),
    ] {
        let error = ProtobufSchema::parse(&text, &[]).expect_err("too deep");
        assert!(error.contains("nested"), "{error}");
    }
    let fitting = format!("{recursive} option (m) = {{ {}{} }};", "m: {".repeat(50), "}".repeat(50));
    assert!(parse(&fitting).canonical_text().contains("m: {}"), "{fitting}");
}

#[test]
fn public_imports_are_followed_however_far_they_lead() {
    let mut imports = Vec::new();
    for level in 0..5 {
        let next = if level < 4 { format!("import public \"{}.proto\";", level + 1) } else { String::new() };
        let text = format!("syntax = \"proto3\"; package p{level}; {next} message M {{ int32 x = 1; }}");
        imports.push((format!("{level}.proto"), text));
    }
    let text = proto3(
        "\nimport \"0.proto\";\n\nmessage A {\n  p0.M a = 1;\n  p1.M b = 2;\n  p2.M c = 3;\n  p4.M d = 4;\n}\n",
    );
    let schema = ProtobufSchema::parse(&text, &imports).expect("reads");
    assert_eq!(schema.canonical_text(), text, "it imports what it says");
    let back = ProtobufSchema::parse(&schema.serialized_text(), &imports).expect("reads");
    assert_eq!(
        back.canonical_text(),
        text.replace("  p", "  .p"),
        "in a descriptor every name is a full one"
    );
    let hidden = text.replace("import \"0.proto\"", "import \"3.proto\"");
    let error = ProtobufSchema::parse(&hidden, &imports).expect_err("imports nothing of p0");
    assert!(error.contains("'p0.M' is not defined"), "{error}");
}

#[test]
fn public_imports_that_double_at_every_level_are_refused() {
    let mut imports = Vec::new();
    for level in 0..20 {
        let next = |name: char| match level {
            19 => String::new(),
            _ => format!("import public \"{name}{}.proto\";", level + 1),
        };
        for name in ['a', 'b'] {
            let text = format!("syntax = \"proto3\"; {}{} message M{name}{level} {{}}", next('a'), next('b'));
            imports.push((format!("{name}{level}.proto"), text));
        }
    }
    let text = "syntax = \"proto3\"; import \"a0.proto\"; import \"b0.proto\"; message A {}";
    let error = ProtobufSchema::parse(text, &imports).expect_err("too many ways");
    assert!(error.contains("public imports"), "{error}");
}

#[test]
fn fields_come_and_go_and_are_renamed() {
    check(&[
        ("message A { int32 x = 1; }", "message A { int32 x = 1; string y = 2; }", &[]),
        ("message A { int32 x = 1; string y = 2; }", "message A { int32 x = 1; }", &[]),
        ("message A { int32 x = 1; }", "message A { int32 z = 1; }", &[]),
        ("message A {}", "message A {} message B {}", &[]),
        ("message A {} message B {}", "message A {}", &["MESSAGE_REMOVED"]),
        ("message A {} message B {}", "message B {} message A {}", &[]),
        ("enum E { P = 0; }", "enum E { P = 0; Q = 1; }", &[]),
        ("package a; message A {}", "package b; message A {}", &["PACKAGE_CHANGED"]),
    ]);
}

#[test]
fn required_fields_stay_and_do_not_come() {
    let with = parse("message A { required int32 x = 1; }");
    let without = parse("message A {}");
    let codes = |new: &ProtobufSchema, old: &ProtobufSchema| {
        new.obstacles_to_reading(old, ROLES).into_iter().map(|found| found.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&without, &with), ["REQUIRED_FIELD_REMOVED"]);
    assert_eq!(codes(&with, &without), ["REQUIRED_FIELD_ADDED"]);
}

#[test]
fn types_change_to_what_is_the_same_on_the_wire() {
    check(&[
        ("message A { int32 x = 1; }", "message A { int64 x = 1; }", &[]),
        ("message A { bool x = 1; }", "message A { uint64 x = 1; }", &[]),
        ("message A { string x = 1; }", "message A { bytes x = 1; }", &[]),
        ("message A { E x = 1; } enum E { P = 0; }", "message A { int32 x = 1; } enum E { P = 0; }", &[]),
        ("message A { int32 x = 1; }", "message A { sint32 x = 1; }", &["FIELD_SCALAR_KIND_CHANGED"]),
        ("message A { float x = 1; }", "message A { double x = 1; }", &["FIELD_SCALAR_KIND_CHANGED"]),
        ("message A { int32 x = 1; }", "message A { B x = 1; message B {} }", &["FIELD_KIND_CHANGED"]),
        ("message A { map<string, int32> x = 1; }", "message A { map<string, int64> x = 1; }", &[]),
        (
            "message A { map<string, int32> x = 1; }",
            "message A { map<int32, int32> x = 1; }",
            &["FIELD_SCALAR_KIND_CHANGED"],
        ),
        (
            "message A { B x = 1; message B {} message C {} }",
            "message A { C x = 1; message B {} message C {} }",
            &["FIELD_NAMED_TYPE_CHANGED"],
        ),
    ]);
}

#[test]
fn texts_may_become_many_and_numbers_may_not() {
    check(&[
        ("message A { string x = 1; }", "message A { repeated string x = 1; }", &[]),
        (
            "message A { int32 x = 1; }",
            "message A { repeated int32 x = 1; }",
            &["FIELD_NUMERIC_LABEL_CHANGED"],
        ),
        ("message A { int32 x = 1; }", "message A { optional int32 x = 1; }", &[]),
    ]);
}

#[test]
fn a_field_moves_into_a_new_oneof_alone() {
    check(&[
        ("message A { int32 x = 1; }", "message A { oneof o { int32 x = 1; string y = 2; } }", &[]),
        (
            "message A { int32 x = 1; string y = 2; }",
            "message A { oneof o { int32 x = 1; string y = 2; } }",
            &["MULTIPLE_FIELDS_MOVED_TO_ONEOF"],
        ),
        (
            "message A { int32 x = 1; oneof o { string y = 2; } }",
            "message A { oneof o { int32 x = 1; string y = 2; } }",
            &["FIELD_MOVED_TO_EXISTING_ONEOF"],
        ),
        (
            "message A { oneof o { int32 x = 1; string y = 2; } }",
            "message A { oneof o { int32 x = 1; } }",
            &["ONEOF_FIELD_REMOVED"],
        ),
        (
            "message A { oneof o { int32 x = 1; string y = 2; } }",
            "message A { int32 x = 1; string y = 2; }",
            &[],
        ),
        (
            "message A { oneof o { int32 x = 1; } }",
            "message A { oneof p { string x = 1; } }",
            &["FIELD_SCALAR_KIND_CHANGED"],
        ),
    ]);
}

#[test]
fn a_message_that_holds_itself_is_compared_once() {
    let tree = |value: &str| format!("message A {{ A next = 1; {value} value = 2; }}");
    assert!(obstacles(&tree("int32"), &tree("int64")).is_empty());
    assert_eq!(obstacles(&tree("int32"), &tree("string")), ["FIELD_SCALAR_KIND_CHANGED"]);
}

#[test]
fn a_message_of_another_file_counts_as_one_of_its_own() {
    let other = |value: &str| {
        let text = format!("syntax = \"proto3\"; package q; message B {{ {value} x = 1; }}");
        let imports = [("b.proto".to_owned(), text)];
        let text = "syntax = \"proto3\"; import \"b.proto\"; message A { q.B b = 1; }";
        ProtobufSchema::parse(text, &imports).expect("reads")
    };
    assert!(other("int64").obstacles_to_reading(&other("int32"), ROLES).is_empty());
    assert!(!other("string").obstacles_to_reading(&other("int32"), ROLES).is_empty());
}

#[test]
fn a_message_says_what_is_wrong_where_and_in_which_schema() {
    let (old, new) =
        (parse(&proto3("message A { int32 x = 3; }")), parse(&proto3("message A { string x = 3; }")));
    let found = new.obstacles_to_reading(&old, ROLES);
    assert_eq!(
        found.first().map(|found| found.description.as_str()),
        Some(
            "the type is string in the new schema and int32 in the old schema, which is not the same on the wire (at \
             '#/A/3')"
        )
    );
}
