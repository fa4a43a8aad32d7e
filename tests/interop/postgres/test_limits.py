"""What broken, slow or greedy clients get."""

import contextlib
import socket
import struct

import psycopg
import pytest
from wire import message, read_message, read_until_ready, startup_packet

from harness import PATIENCE_S

SYNC = message(b"S", b"")


def error_code(body):
    fields = dict((part[:1], part[1:].decode()) for part in body.split(b"\0") if part)
    return fields[b"C"]


def assert_closed_with(opened, code):
    kind, body = read_message(opened)
    assert kind == b"E"
    assert error_code(body) == code
    assert opened.recv(1) == b""


@pytest.mark.parametrize(
    "message",
    [
        b"Q\x7f\xff\xff\xff",
        b"Q\0\0\0\x03",
        b"?\0\0\0\x04",
        b"B\0\0\0\x0a\0\0\xff\xff\xff\xff",
        b"P\0\0\0\x0asel1\0\0",
        b"E\0\0\0\x05\0",
        b"Q\0\0\0\x0bno zero",
    ],
    ids=["huge", "too short", "unknown", "bind count", "parse cut off", "execute cut off", "no terminator"],
)
def test_a_malformed_message_closes_its_connection_only(raw, connection, message):
    opened = raw()
    opened.sendall(message)
    assert_closed_with(opened, "08P01")
    assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    "packet",
    [b"\x00\x00\x00\x07abc", b"\x7f\xff\xff\xff\0\x03\0\0", b"GET / HTTP/1.1\r\n\r\n"],
    ids=["short", "huge", "http"],
)
def test_a_malformed_startup_closes_the_connection(raw, packet):
    opened = raw(start=False)
    opened.sendall(packet)
    assert_closed_with(opened, "08P01")


def test_another_protocol_version_is_refused(raw):
    opened = raw(start=False)
    opened.sendall(startup_packet(version=2 << 16, user="ada"))
    assert_closed_with(opened, "0A000")


def test_a_newer_minor_version_is_negotiated(raw):
    opened = raw(start=False)
    opened.sendall(startup_packet(version=(3 << 16) | 9, user="ada"))
    assert read_message(opened)[0] == b"v"
    assert read_until_ready(opened)[-1][0] == b"Z"


def test_encryption_is_declined_and_the_session_starts(raw):
    opened = raw(start=False)
    for code in (80877104, 80877103):
        opened.sendall(struct.pack("!II", 8, code))
        assert opened.recv(1) == b"N"
    opened.sendall(startup_packet(user="ada"))
    assert read_until_ready(opened)[-1][0] == b"Z"


def test_text_that_is_not_utf8_is_an_error_of_that_statement(raw):
    opened = raw()
    body = b"SELECT '\xff'\0"
    opened.sendall(b"Q" + struct.pack("!I", len(body) + 4) + body)
    messages = read_until_ready(opened)
    assert error_code(messages[0][1]) == "22021"


def test_after_an_error_everything_up_to_sync_is_passed_over(raw):
    opened = raw()
    bind_to_nothing = b"B" + struct.pack("!I", 4 + 9) + b"\0x\0" + b"\0\0" * 3
    opened.sendall(bind_to_nothing + b"H\0\0\0\x04" + bind_to_nothing + b"S\0\0\0\x04")
    kinds = [kind for kind, _ in read_until_ready(opened)]
    assert kinds == [b"E", b"Z"]


def test_a_missing_user_is_refused(raw):
    opened = raw(start=False)
    opened.sendall(startup_packet(database="mill"))
    assert_closed_with(opened, "28000")


@pytest.mark.parametrize("values", [0, 1, 3, 65_535])
def test_a_wrong_number_of_values_is_an_error_of_that_statement(raw, values):
    opened = raw()
    parse = message(b"P", b"\0SELECT CAST($1 AS INT), CAST($2 AS INT)\0\0\0")
    bind = message(b"B", b"\0\0\0\0" + struct.pack("!H", values) + b"\0\0\0\x011" * values + b"\0\0")
    opened.sendall(parse + bind + SYNC)
    kinds = dict(read_until_ready(opened))
    assert error_code(kinds[b"E"]) == "08P01"
    opened.sendall(message(b"Q", b"SELECT 1\0"))
    assert b"D" in dict(read_until_ready(opened))


