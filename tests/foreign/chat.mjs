// A client on the npm packages `ws` and `protobufjs`, for tests: foreign code that speaks to Holdfast.
//
// Owns the connection and the form of packets; what is said is the test's business. Each line of stdin is a ClientPacket in JSON and is
// sent; each ServerPacket that comes is a line of JSON on stdout. The last line is {"closed": CODE}.
//
//     chat.mjs URL SUBPROTOCOL SCHEMA NODE_MODULES
//
// SCHEMA is packet.proto itself.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [url, subprotocol, schema, modules] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { WebSocket } = require("ws");

function jsonForm() {
  return {
    encode: (line) => line,
    decode: (data, isBinary) => {
      if (isBinary) throw new Error("a JSON packet must be a text message");
      return JSON.parse(data.toString());
    },
  };
}

function protoForm() {
  const root = require("protobufjs").loadSync(schema);
  const clientPacket = root.lookupType("holdfast.client.v1.ClientPacket");
  const serverPacket = root.lookupType("holdfast.client.v1.ServerPacket");
  return {
    encode: (line) => clientPacket.encode(clientPacket.fromObject(JSON.parse(line))).finish(),
    decode: (data, isBinary) => {
      if (!isBinary) throw new Error("a protobuf packet must be a binary message");
      return serverPacket.toObject(serverPacket.decode(data), { longs: String, enums: String, bytes: String });
    },
  };
}

const { encode, decode } = subprotocol === "holdfast.v1.json" ? jsonForm() : protoForm();
const tell = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const connection = new WebSocket(url, [subprotocol]);

connection.on("open", () => {
  if (connection.protocol !== subprotocol) throw new Error(`the server chose ${connection.protocol}`);
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => connection.send(encode(line)));
  lines.on("close", () => connection.close(1000));
});
connection.on("message", (data, isBinary) => tell(decode(data, isBinary)));
connection.on("close", (code) => {
  tell({ closed: code });
  process.stdin.destroy();
});
