import { createCipheriv } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  nativeAesXts,
  type SectorCipher,
  xtsLibraries,
} from "../../../../src/sdk/native/aes-xts.ts";
import { aesXts } from "../../../../src/sdk/storage/filters/aes-xts.ts";
import { isMissing } from "../../../interop/support/tools.ts";

const KEY_256 = Buffer.from(
  "2718281828459045235360287471352662497757247093699959574966967627" +
    "3141592653589793238462643383279502884197169399375105820974944592",
  "hex",
);

/** IEEE 1619-2007, "Test vectors". Vector 10 is the first of those for AES-256. */
const VECTORS = [
  {
    vector: 2,
    key: Buffer.from("11".repeat(16) + "22".repeat(16), "hex"),
    sector: 0x33_3333_3333,
    plain: Buffer.alloc(32, 0x44),
    cipher: "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0",
  },
  {
    vector: 10,
    key: KEY_256,
    sector: 0xff,
    plain: Buffer.from(Array.from({ length: 512 }, (_, i) => i)),
    cipher:
      "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b" +
      "5d31e276f8fe4a8d66b317f9ac683f44680a86ac35adfc3345befecb4bb188fd" +
      "5776926c49a3095eb108fd1098baec70aaa66999a72a82f27d848b21d4a741b0" +
      "c5cd4d5fff9dac89aeba122961d03a757123e9870f8acf1000020887891429ca" +
      "2a3e7a7d7df7b10355165c8b9a6d0a7de8b062c4500dc4cd120c0f7418dae3d0" +
      "b5781c34803fa75421c790dfe1de1834f280d7667b327f6c8cd7557e12ac3a0f" +
      "93ec05c52e0493ef31a12d3d9260f79a289d6a379bc70c50841473d1a8cc81ec" +
      "583e9645e07b8d9670655ba5bbcfecc6dc3966380ad8fecb17b6ba02469a020a" +
      "84e18e8f84252070c13e9f1f289be54fbc481457778f616015e1327a02b140f1" +
      "505eb309326d68378f8374595c849d84f4c333ec4423885143cb47bd71c5edae" +
      "9be69a2ffeceb1bec9de244fbe15992b11b77c040f12bd8f6a975a44a0f90c29" +
      "a9abc3d4d893927284c58754cce294529f8614dcd2aba991925fedc4ae74ffac" +
      "6e333b93eb4aff0479da9a410e4450e0dd7ae4c6e2910900575da401fc07059f" +
      "645e8b7e9bfdef33943054ff84011493c27b3429eaedb4ed5376441a77ed4385" +
      "1ad77f16f541dfd269d50d6a5f14fb0aab1cbb4c1550be97f7ab4066193c4caa" +
      "773dad38014bd2092fa755c824bb5e54c4f36ffda9fcea70b9c6e693e148c151",
  },
] as const;

const WAYS = ["gcrypt", "openssl", "node"] as const;
const PACKAGES = { gcrypt: "libgcrypt20", openssl: "Node linked against OpenSSL", node: "" };

/** By that library, undefined where it is not there. */
function by(way: (typeof WAYS)[number]): ((key: Uint8Array) => SectorCipher) | undefined {
  if (way === "node") return (key) => aesXts(key, "node");
  const library = xtsLibraries().find(({ name }) => name === way);
  return library && ((key) => nativeAesXts(key, library) as SectorCipher);
}

const MISSING = WAYS.filter((way) => by(way) === undefined);
isMissing(MISSING.map((way) => `${way} can't be called: it needs koffi and ${PACKAGES[way]}`));

describe.each(WAYS.filter((way) => !MISSING.includes(way)))("AES-XTS, %s", (way) => {
  const open = by(way) as (key: Uint8Array) => SectorCipher;

  test.each(VECTORS)("IEEE 1619, vector $vector", ({ key, sector, plain, cipher }) => {
    const xts = open(key);
    const bytes = new Uint8Array(plain.length);
    xts.encrypt(plain, bytes, sector);
    expect(Buffer.from(bytes).toString("hex")).toBe(cipher);
    xts.decrypt(bytes, bytes, sector);
    expect(Buffer.from(bytes).equals(plain)).toBe(true);
    xts.close();
  });

  test("the key may be wiped, and is forgotten at the end", () => {
    const key = Uint8Array.from(KEY_256);
    const xts = open(key);
    key.fill(0);
    const bytes = Buffer.from(VECTORS[1].plain);
    xts.encrypt(bytes, bytes, 0xff);
    expect(bytes.toString("hex")).toBe(VECTORS[1].cipher);
    xts.close();
    xts.close();
    const closed = expect.objectContaining({ code: "EBADF" });
    expect(() => xts.encrypt(bytes, bytes, 0)).toThrow(closed);
    expect(() => xts.decrypt(bytes, bytes, 0)).toThrow(closed);
  });

  test("is node:crypto's, for any sector", () => {
    const xts = open(KEY_256);
    const sectors = fc.record({
      sector: fc.nat(2 ** 31 - 1).map((n) => n * 4_194_301),
      bytes: fc.uint8Array({ minLength: 512, maxLength: 512 }),
    });
    fc.assert(
      fc.property(sectors, ({ sector, bytes }) => {
        const iv = Buffer.alloc(16);
        iv.writeBigUInt64LE(BigInt(sector));
        const expected = createCipheriv("aes-256-xts", KEY_256, iv).update(bytes);
        const found = new Uint8Array(512);
        xts.encrypt(bytes, found, sector);
        expect(expected.equals(found)).toBe(true);
      }),
    );
    xts.close();
  });

  test.each([
    { sectorBytes: 512, tweakStep: 1 },
    { sectorBytes: 4096, tweakStep: 8 },
  ])("sectors of $sectorBytes that follow each other", ({ sectorBytes, tweakStep }) => {
    const xts = open(KEY_256);
    // The second half of the tweak's 64 bits is reached on the way.
    const first = 2 ** 32 - 3 * tweakStep;
    const plain = Uint8Array.from({ length: 6 * sectorBytes }, (_, i) => i ^ (i >> 8));
    const expected = Array.from({ length: 6 }, (_, i) => {
      const iv = Buffer.alloc(16);
      iv.writeBigUInt64LE(BigInt(first + i * tweakStep));
      const sector = plain.subarray(i * sectorBytes, (i + 1) * sectorBytes);
      return createCipheriv("aes-256-xts", KEY_256, iv).update(sector);
    });
    const found = new Uint8Array(plain.length);
    xts.encrypt(plain, found, first, { sectorBytes, tweakStep });
    expect(Buffer.concat(expected).equals(found)).toBe(true);
    xts.decrypt(found, found, first, { sectorBytes, tweakStep });
    expect(Buffer.from(plain).equals(found)).toBe(true);
    xts.close();
  });
});

test("the native ones come first", () => {
  const [library] = xtsLibraries();
  expect(nativeAesXts(KEY_256) === undefined).toBe(library === undefined);
});

test.each([
  ["of another length", new Uint8Array(48)],
  ["with two equal halves", new Uint8Array(64).fill(7)],
])("a key %s is refused", (_name, key) => {
  expect(() => aesXts(key)).toThrow(expect.objectContaining({ code: "XTS_KEY" }));
});
