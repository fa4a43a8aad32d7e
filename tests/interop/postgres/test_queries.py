"""Statements and their answers, in the simple and the extended protocol."""

import asyncio
from decimal import Decimal

import psycopg
import pytest


def test_rows_come_back_in_both_protocols(connection, stream):
    query = f"SELECT id, customer, amount FROM {stream} ORDER BY id"
    expected = [(1, "ada", Decimal("1.50")), (2, "bob", Decimal("2.25")), (3, None, Decimal("0.10"))]
    assert connection.execute(query).fetchall() == expected
    assert connection.execute(query, prepare=True).fetchall() == expected
    assert psycopg.ClientCursor(connection).execute(query).fetchall() == expected
    assert connection.execute(query, binary=True).fetchall() == expected


def test_the_command_tag_counts_rows(connection, stream):
    cursor = connection.execute(f"SELECT * FROM {stream}")
    assert cursor.statusmessage == "SELECT 3"
    assert cursor.rowcount == 3


def test_several_statements_in_one_message_are_answered_one_by_one(connection):
    cursor = psycopg.ClientCursor(connection)
    cursor.execute("SELECT 1; SELECT 'two'; ")
    assert cursor.fetchall() == [(1,)]
    assert cursor.nextset()
    assert cursor.fetchall() == [("two",)]
    assert not cursor.nextset()


def test_an_error_stops_the_rest_of_the_message(connection, connect):
    cursor = psycopg.ClientCursor(connection)
    with pytest.raises(psycopg.Error):
        cursor.execute("SET application_name = 'before'; SELECT * FROM nowhere_at_all; SET application_name = 'after'")
    assert connection.execute("SHOW application_name").fetchone() == ("before",)


def test_an_error_has_code_position_and_message(connection):
    with pytest.raises(psycopg.errors.UndefinedTable) as caught:
        connection.execute("SELECT * FROM nowhere_at_all")
    assert "nowhere_at_all" in caught.value.diag.message_primary.lower()
    with pytest.raises(psycopg.errors.SyntaxError) as caught:
        connection.execute("SELECT (1")
    assert caught.value.diag.statement_position is not None


@pytest.mark.parametrize("ending", ["", " EMIT CHANGES"], ids=["now", "changes"])
@pytest.mark.parametrize("protocol", ["simple", "extended"])
def test_an_error_names_the_place_and_what_may_have_been_meant(connection, stream, ending, protocol):
    text = f"SELECT\n  amuont FROM {stream}{ending}"
    with pytest.raises(psycopg.errors.UndefinedColumn) as caught:
        if protocol == "simple":
            psycopg.ClientCursor(connection).execute(text)
        else:
            connection.execute(text)
    diagnostics = caught.value.diag
    assert diagnostics.sqlstate == "42703"
    assert int(diagnostics.statement_position) == text.index("amuont") + 1
    assert "did you mean 'amount'?" in diagnostics.message_hint.lower()


@pytest.mark.parametrize(
    "text, error",
    [
        ("SELECT nothing_like_it(1)", psycopg.errors.UndefinedFunction),
        ("SELEC 1", psycopg.errors.SyntaxError),
        ("CREATE STREAM processing_log (id INT) WITH (kafka_topic = 'x', value_format = 'JSON')", psycopg.errors.DuplicateTable),
        ("DROP STREAM nowhere_at_all", psycopg.errors.UndefinedTable),
        ("SELECT CAST('x' AS INT)", psycopg.errors.InvalidTextRepresentation),
        ("SELECT 1 / 0", psycopg.errors.DivisionByZero),
        ("CREATE STREAM s (id INTERVAL) WITH (kafka_topic = 'x', value_format = 'JSON')", psycopg.errors.DatatypeMismatch),
        ("LISTEN something", psycopg.errors.FeatureNotSupported),
    ],
)
def test_drivers_tell_errors_apart_by_postgres_codes(connection, text, error):
    with pytest.raises(error):
        connection.execute(text)


def test_a_connection_has_its_number(connection, connect):
    (number,) = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert number == connection.info.backend_pid
    with connect() as other:
        assert other.execute("SELECT pg_backend_pid()").fetchone() != (number,)


