import { describe, expect, test } from "vitest";
import {
  InfoBlockSize,
  InfoExport,
  InfoType,
  NBD_MAGIC,
  OptionReplyType as Rep,
  OptionType as Opt,
  TransmissionFlag,
} from "../../../src/protocol/nbd/index.ts";
import type { TlsSettings } from "../../../src/targets/nbd/tls.ts";
import {
  infoRequest,
  metaQuery,
  settled,
  type TestNbdClient,
  TestNbdServer,
  uint32,
} from "./support/client.ts";

const text = (words: string) => new TextEncoder().encode(words);
const SIZE = 16_384 * 512;

const TLS: TlsSettings = { mode: "required", preSharedKey: () => undefined };

function greeted(server = new TestNbdServer()): TestNbdClient {
  const client = server.connect();
  client.greet();
  return client;
}

const types = (answers: readonly { type: number }[]) => answers.map(({ type }) => type);

test("the greeting", () => {
  const client = new TestNbdServer().connect();
  expect(client.greet()).toEqual({ magic: NBD_MAGIC, handshakeFlags: 3 });
  expect(client.transport.closed).toBe(false);
});

describe("what an option is answered", () => {
  test.each([
    ["unknown", 77, new Uint8Array(9), [Rep.errUnsup]],
    ["STARTTLS where there is none", Opt.startTls, undefined, [Rep.errPolicy]],
    ["LIST", Opt.list, undefined, [Rep.server, Rep.ack]],
    ["LIST with data", Opt.list, new Uint8Array(1), [Rep.errInvalid]],
    ["STRUCTURED_REPLY", Opt.structuredReply, undefined, [Rep.ack]],
    ["STRUCTURED_REPLY with data", Opt.structuredReply, new Uint8Array(2), [Rep.errInvalid]],
    ["EXTENDED_HEADERS", Opt.extendedHeaders, undefined, [Rep.ack]],
    ["LIST_META_CONTEXT too early", Opt.listMetaContext, metaQuery("disk", []), [Rep.errInvalid]],
    ["INFO", Opt.info, infoRequest("disk"), [Rep.info, Rep.ack]],
    ["INFO of the default export", Opt.info, infoRequest(""), [Rep.info, Rep.ack]],
    [
      "INFO with all",
      Opt.info,
      infoRequest("disk", [1, 3, 99]),
      [Rep.info, Rep.info, Rep.info, Rep.ack],
    ],
    ["INFO of another", Opt.info, infoRequest("other"), [Rep.errUnknown]],
    ["INFO cut off", Opt.info, infoRequest("disk").subarray(0, 7), [Rep.errInvalid]],
    ["INFO with too much", Opt.info, new Uint8Array(7), [Rep.errInvalid]],
    ["INFO that is no UTF-8", Opt.info, Uint8Array.of(0, 0, 0, 1, 0xff, 0, 0), [Rep.errInvalid]],
    ["INFO of a long name", Opt.info, infoRequest("x".repeat(4097)), [Rep.errTooBig]],
    ["GO of another", Opt.go, infoRequest("other"), [Rep.errUnknown]],
    ["more data than there may be", Opt.list, new Uint8Array(65_537), [Rep.errTooBig]],
  ])("%s", async (_what, option, data, expected) => {
    const client = greeted();
    client.chunkLength = 1000;
    expect(types(await client.ask(option, data))).toEqual(expected);
    expect(types(await client.ask(Opt.abort))).toEqual([Rep.ack]);
    expect(client.transport.ended).toBe(true);
  });
});

test("what is told of an export", async () => {
  const client = greeted();
  const requests = [InfoType.name, InfoType.description, InfoType.blockSize];
  const [exported, name, ...rest] = await client.ask(Opt.info, infoRequest("", requests));
  const flag = TransmissionFlag;
  expect(InfoExport.view(exported!.data)).toMatchObject({
    infoType: InfoType.export,
    exportSize: SIZE,
    transmissionFlags:
      flag.hasFlags |
      flag.sendFlush |
      flag.sendFua |
      flag.sendTrim |
      flag.sendWriteZeroes |
      flag.canMultiConn |
      flag.sendCache |
      flag.sendFastZero,
  });
  expect(name!.data).toEqual(Buffer.concat([Uint8Array.of(0, 1), text("disk")]));
  expect(InfoBlockSize.view(rest[0]!.data)).toMatchObject({
    infoType: InfoType.blockSize,
    minimumBlockSize: 512,
    preferredBlockSize: 4096,
    maximumPayloadSize: 33_554_432,
  });
});

