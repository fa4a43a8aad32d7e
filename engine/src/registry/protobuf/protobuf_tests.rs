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

  int64 id = 1 [json_name = "ID", deprecated = true];
  optional string note = 2;
  repeated Line lines = 3;
  map<string, .google.protobuf.Int32Value> counts = 4;
  .google.protobuf.Timestamp at = 6;
  .a.b.State state = 10;
  bytes price = 14 [(confluent.field_meta) = { params: [{ key: "precision", value: "4" }] }];

  oneof who {
    string name = 11;
    sint32 number = 12;
  }

  message Line {
    double amount = 1;
  }
}
enum State {
  option allow_alias = true;

  UNKNOWN = 0;
  OPEN = 1;
  STARTED = 1 [deprecated = true];
  GONE = -1;
}
message Empty {}

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
fn comments_spaces_and_quotes_do_not_show_in_the_canonical_text() {
    let text = "// c\nsyntax='proto3' ; /* d */ message  A{ int32 x=0x1; ; string y = 2 ; }";
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
    assert_eq!(parse(&back).serialized_text(), serialized);
}

#[test]
fn proto2_keeps_labels_defaults_and_extensions() {
    let text = r#"syntax = "proto2";

message A {
  required int32 x = 1;
  optional string y = 2 [default = "a\"b"];
  optional E e = 3 [default = Q];

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
    assert!(back.contains("required int32 x = 1;"), "{back}");
    assert!(back.contains(r#"optional string y = 2 [default = "a\"b"];"#), "{back}");
    assert!(back.contains("extend .A {\n  optional int32 more = 100;"), "{back}");
}

#[test]
fn keywords_may_be_names() {
    let text = proto3(
        "message message { string option = 1; int32 reserved = 2; bool enum = 3; message optional = 4; \
         repeated string map = 5; string oneof = 6; string extensions = 7; string repeated = 8; }",
    );
    let schema = parse(&text);
    let names: Vec<&str> = match schema.file().declaration("message") {
        Some(file::TypeDeclaration::Message(message)) => {
            message.fields.iter().map(|field| field.name.as_str()).collect()
        }
        _ => Vec::new(),
    };
    assert_eq!(names, ["option", "reserved", "enum", "optional", "map", "oneof", "extensions", "repeated"]);
}

#[test]
fn normalizing_takes_the_order_from_what_has_none() {
    let left = "syntax = \"proto3\"; package p; import \"google/type/date.proto\"; import \"confluent/meta.proto\"; \
                message A { B b = 2; int32 x = 1 [deprecated = true, ctype = CORD]; message B {} }";
    let right = "syntax = \"proto3\"; package p; import \"confluent/meta.proto\"; import \"google/type/date.proto\"; \
                 message A { int32 x = 1 [ctype = CORD, deprecated = true]; .p.A.B b = 2; message B {} }";
    assert_ne!(parse(left).canonical_text(), parse(right).canonical_text());
    assert_eq!(parse(left).normalized_text(), parse(right).normalized_text());
}

#[test]
fn what_is_no_schema_is_refused_with_the_reason() {
    for (text, reason) in [
        ("message A {", "line 1, column 12"),
        ("massage A {}", "not 'massage'"),
        ("syntax = \"proto4\";", "there is no syntax 'proto4'"),
        ("message A { int32 x = 0; }", "numbers are from 1"),
        ("message A { int32 x = 19500; }", "numbers are from 1"),
        ("message A { int32 x = 1; int64 y = 1; }", "number 1 twice"),
        ("message A { int32 x = 1; int64 x = 2; }", "field 'x' twice"),
        ("message A { reserved 1; int32 x = 1; }", "reserves it"),
        ("message A { B b = 1; }", "'B', which is not declared"),
        ("message A {} message A {}", "declares 'A' twice"),
        ("message A { map<float, string> m = 1; }", "the type of a map's keys"),
        ("message A { repeated map<string, string> m = 1; }", "no label"),
        ("message A { optional group G = 1 {} }", "groups are not supported"),
        ("enum E {}", "has no values"),
        ("// nothing", "declares nothing"),
        ("package .a;", "the name of a package is expected"),
        ("import \"other.proto\";", "no reference of that name"),
        ("/* x", "has no end"),
        ("option x = \"a", "has no end"),
        ("message Ä {}", "begins nothing"),
        ("bm90IGEgZGVzY3JpcHRvcg", "neither a .proto file nor"),
    ] {
        let error = ProtobufSchema::parse(text, &[]).expect_err(text);
        assert!(error.contains(reason), "{text}: {error}");
    }
    let deep = format!("{}{}", "message A {".repeat(5_000), "}".repeat(5_000));
    assert!(ProtobufSchema::parse(&deep, &[]).expect_err("too deep").contains("nested"));
    let deep = format!("option x = {}1{};", "[".repeat(5_000), "]".repeat(5_000));
    assert!(ProtobufSchema::parse(&deep, &[]).expect_err("too deep").contains("nested"));
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