def test_a_position_counts_from_the_beginning_of_the_message(connection, stream):
    text = f"SELECT 1; SELECT nothing FROM {stream}"
    with pytest.raises(psycopg.errors.UndefinedColumn) as caught:
        psycopg.ClientCursor(connection).execute(text)
    assert int(caught.value.diag.statement_position) == text.index("nothing") + 1


def test_an_empty_query_is_no_error(connection):
    for text in ["", " ; ", "-- nothing"]:
        assert psycopg.ClientCursor(connection).execute(text).description is None
        assert connection.execute(text, prepare=True).description is None


def test_parameters_are_bound_in_text_and_binary(connection, stream):
    query = f"SELECT customer FROM {stream} WHERE id = %s"
    assert connection.execute(query, (2,)).fetchall() == [("bob",)]
    assert connection.execute(f"SELECT customer FROM {stream} WHERE id = %b", (2,)).fetchall() == [("bob",)]
    assert connection.execute(f"SELECT id FROM {stream} WHERE customer = %t", ("ada",)).fetchall() == [(1,)]


def test_a_prepared_statement_is_reused(connection, stream):
    query = f"SELECT id FROM {stream} WHERE id > %s ORDER BY id"
    for least, expected in [(0, [1, 2, 3]), (1, [2, 3]), (2, [3]), (3, [])]:
        assert [row[0] for row in connection.execute(query, (least,), prepare=True)] == expected


def test_a_wrong_parameter_is_named(connection, stream):
    with pytest.raises(psycopg.errors.InvalidTextRepresentation) as caught:
        connection.execute(f"SELECT * FROM {stream} WHERE id = %s", ("many",))
    assert "$1" in caught.value.diag.message_primary


def test_statements_are_prepared_and_executed_in_sql(connection, stream):
    connection.execute(f"PREPARE later AS SELECT id FROM {stream} WHERE id > $1 ORDER BY id")
    assert connection.execute("EXECUTE later(1)").fetchall() == [(2,), (3,)]
    with pytest.raises(psycopg.errors.SyntaxError):
        connection.execute("EXECUTE later(1, 2)")
    connection.execute("DEALLOCATE later")
    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        connection.execute("EXECUTE later(1)")


def test_settings_are_kept_and_reported(connection):
    connection.execute("SET application_name = 'interop'")
    assert connection.execute("SHOW application_name").fetchone() == ("interop",)
    assert connection.info.parameter_status("application_name") == "interop"
    connection.execute("RESET application_name")
    assert connection.info.parameter_status("server_version").startswith("15")
    assert connection.info.parameter_status("client_encoding") == "UTF8"
    assert connection.info.parameter_status("standard_conforming_strings") == "on"


def test_discard_all_forgets_settings_statements_and_cursors(connection):
    connection.execute("SET application_name = 'gone'")
    connection.execute("PREPARE gone AS SELECT 1")
    connection.execute("DISCARD ALL")
    assert connection.execute("SHOW application_name").fetchone() != ("gone",)
    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        connection.execute("EXECUTE gone")


def test_pipelined_statements_are_answered_in_order(connection, stream):
    with connection.pipeline():
        cursors = [connection.execute(f"SELECT id FROM {stream} WHERE id = %s", (number,)) for number in (1, 2, 3)]
        assert [cursor.fetchone() for cursor in cursors] == [(1,), (2,), (3,)]


def test_asyncpg_prepares_and_fetches(connect_async, stream):
    async def work():
        connection = await connect_async()
        try:
            statement = await connection.prepare(f"SELECT id, customer FROM {stream} WHERE id >= $1 ORDER BY id")
            assert [tuple(row) for row in await statement.fetch(2)] == [(2, "bob"), (3, None)]
            assert await connection.fetchval("SELECT count(*) FROM " + stream) == 3
        finally:
            await connection.close()

    asyncio.run(work())


def test_an_asyncpg_cursor_fetches_in_batches(connect_async, stream):
    async def work():
        connection = await connect_async()
        try:
            async with connection.transaction():
                cursor = await connection.cursor(f"SELECT id FROM {stream} ORDER BY id")
                assert [row["id"] for row in await cursor.fetch(2)] == [1, 2]
                assert [row["id"] for row in await cursor.fetch(2)] == [3]
                assert await cursor.fetch(2) == []
        finally:
            await connection.close()

    asyncio.run(work())
