//! `tidemill test`: what it runs, what it tells, and how it ends.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tidemill_tests::{program, repository};

/// Runs `tidemill test`; gives its exit code, what it printed and what it complained about.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(program()).arg("test").args(arguments).output();
    let Output { status, stdout, stderr } = output.expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is told is text");
    (status.code(), text(stdout), text(stderr))
}

fn path(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}

/// A file with one case: numbers are doubled, and twelve comes out of six, or so it is expected.
fn doubling(expected: i64) -> Value {
    json!({"cases": [{
        "id": "doubling",
        "tier": "own",
        "statements": [
            "CREATE STREAM s (k STRING KEY, v INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);",
            "CREATE STREAM doubled AS SELECT k, v * 2 AS v FROM s;",
        ],
        "inputs": [
            {"topic": "s", "key": "a", "value": {"v": 1}},
            {"topic": "s", "key": "b", "value": {"v": 6}},
        ],
        "outputs": [
            {"topic": "DOUBLED", "key": "a", "value": {"V": 2}},
            {"topic": "DOUBLED", "key": "b", "value": {"V": expected}},
        ],
    }]})
}

#[test]
fn the_projects_own_cases_pass() {
    let (code, out, complaints) = run(&[path(&repository().join("tests/cases"))]);
    assert!(out.ends_with(" passed, 0 failed\n"), "{out}{complaints}");
    assert_eq!(code, Some(0), "{complaints}");
}

#[test]
fn a_difference_is_shown_and_reported_and_can_become_what_is_expected() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let [cases, report, junit] =
        ["cases.json", "report.json", "junit.xml"].map(|name| folder.path().join(name));
    fs::write(&cases, serde_json::to_string_pretty(&doubling(13)).expect("it is JSON")).expect("writes");
    let (code, out, complaints) = run(&[path(&cases), "--report", path(&report), "--junit", path(&junit)]);
    assert_eq!(code, Some(1));
    assert!(complaints.contains("a case failed"), "{complaints}");
    for line in [
        "FAILED doubling (own)",
        "  topic DOUBLED: record 2 of 2 differs in its value",
        r#"      - 2. "b" → {"V":13}"#,
        r#"      + 2. "b" → {"V":12} @ 0"#,
        "0 passed, 1 failed",
    ] {
        let told = |found: &str| found.split_whitespace().eq(line.split_whitespace());
        assert!(out.lines().any(told), "{line}\n in \n{out}");
    }
    let told: Value = serde_json::from_slice(&fs::read(&report).expect("the report is there")).expect("JSON");
    let case = &told["cases"][0];
    assert_eq!(
        (&case["id"], &case["tier"], &case["passed"]),
        (&json!("doubling"), &json!("own"), &json!(false))
    );
    assert!(case["reason"].as_str().is_some_and(|reason| reason.contains("record 2 of 2")), "{case}");
    for member in ["sources_ok", "topics_ok", "e1", "e2", "e3"] {
        assert_eq!(case[member], Value::Null, "{member}");
    }
    let junit = fs::read_to_string(&junit).expect("the report is there");
    assert!(junit.contains("<testcase classname=\"own\" name=\"doubling\""), "{junit}");
    assert!(junit.contains("<failure message="), "{junit}");

    let (code, _, complaints) = run(&[path(&cases), "--update"]);
    assert!(complaints.contains("wrote the outputs of 1 case\n"), "{complaints}");
    assert_eq!(code, Some(0), "what is expected now comes out");
    let written: Value = serde_json::from_slice(&fs::read(&cases).expect("it is there")).expect("JSON");
    assert_eq!(written, doubling(12), "only what was expected has changed");
    assert_eq!(run(&[path(&cases)]).0, Some(0));
}

#[test]
fn three_files_in_a_directory_are_a_case_and_can_be_updated() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let own = repository().join("tests/cases/large_orders");
    for name in ["statements.sql", "input.json", "output.json"] {
        fs::copy(own.join(name), folder.path().join(name)).expect("a file can be copied");
    }
    assert_eq!(run(&[path(folder.path())]).0, Some(0));
    let output = folder.path().join("output.json");
    fs::write(&output, r#"{"outputs": []}"#).expect("a file can be written");
    assert_eq!(run(&[path(folder.path())]).0, Some(1), "records come out that nobody expects");
    run(&[path(folder.path()), "--update"]);
    let read = |path: &Path| -> Value {
        serde_json::from_slice(&fs::read(path).expect("it is there")).expect("it is JSON")
    };
    assert_eq!(read(&output), read(&own.join("output.json")));
}

