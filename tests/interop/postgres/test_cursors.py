"""DECLARE, FETCH, MOVE, CLOSE, over ends and over endless queries."""

import psycopg
import pytest
from sources import insert


def ids(cursor):
    return [row[0] for row in cursor.fetchall()]


@pytest.fixture
def declared(connection, stream):
    connection.execute(f"DECLARE c CURSOR FOR SELECT id FROM {stream} ORDER BY id")
    return connection


def test_a_cursor_lives_outside_of_a_transaction(declared):
    assert ids(declared.execute("FETCH 2 FROM c")) == [1, 2]
    assert ids(declared.execute("FETCH ALL FROM c")) == [3]
    assert ids(declared.execute("FETCH NEXT FROM c")) == []
    declared.execute("CLOSE c")
    with pytest.raises(psycopg.errors.InvalidCursorName):
        declared.execute("FETCH 1 FROM c")


def test_the_tag_counts_the_rows_fetched(declared):
    assert declared.execute("FETCH FORWARD 2 FROM c").statusmessage == "FETCH 2"
    assert declared.execute("MOVE FORWARD ALL FROM c").statusmessage == "MOVE 1"


def test_the_same_row_can_be_fetched_again(declared):
    assert ids(declared.execute("FETCH 2 FROM c")) == [1, 2]
    assert ids(declared.execute("FETCH RELATIVE 0 FROM c")) == [2]
    assert ids(declared.execute("FETCH ABSOLUTE 3 FROM c")) == [3]


def test_a_cursor_does_not_go_back(declared):
    declared.execute("FETCH 2 FROM c")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        declared.execute("FETCH PRIOR FROM c")


def test_a_name_is_taken_once(declared, stream):
    with pytest.raises(psycopg.errors.DuplicateCursor):
        declared.execute(f"DECLARE c CURSOR FOR SELECT id FROM {stream}")


def test_a_cursor_closes_with_its_transaction_unless_it_is_held(connection, stream):
    connection.execute("BEGIN")
    connection.execute(f"DECLARE short CURSOR FOR SELECT id FROM {stream} ORDER BY id")
    connection.execute(f"DECLARE long CURSOR WITH HOLD FOR SELECT id FROM {stream} ORDER BY id")
    connection.execute("COMMIT")
    assert ids(connection.execute("FETCH 1 FROM long")) == [1]
    with pytest.raises(psycopg.errors.InvalidCursorName):
        connection.execute("FETCH 1 FROM short")


def test_fetch_from_an_endless_query_gives_what_is_ready(connection, connect, stream):
    with connect() as reader:
        reader.execute("SET 'auto.offset.reset' = 'earliest'")
        reader.execute(f"DECLARE live CURSOR FOR SELECT id FROM {stream} EMIT CHANGES")
        assert ids(reader.execute("FETCH 1 FROM live")) == [1]
        seen = []
        while len(seen) < 2:
            seen += ids(reader.execute("FETCH 100 FROM live"))
        assert seen == [2, 3]
        assert ids(reader.execute("FETCH ALL FROM live WITH (TIMEOUT = '100ms')")) == []
        insert(connection, stream, 4)
        assert ids(reader.execute("FETCH ALL FROM live WITH (TIMEOUT = '10s')")) == [4]


def test_psycopg_server_side_cursor(connect, stream):
    with connect(autocommit=False) as connection:
        with connection.cursor(name="named") as cursor:
            cursor.itersize = 2
            cursor.execute(f"SELECT id FROM {stream} WHERE id > %s ORDER BY id", (1,))
            assert [row[0] for row in cursor] == [2, 3]


def test_a_binary_cursor_sends_binary_rows(connection, stream):
    connection.execute(f"DECLARE b BINARY CURSOR FOR SELECT id FROM {stream} ORDER BY id")
    cursor = psycopg.ClientCursor(connection)
    cursor.execute("FETCH 1 FROM b")
    assert cursor.pgresult.fformat(0) == 1
    assert cursor.fetchall() == [(1,)]


def test_psql_fetches_in_chunks(psql, stream):
    finished = psql(f"\\set FETCH_COUNT 1\nSELECT id FROM {stream} ORDER BY id;\n")
    assert finished.stdout.split() == ["1", "2", "3"]
    endless = f"SET 'auto.offset.reset' = 'earliest';\n\\set FETCH_COUNT 1\nSELECT id FROM {stream} EMIT CHANGES LIMIT 3;\n"
    assert psql(endless).stdout.split() == ["1", "2", "3"]
