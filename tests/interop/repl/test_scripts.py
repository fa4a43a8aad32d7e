"""The REPL without a terminal: statements given, from a file, through a pipe."""

import subprocess

import pytest

from harness import binary
from orders import INSERT, ORDERS


def test_statements_run_in_the_order_in_which_they_are_given(run):
    code, shown, complaints = run("-c", ORDERS, "-c", INSERT, "-c", "SELECT count(*) AS n FROM orders; SELECT 2 AS two")
    assert (code, complaints) == (0, "")
    assert shown.endswith(" n\n---\n 2\n(1 row)\n two\n-----\n   2\n(1 row)\n")


def test_the_first_statement_that_fails_is_the_last(run):
    code, shown, complaints = run("-c", "SELECT 1 AS one", "-c", "SELECT nothing FROM nowhere", "-c", "SELECT 3 AS three")
    assert code == 1
    assert "one" in shown and "three" not in shown
    assert complaints.startswith("tidemill: ") and "nowhere" in complaints


def test_a_file_runs_and_a_mistake_in_it_is_told_with_its_line(run, tmp_path):
    file = tmp_path / "script.sql"
    file.write_text(f"-- Orders.\n{ORDERS}\n{INSERT}\nSELECT item FROM orders ORDER BY item;\n")
    code, shown, complaints = run("-f", str(file))
    assert (code, complaints) == (0, "")
    assert shown.endswith(" item\n------\n desk\n lamp\n(2 rows)\n")
    file.write_text("SELECT 1;\n\n  SELECT amont FROM orders EMIT CHANGES;\n")
    code, _, complaints = run("-f", str(file))
    assert code == 1
    assert "script.sql, line 3, column 10" in complaints


def test_a_file_that_is_not_there_is_named(run):
    code, _, complaints = run("-f", "missing.sql")
    assert code == 1
    assert "missing.sql" in complaints and len(complaints.splitlines()) == 1


def test_a_pipe_goes_on_after_a_mistake_and_fails_in_the_end(run):
    code, shown, complaints = run(typed="SELECT 1 AS one;\nSELECT nothing FROM nowhere;\n\\d\nSELECT 3\n  AS three;\n")
    assert code == 1
    assert " one\n" in shown and " three\n" in shown
    assert "nowhere" in complaints and "1 of the statements failed" in complaints


def test_a_query_with_a_limit_ends(run):
    run("-c", ORDERS, "-c", INSERT)
    code, shown, _ = run(
        "-c", "SET 'auto.offset.reset' = 'earliest'", "-c", "SELECT customer FROM orders EMIT CHANGES LIMIT 2"
    )
    assert code == 0
    assert shown.endswith(" customer\n-------------\n ann\n bartholomew\n(2 rows)\n")


def test_values_of_all_kinds_look_the_same_whoever_answers(run):
    code, shown, complaints = run(
        "-c",
        "SELECT true AS b, CAST('1.50' AS DECIMAL(4, 2)) AS d, CAST(2 AS DOUBLE) AS f, DATE '2024-02-29' AS day, ARRAY[1, 2] AS a, NULL AS n, 'a\tb' AS t",
    )
    assert (code, complaints) == (0, "")
    assert shown.splitlines()[2] == " t | 1.50 | 2 | 2024-02-29 | {1,2} | null | a\\tb"


def test_nothing_is_complained_about_when_nobody_reads_any_more(where, tmp_path):
    command = [binary(), "sql", *where, "-c", "SELECT * FROM generate_series(1, 200000)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout.readline() == " value\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_values_are_whole_where_there_is_no_terminal(run):
    text = "x" * 5_000
    code, shown, complaints = run("-c", f"SELECT '{text}' AS t, 1 AS n")
    assert (code, complaints) == (0, "")
    assert f"\n {text} | 1\n" in shown


def test_variables_stand_for_names_and_texts_and_in_properties(run, tmp_path):
    inner, outer = tmp_path / "inner.sql", tmp_path / "outer.sql"
    inner.write_text("DEFINE partitions = '1';\n")
    outer.write_text(
        f"DEFINE script = '{inner}'; RUN SCRIPT '${{script}}';\n"
        "CREATE STREAM ${name} (${column} STRING KEY) WITH (KAFKA_TOPIC = '${name}_topic', VALUE_FORMAT = '${format}',"
        " PARTITIONS = ${Partitions});\n"
        "SHOW TOPICS; SELECT '${missing}' AS missing; UNDEFINE column; SHOW VARIABLES;\n"
        "SET 'ksql.variable.substitution.enable' = 'false'; SELECT '${name}' AS kept;\n"
        "SET 'ksql.variable.substitution.enable' = 'true'; SELECT '${name}' AS replaced; SELECT ${column};\n"
    )
    code, shown, complaints = run("-d", "name=s1", "-d", "column=id", "--define", "format=JSON", "-f", str(outer))
    assert code == 1
    assert "s1_topic" in shown and "\n ${missing}\n" in shown
    assert " PARTITIONS | 1\n" in shown and "COLUMN" not in shown
    assert "\n kept\n---------\n ${name}\n" in shown and "\n replaced\n----------\n s1\n" in shown
    assert "outer.sql, line 5, column" in complaints and "there is no variable 'column'" in complaints


@pytest.mark.parametrize("door,protocol", [("kafka", "Kafka"), ("http", "HTTP")])
def test_a_port_of_another_protocol_is_told_at_once(server, door, protocol):
    address = f"127.0.0.1:{server.ports[door]}"
    finished = subprocess.run(
        [binary(), "sql", "--connect", address, "-c", "SELECT 1"], capture_output=True, text=True, timeout=8
    )
    assert finished.returncode == 1
    assert f"{address} answers in the protocol of {protocol}" in finished.stderr
    assert "its port for postgres" in finished.stderr


def test_rows_that_are_inserted_are_counted_alike_whoever_answers(run):
    assert run("-c", ORDERS, "-c", INSERT)[1].endswith("\nINSERT 0 2\n")
