"""Messages of the protocol byte by byte, for what no driver sends."""

import struct


def message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


def startup_packet(version=196608, **parameters):
    body = struct.pack("!I", version)
    for name, value in parameters.items():
        body += name.encode() + b"\0" + value.encode() + b"\0"
    return struct.pack("!I", len(body) + 5) + body + b"\0"


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
