"""What broken, slow or greedy clients get."""

import socket
import struct

import psycopg
import pytest


def startup_packet(version=196608, **parameters):
    body = struct.pack("!I", version)
    for name, value in parameters.items():
        body += name.encode() + b"\0" + value.encode() + b"\0"
    return struct.pack("!I", len(body) + 5) + body + b"\0"


@pytest.fixture
def raw(address):
    """A socket to the server; started as a session unless said otherwise."""
    sockets = []

    def open_socket(start=True):
        opened = socket.create_connection(address, timeout=15)
        sockets.append(opened)
        if start:
            opened.sendall(startup_packet(user="ada", database="mill"))
            read_until_ready(opened)
        return opened

    yield open_socket
    for opened in sockets:
        opened.close()


def read_exactly(opened, count):
    data = b""
    while len(data) < count:
        part = opened.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def read_message(opened):
    kind = read_exactly(opened, 1)
    length = struct.unpack("!I", read_exactly(opened, 4))[0]
    return kind, read_exactly(opened, length - 4)


def read_until_ready(opened):
    messages = []
    while not messages or messages[-1][0] != b"Z":
        messages.append(read_message(opened))
    return messages


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


def test_statements_beyond_the_limits_of_complexity_are_refused(connection):
    for text in ["SELECT " + "(" * 10_000 + "1" + ")" * 10_000, "SELECT " + "+".join(["1"] * 100_000)]:
        with pytest.raises(psycopg.errors.StatementTooComplex):
            connection.execute(text)
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_unknown_statements_and_portals_are_named(connection):
    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        connection.execute("DEALLOCATE never_prepared")
    with pytest.raises(psycopg.errors.InvalidCursorName):
        connection.execute("CLOSE never_declared")
