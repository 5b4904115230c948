"""A client on the `websockets` package, for tests: foreign code that speaks to Holdfast.

Owns the connection and the form of packets; what is said is the test's business. Each line of stdin is a ClientPacket in JSON and is sent;
each ServerPacket that comes is a line of JSON on stdout. The last line is {"closed": CODE}.

    chat.py URL SUBPROTOCOL DESCRIPTORS

DESCRIPTORS is a file with a serialized google.protobuf.FileDescriptorSet of our schema.
"""

import json
import sys
import threading

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


def packet_types(path):
    """The message classes ClientPacket and ServerPacket."""
    with open(path, "rb") as file:
        descriptors = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for file in descriptors.file:
        pool.Add(file)
    names = ("holdfast.client.v1.ClientPacket", "holdfast.client.v1.ServerPacket")
    return [message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in names]


def json_form():
    """What turns lines into WebSocket messages and back, for the JSON subprotocol: str is a text message."""

    def decode(message):
        assert isinstance(message, str), "a JSON packet must be a text message"
        return json.loads(message)

    return (lambda line: line), decode


def proto_form(descriptors):
    """The same for protobuf: bytes are a binary message."""
    client_packet, server_packet = packet_types(descriptors)

    def decode(message):
        assert isinstance(message, bytes), "a protobuf packet must be a binary message"
        return json_format.MessageToDict(server_packet.FromString(message))

    return (lambda line: json_format.Parse(line, client_packet()).SerializeToString()), decode


def tell(value):
    print(json.dumps(value), flush=True)


def main():
    url, subprotocol, descriptors = sys.argv[1:]
    encode, decode = json_form() if subprotocol == "holdfast.v1.json" else proto_form(descriptors)
    with connect(url, subprotocols=[subprotocol], proxy=None) as connection:
        assert connection.subprotocol == subprotocol, connection.subprotocol

        def say():
            for line in sys.stdin:
                connection.send(encode(line.rstrip("\n")))
            connection.close()

        threading.Thread(target=say, daemon=True).start()
        try:
            while True:
                tell(decode(connection.recv()))
        except ConnectionClosed as closed:
            tell({"closed": closed.rcvd.code if closed.rcvd else 1006})


main()