#[test]
fn a_file_that_is_updated_keeps_its_layout() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let own = repository().join("tests/cases/large_orders");
    for name in ["statements.sql", "input.json"] {
        fs::copy(own.join(name), folder.path().join(name)).expect("a file can be copied");
    }
    let right = fs::read_to_string(own.join("output.json")).expect("it is there");
    let output = folder.path().join("output.json");
    fs::write(&output, right.replace("120.5", "120.75")).expect("a file can be written");
    assert_eq!(run(&[path(folder.path()), "--update"]).0, Some(0));
    assert_eq!(fs::read_to_string(&output).expect("it is there"), right);
    fs::remove_file(&output).expect("is removed");
    let (code, out, _) = run(&[path(folder.path())]);
    assert_eq!(code, Some(1));
    assert!(out.contains("there is no output.json; --update writes one"), "{out}");
    assert_eq!(run(&[path(folder.path()), "--update"]).0, Some(0));
    assert_eq!(run(&[path(folder.path())]).0, Some(0));
}

#[test]
fn what_is_wrong_in_a_directory_is_told_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("writes");
    write(
        "statements.sql",
        "-- Nothing is there.\nSHOW STREAMS;\n\nSELECT a\n  FROM nothing EMIT CHANGES;\n",
    );
    write("output.json", r#"{"outputs": []}"#);
    let (code, out, _) = run(&[path(folder.path())]);
    assert_eq!(code, Some(1));
    assert!(out.contains("statements.sql:5:8: "), "{out}");
    write("output.json", r#"{"outputs": [{"topic": "T", "tmestamp": 4}]}"#);
    let (code, out, complaints) = run(&[path(folder.path())]);
    assert_eq!(code, Some(1));
    assert!(out.contains("outputs, record 1") && out.contains("tmestamp"), "{out}");
    assert!(
        out.ends_with("0 passed, 1 failed\n") && complaints.ends_with("a case failed\n"),
        "{out}{complaints}"
    );
}

#[test]
fn what_a_case_says_beside_its_outputs_counts_where_it_is_strict() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let cases = folder.path().join("cases.json");
    let varied = |id: &str, vary: &dyn Fn(&mut Value)| {
        let mut case = doubling(12)["cases"][0].take();
        case["id"] = id.into();
        vary(&mut case);
        case
    };
    let all = json!({"cases": [
        varied("right", &|_| {}),
        varied("another table", &|case| case["post"] = json!({"sources": [{"name": "T", "type": "table"}]})),
        varied("other words", &|case| {
            case["statements"][1] = "CREATE STREAM doubled AS SELECT nothing FROM s;".into();
            case["expectedException"] = json!({"type": "KsqlException", "message": "the moon is made of cheese"});
        }),
        varied("a fraction", &|case| case["outputs"][0]["value"]["V"] = json!(2.5)),
        varied("another topic", &|case| {
            let more = "CREATE STREAM more AS SELECT k, v FROM s;".into();
            case["statements"].as_array_mut().expect("a list").push(more);
        }),
    ]});
    fs::write(&cases, all.to_string()).expect("writes");
    let (code, out, _) = run(&[path(&cases)]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.ends_with("5 passed, 0 failed\n"), "{out}");
    assert!(out.contains("PASSED, BUT another table"), "{out}");
    let (code, out, _) = run(&[path(&cases), "--strict"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.ends_with("1 passed, 4 failed\n"), "{out}");
    for line in
        ["topic MORE: the records differ in number (0 expected, 2 came out)", "FAILED other words (own)"]
    {
        assert!(out.contains(line), "{line}: {out}");
    }
}

#[test]
fn a_case_that_fails_has_to_be_known_and_one_that_passes_must_not_be() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let [cases, known] = ["cases.json", "known.txt"].map(|name| folder.path().join(name));
    let arguments = [path(&cases), "--known", path(&known)];
    for (expected, listed, code) in [(13, true, 0), (13, false, 1), (12, true, 1), (12, false, 0)] {
        fs::write(&cases, doubling(expected).to_string()).expect("writes");
        let list = if listed { "doubling\tsix times two is thought to be thirteen\n" } else { "" };
        fs::write(&known, list).expect("writes");
        let (found, out, complaints) = run(&arguments);
        assert_eq!(found, Some(code), "{expected} {listed}: {out}{complaints}");
    }
}

#[test]
fn cases_are_chosen_by_their_ids_and_tiers() {
    let cases = repository().join("tests/cases/orders.json");
    for (arguments, passed) in
        [(["--filter", "per minute"], 1), (["--tier", "errors,windows"], 2), (["--tier", "requests"], 1)]
    {
        let (code, out, _) = run(&[path(&cases), arguments[0], arguments[1]]);
        assert_eq!(code, Some(0), "{out}");
        assert!(out.ends_with(&format!("{passed} passed, 0 failed\n")), "{out}");
    }
    let (code, _, complaints) = run(&[path(&cases), "--filter", "no such case"]);
    assert_eq!(code, Some(1));
    assert!(complaints.contains("no case was found"), "{complaints}");
}
