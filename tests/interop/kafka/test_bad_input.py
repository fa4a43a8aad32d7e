"""What broken and hostile clients get: the protocol's error, or the end of their connection; never memory."""

import struct

import pytest
from frames import (
    API_VERSIONS,
    CODECS,
    CORRUPT_MESSAGE,
    MESSAGE_TOO_LARGE,
    METADATA,
    NONE,
    UNSUPPORTED_VERSION,
    Wire,
    batch,
    compressed,
    header,
    produce,
    produced,
    record,
)

# A few connections' buffers; what is asked for here is hundreds of times as much.
GROWTH_KIB_MAX = 64 * 1024


@pytest.fixture
def wire(bootstrap):
    """Opens connections."""
    opened = []

    def wire():
        opened.append(Wire(bootstrap))
        return opened[-1]

    yield wire
    for one in opened:
        one.socket.close()


@pytest.fixture
def memory_stays(shared_server):
    """Fails if the server has needed much memory meanwhile."""
    before = shared_server.memory_kib("VmRSS")
    shared_server.forget_peak()
    yield
    grown = shared_server.memory_kib("VmHWM") - before
    assert grown < GROWTH_KIB_MAX, f"memory grew by {grown} KiB"


def serves(wire):
    """Whether another client is answered."""
    return wire().call(header(API_VERSIONS, 0))[:4] == struct.pack("!i", 7)


@pytest.mark.parametrize("length", [-1, 2**31 - 1, -(2**31), 100 * 1024 * 1024 + 1])
def test_an_impossible_length_closes_the_connection(wire, memory_stays, length):
    client = wire()
    client.socket.sendall(struct.pack("!i", length) + b"some bytes")
    assert client.is_closed()
    assert serves(wire)


def test_announced_bytes_take_no_memory_before_they_come(wire, memory_stays):
    for _ in range(100):
        wire().socket.sendall(struct.pack("!i", 100 * 1024 * 1024) + b"a little")
    assert serves(wire)


@pytest.mark.parametrize(
    "request_bytes",
    [
        header(METADATA, 1) + struct.pack("!i", 2**31 - 1),
        header(METADATA, 1) + struct.pack("!I", 2**31),
        header(METADATA, 9) + b"\0" + b"\xff\xff\xff\xff\x0f",
        header(METADATA, 99),
        header(METADATA, -1),
        header(9999, 0),
        header(METADATA, 1),
        b"\0",
        b"",
    ],
    ids=["2^31-1 topics", "2^31 topics", "2^32 topics", "new version", "no version", "unknown call", "cut off", "no header", "nothing"],
)
def test_a_malformed_request_closes_the_connection(wire, memory_stays, request_bytes):
    client = wire()
    client.send(request_bytes)
    assert client.is_closed()
    assert serves(wire)


def test_a_client_that_is_too_new_learns_the_versions(wire):
    answer = wire().call(header(API_VERSIONS, 99))
    assert struct.unpack_from("!ih", answer) == (7, UNSUPPORTED_VERSION)


def test_a_bad_checksum_is_refused_and_nothing_appended(wire, topic):
    client = wire()
    good = batch(record(b"value"))
    assert produced(client.call(produce(topic, batch(record(b"value"), crc=1))), topic) == CORRUPT_MESSAGE
    answer = client.call(produce(topic, good))
    assert produced(answer, topic) == NONE
    base_offset = struct.unpack_from("!q", answer, len(answer) - 4 - 24)[0]
    assert base_offset == 0


def test_a_batch_over_the_topics_limit_is_refused(wire, create_topic, memory_stays):
    topic = create_topic(config={"max.message.bytes": "1000"})
    client = wire()
    assert produced(client.call(produce(topic, batch(record(b"x" * 2000)))), topic) == MESSAGE_TOO_LARGE
    assert produced(client.call(produce(topic, batch(record(b"x")))), topic) == NONE


@pytest.mark.parametrize("codec", CODECS)
def test_a_compression_bomb_is_refused_and_takes_no_memory(wire, create_topic, shared_server, codec):
    topic = create_topic(config={"max.message.bytes": str(32 << 20)})
    bomb = batch(compressed(codec, record(bytes(160 << 20))), codec=CODECS[codec])
    client = wire()
    before = shared_server.memory_kib("VmRSS")
    shared_server.forget_peak()
    for _ in range(3):
        assert produced(client.call(produce(topic, bomb)), topic) in (CORRUPT_MESSAGE, MESSAGE_TOO_LARGE)
    grown = shared_server.memory_kib("VmHWM") - before
    # The request itself is held while it is checked, and its connection's buffer beside it.
    assert grown < GROWTH_KIB_MAX + 3 * len(bomb) // 1024, f"memory grew by {grown} KiB"
    honest = batch(compressed(codec, record(bytes(1 << 20))), codec=CODECS[codec])
    assert produced(client.call(produce(topic, honest)), topic) == NONE


@pytest.mark.parametrize("codec", CODECS)
def test_bytes_that_are_not_compressed_as_they_say_are_refused(wire, topic, codec):
    client = wire()
    assert produced(client.call(produce(topic, batch(b"not compressed at all", codec=CODECS[codec]))), topic) == CORRUPT_MESSAGE
    assert serves(wire)