test("structured and extended replies, asked for twice", async () => {
  const client = greeted();
  const ask = async (option: number) => types(await client.ask(option));
  expect(await ask(Opt.structuredReply)).toEqual([Rep.ack]);
  expect(await ask(Opt.structuredReply)).toEqual([Rep.errInvalid]);
  expect(await ask(Opt.extendedHeaders)).toEqual([Rep.ack]);
  expect(await ask(Opt.extendedHeaders)).toEqual([Rep.errInvalid]);
  expect(await ask(Opt.structuredReply)).toEqual([Rep.errExtHeaderReqd]);
});

test.each([
  ["all", [], [Rep.metaContext, Rep.ack], [Rep.ack]],
  ["the wildcard", ["base:"], [Rep.metaContext, Rep.ack], [Rep.ack]],
  ["the one", ["base:allocation"], [Rep.metaContext, Rep.ack], [Rep.metaContext, Rep.ack]],
  ["others", ["qemu:x", "nonsense"], [Rep.ack], [Rep.ack]],
  ["too many", Array.from({ length: 33 }, () => "base:"), [Rep.errTooBig], [Rep.errTooBig]],
])("metadata contexts, queries for %s", async (_what, queries, listed, set) => {
  const client = greeted();
  await client.ask(Opt.structuredReply);
  const query = metaQuery("disk", queries);
  expect(types(await client.ask(Opt.listMetaContext, query))).toEqual(listed);
  expect(types(await client.ask(Opt.setMetaContext, query))).toEqual(set);
  const unknown = metaQuery("other", queries.slice(0, 1));
  expect(types(await client.ask(Opt.setMetaContext, unknown))).toEqual([Rep.errUnknown]);
});

describe("NBD_OPT_EXPORT_NAME", () => {
  test.each([
    ["with zeros", 1, 134],
    ["without", 3, 10],
    ["of a client that is not fixed", 0, 134],
  ])("%s", async (_what, flags, length) => {
    const client = new TestNbdServer().connect();
    client.greet(flags);
    client.send(client.option(Opt.exportName, text("disk")));
    await settled();
    const answer = client.transport.take();
    expect(answer.length).toBe(length);
    expect(Buffer.from(answer).readBigUInt64BE(0)).toBe(BigInt(SIZE));
    expect(client.errorOf({ type: 0, length: 512 })).toBe(0);
  });

  test("of an export that there is not", async () => {
    const client = greeted();
    client.send(client.option(Opt.exportName, text("other")));
    await settled();
    expect(client.transport.ended).toBe(true);
  });

  test("with extended headers is the client's fault, not ours", async () => {
    const server = new TestNbdServer();
    const client = greeted(server);
    await client.ask(Opt.extendedHeaders);
    client.send(client.option(Opt.exportName, text("disk")));
    await settled();
    expect(client.transport.ended).toBe(true);
    expect(server.codes).toEqual(["NBD_ACCEPTED", "NBD_HANDSHAKE", "NBD_CLOSED"]);
  });
});

test("requests behind NBD_OPT_GO in one chunk wait for the export", async () => {
  const client = greeted();
  client.send(client.option(Opt.go, infoRequest("disk")), client.request({ type: 0, length: 512 }));
  await settled();
  const bytes = client.transport.take();
  expect(bytes.length).toBe(20 + 12 + 20 + 16 + 512);
  expect(client.transport.paused).toBe(false);
});