@pytest.mark.parametrize("formats", [3, 7])
def test_formats_that_fit_no_values_are_an_error_of_that_statement(raw, formats):
    opened = raw()
    parse = message(b"P", b"\0SELECT CAST($1 AS INT), CAST($2 AS INT)\0\0\0")
    bind = message(b"B", b"\0\0" + struct.pack("!H", formats) + b"\0\0" * formats + b"\0\x02" + b"\0\0\0\x011" * 2 + b"\0\0")
    opened.sendall(parse + bind + SYNC)
    assert error_code(dict(read_until_ready(opened))[b"E"]) == "08P01"


def test_a_client_that_goes_in_the_middle_of_a_message_leaves_nothing_behind(raw, connection):
    for cut in (b"Q\0\0\1\0SELECT", b"P\0\0", b"Q"):
        opened = raw()
        opened.sendall(cut)
        opened.close()
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_announced_bytes_take_no_memory_before_they_come(raw, connection, shared_server):
    before = shared_server.memory_kib("VmRSS")
    for _ in range(200):
        raw().sendall(b"Q" + struct.pack("!I", 16 * 1024 * 1024 - 1) + b"SELECT")
    grown = shared_server.memory_kib("VmRSS") - before
    assert grown < 64 * 1024, f"memory grew by {grown} KiB"
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_password_that_nobody_asked_for_ends_the_connection(raw):
    opened = raw()
    opened.sendall(message(b"p", b"secret\0"))
    assert_closed_with(opened, "08P01")


def test_asking_for_encryption_again_and_again_ends_the_connection(raw):
    opened = raw(start=False)
    with contextlib.suppress(ConnectionError):
        opened.sendall(struct.pack("!II", 8, 80877103) * 10_000)
    # What was answered before comes first; a reset may have eaten it.
    answered = b""
    with contextlib.suppress(ConnectionError):
        while part := opened.recv(4096):
            answered += part
    assert len(answered) < 1000


def test_a_client_that_never_says_who_it_is_is_let_go(address):
    with socket.create_connection(address, timeout=PATIENCE_S) as opened:
        opened.sendall(b"\0\0")
        assert opened.recv(1) == b""


TOO_COMPLEX = {
    "parentheses": "SELECT " + "(" * 10_000 + "1" + ")" * 10_000,
    "sum": "SELECT " + "+".join(["1"] * 100_000),
    "push": "SELECT * FROM processing_log WHERE 1 = " + "+".join(["1"] * 100_000) + " EMIT CHANGES",
    "create": "CREATE STREAM x AS SELECT * FROM processing_log WHERE " + "(" * 10_000 + "true" + ")" * 10_000 + " EMIT CHANGES",
    "not": "SELECT " + "NOT " * 50_000 + "true",
    "case": "SELECT " + "CASE WHEN true THEN " * 5_000 + "1" + " END" * 5_000,
    "arrays": "SELECT " + "ARRAY[" * 5_000 + "1" + "]" * 5_000,
    "subqueries": "SELECT * FROM " + "(SELECT * FROM " * 2_000 + "processing_log" + ") x" * 2_000,
    "union": " UNION ALL ".join(["SELECT 1"] * 20_000),
    "catalog": "SELECT " + "(" * 10_000 + "1" + ")" * 10_000 + " FROM pg_class",
}


@pytest.mark.parametrize("text", TOO_COMPLEX.values(), ids=TOO_COMPLEX.keys())
def test_statements_beyond_the_limits_of_complexity_are_refused(connection, text):
    with pytest.raises(psycopg.errors.StatementTooComplex) as caught:
        psycopg.ClientCursor(connection).execute(text)
    assert caught.value.sqlstate == "54001"
    with pytest.raises(psycopg.errors.StatementTooComplex):
        connection.execute(text, prepare=True)
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_unknown_statements_and_portals_are_named(connection):
    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        connection.execute("DEALLOCATE never_prepared")
    with pytest.raises(psycopg.errors.InvalidCursorName):
        connection.execute("CLOSE never_declared")
