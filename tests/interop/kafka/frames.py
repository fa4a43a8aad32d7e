"""Requests written byte by byte, for what no client sends."""

import socket
import struct
import zlib

import lz4.frame
import snappy
import zstandard
from kafka.record.util import calc_crc32c, encode_varint

PRODUCE, METADATA, API_VERSIONS = 0, 3, 18

# Error codes of the protocol.
NONE, CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, UNSUPPORTED_VERSION = 0, 2, 10, 35

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def header(api, version, correlation_id=7):
    """What every request begins with."""
    return struct.pack("!hhihs", api, version, correlation_id, 1, b"t")


def string(text):
    return struct.pack("!h", len(text)) + text.encode()


def produce(topic, batch):
    """A Produce request, version 7, of one batch to partition 0."""
    body = struct.pack("!hhi", -1, -1, 30_000)
    body += struct.pack("!i", 1) + string(topic)
    body += struct.pack("!iii", 1, 0, len(batch)) + batch
    return header(PRODUCE, 7) + body


def produced(answer, topic):
    """The error code in the answer to such a request."""
    return struct.unpack_from("!h", answer, 4 + 4 + 2 + len(topic) + 4 + 4)[0]


def record(value):
    """A record with a value and nothing else."""
    body = b"\0\0\0\x01" + varint(len(value)) + value + b"\0"
    return varint(len(body)) + body


def varint(number):
    written = bytearray()
    encode_varint(number, written.append)
    return bytes(written)


def batch(records, count=1, codec=0, crc=None):
    """A record batch around the bytes of its records, which may be compressed."""
    tail = struct.pack("!hiqqqhii", codec, count - 1, 1000, 1000, -1, -1, -1, count) + records
    crc = calc_crc32c(tail) if crc is None else crc
    return struct.pack("!qiibI", 0, len(tail) + 9, -1, 2, crc) + tail


def compressed(codec, data):
    """The bytes in one frame of the codec."""
    if codec == "gzip":
        gzip = zlib.compressobj(1, zlib.DEFLATED, 31)
        return gzip.compress(data) + gzip.flush()
    if codec == "snappy":
        return snappy.compress(data)
    if codec == "lz4":
        return lz4.frame.compress(data)
    return zstandard.compress(data)


class Wire:
    """A connection that sends what it is told."""

    def __init__(self, bootstrap):
        host, _, port = bootstrap.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=30)

    def send(self, request):
        self.socket.sendall(struct.pack("!i", len(request)) + request)

    def receive(self):
        """The next answer, from its correlation id on."""
        return self._exactly(struct.unpack("!i", self._exactly(4))[0])

    def call(self, request):
        self.send(request)
        return self.receive()

    def is_closed(self):
        """Waits for the server to close the connection without a further answer."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data