describe("what ends a handshake", () => {
  test("unknown client flags", () => {
    const client = new TestNbdServer().connect();
    client.greet(7);
    expect(client.transport.ended).toBe(true);
  });

  test("an option that does not begin as one", () => {
    const client = greeted();
    client.send(new Uint8Array(16));
    expect(client.transport.ended).toBe(true);
  });

  test("an option of a client that is not fixed", () => {
    const client = new TestNbdServer().connect();
    client.greet(0);
    client.send(client.option(Opt.list));
    expect(client.transport.ended).toBe(true);
  });

  test("too many options", () => {
    const server = new TestNbdServer({ optionCountMax: 3 });
    const client = greeted(server);
    for (let i = 0; i < 3; i++) client.send(client.option(77));
    expect(client.transport.ended).toBe(false);
    client.send(client.option(77));
    expect(client.transport.ended).toBe(true);
    expect(server.codes).toContain("NBD_HANDSHAKE");
  });

  test("time", async () => {
    const server = new TestNbdServer();
    const client = greeted(server);
    server.advance(14_999);
    expect(client.transport.ended).toBe(false);
    server.advance(1);
    expect(client.transport.ended).toBe(true);
    await settled();
    expect(server.timerCount).toBe(0);
    expect(server.server.connectionCount).toBe(0);
  });

  test("one connection too many", () => {
    const server = new TestNbdServer({ connectionCountMax: 1 });
    greeted(server);
    expect(server.connect().transport.closed).toBe(true);
    expect(server.codes).toContain("NBD_CONNECTIONS_MAX");
  });
});

describe("TLS", () => {
  test("nothing is told before", async () => {
    const client = greeted(new TestNbdServer({}, TLS));
    for (const option of [Opt.list, Opt.info, Opt.go, Opt.structuredReply, 77]) {
      expect(types(await client.ask(option))).toEqual([Rep.errTlsReqd]);
    }
    client.send(client.option(Opt.exportName, text("disk")));
    expect(client.transport.ended).toBe(true);
  });

  test("afterwards nothing is left of what was negotiated before", async () => {
    const server = new TestNbdServer({}, { ...TLS, mode: "allowed" });
    const client = greeted(server);
    await client.ask(Opt.extendedHeaders);
    expect(types(await client.ask(Opt.startTls))).toEqual([Rep.ack]);
    client.transport.secured?.("alice");
    expect(types(await client.ask(Opt.structuredReply))).toEqual([Rep.ack]);
    expect(types(await client.ask(Opt.startTls))).toEqual([Rep.errInvalid]);
  });

  test("bytes that came before TLS do not pass for encrypted ones", async () => {
    const client = greeted(new TestNbdServer({}, TLS));
    client.send(client.option(Opt.startTls), client.option(Opt.list));
    await settled();
    expect(client.transport.ended).toBe(true);
    expect(client.transport.secured).toBeUndefined();
  });
});

describe("groups", () => {
  test("a client has the LUNs of the group that its address or its name fits", async () => {
    const server = new TestNbdServer({}, { ...TLS, mode: "allowed" });
    const group = server.server.target.addGroup("alice's");
    group.addInitiator("alice");
    server.server.target.addGroup("nobody's").addInitiator("192.0.2.*");
    const client = greeted(server);
    expect(types(await client.ask(Opt.info, infoRequest("disk")))).toEqual([Rep.errUnknown]);
    group.addLun(7, "disk", { readOnly: true });
    await client.ask(Opt.startTls);
    client.transport.secured?.("alice");
    const [exported] = await client.ask(Opt.info, infoRequest("disk"));
    const { transmissionFlags } = InfoExport.view(exported!.data);
    expect(transmissionFlags & TransmissionFlag.readOnly).not.toBe(0);
    expect([...server.server.target.sessions].map(({ name }) => name)).toEqual(["alice"]);
  });
});

test("the server ends: whoever negotiates is told so", async () => {
  const server = new TestNbdServer();
  const client = greeted(server);
  const closed = server.server.close();
  await closed;
  expect(client.transport.ended).toBe(true);
  expect(server.core.targets.size).toBe(0);
});

test("a flag's worth of bytes at a time", async () => {
  const client = new TestNbdServer().connect();
  client.chunkLength = 1;
  client.transport.take();
  client.send(uint32(3), client.option(77), client.option(Opt.info, infoRequest("disk")));
  await settled();
  expect(types(client.answers())).toEqual([Rep.errUnsup, Rep.info, Rep.ack]);
});
