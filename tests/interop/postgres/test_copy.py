"""COPY … TO STDOUT."""

import json

import psycopg
import pytest
from sources import insert


def copied(connection, statement):
    with connection.cursor().copy(statement) as copy:
        return b"".join(bytes(part) for part in copy).decode()


def test_text_csv_and_json(connection, stream):
    query = f"(SELECT id, customer, amount FROM {stream} ORDER BY id)"
    assert copied(connection, f"COPY {query} TO STDOUT") == "1\tada\t1.50\n2\tbob\t2.25\n3\t\\N\t0.10\n"
    csv = copied(connection, f"COPY {query} TO STDOUT WITH (FORMAT csv, HEADER true, NULL '-')")
    assert csv == "id,customer,amount\n1,ada,1.50\n2,bob,2.25\n3,-,0.10\n"
    lines = copied(connection, f"COPY {query} TO STDOUT WITH (FORMAT json)").splitlines()
    assert json.loads(lines[2]) == {"id": 3, "customer": None, "amount": 0.10}
    assert copied(connection, f"COPY {query} TO STDOUT CSV").startswith("1,ada")


def test_a_stream_is_copied_by_name(connection, stream):
    assert copied(connection, f"COPY {stream} (customer) TO STDOUT").splitlines()[0] == "ada"


def test_binary_rows(connection, stream):
    with connection.cursor().copy(f"COPY (SELECT id, customer FROM {stream} ORDER BY id) TO STDOUT (FORMAT binary)") as copy:
        copy.set_types(["int4", "text"])
        assert list(copy.rows()) == [(1, "ada"), (2, "bob"), (3, None)]


def test_rows_of_an_endless_query_come_one_by_one(connection, connect, stream):
    with connect() as reader:
        reader.execute("SET 'auto.offset.reset' = 'earliest'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            with reader.cursor().copy(f"COPY (SELECT id FROM {stream} EMIT CHANGES) TO STDOUT") as copy:
                rows = copy.rows()
                assert [next(rows)[0] for _ in range(3)] == ["1", "2", "3"]
                insert(connection, stream, 4)
                assert next(rows) == ("4",)
                reader.cancel()
                next(rows)


def test_psql_copies(psql, stream):
    finished = psql(f"\\copy (SELECT id FROM {stream} ORDER BY id) TO STDOUT\n")
    assert finished.stdout.split() == ["1", "2", "3"]


def test_copy_in_is_refused_with_a_hint(connection, stream):
    with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
        connection.execute(f"COPY {stream} FROM STDIN")
    assert "INSERT" in caught.value.diag.message_hint
