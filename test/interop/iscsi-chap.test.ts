/** CHAP as libiscsi and qemu speak it, one way and mutual, with right and with wrong secrets. */
import { chmod, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FileioTgt } from "./support/fileio-tgt.ts";
import { digestOf, Images, MIB } from "./support/images.ts";
import { run, runOk } from "./support/run.ts";
import { toolsAreMissing } from "./support/tools.ts";

const SIZE = 16 * MIB;
const USER = "alice";
const SECRET = "alice-has-a-secret";
const TARGET_USER = "disk";
const TARGET_SECRET = "the-disk-has-another";
const DISCOVERY_SECRET = "this-is-for-finding";

const TOOLS = ["iscsi-ls", "iscsi-inq", "qemu-img", "qemu-iscsi"] as const;

describe.skipIf(toolsAreMissing(...TOOLS))("CHAP", () => {
  let images: Images;
  let server: FileioTgt;

  async function secretFile(name: string, secret: string): Promise<string> {
    const path = images.path(name);
    await writeFile(path, `${secret}\n`);
    await chmod(path, 0o600);
    return path;
  }

  beforeAll(async () => {
    images = await Images.open();
    const path = await images.sparse("disk.img", SIZE);
    const chap = await secretFile("chap", SECRET);
    const mutual = await secretFile("mutual", TARGET_SECRET);
    const discovery = await secretFile("discovery", DISCOVERY_SECRET);
    const options = [
      `--chap=${USER}:${chap}`,
      `--mutual-chap=${TARGET_USER}:${mutual}`,
      `--discovery-chap=finder:${discovery}`,
    ];
    server = await FileioTgt.start([{ name: "disk1", path }], { options });
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await images[Symbol.asyncDispose]();
  });

  /** The URL with credentials, as libiscsi and qemu take it. */
  function url(user: string, secret: string, target?: { user: string; secret: string }): string {
    const [plain = ""] = server.urls;
    const more =
      target === undefined ? "" : `?target_user=${target.user}&target_password=${target.secret}`;
    return `${plain.replace("iscsi://", `iscsi://${user}%${secret}@`)}${more}`;
  }

  test("one way", async () => {
    expect(await runOk("iscsi-inq", [url(USER, SECRET)])).toContain("Peripheral Qualifier");
  });

  test("mutual", async () => {
    const target = { user: TARGET_USER, secret: TARGET_SECRET };
    expect(await runOk("iscsi-inq", [url(USER, SECRET, target)])).toContain("Qualifier");
  });

  test("mutual, where the initiator expects another secret of the target", async () => {
    const target = { user: TARGET_USER, secret: "not-that-of-the-disk" };
    expect((await run("iscsi-inq", [url(USER, SECRET, target)])).code).not.toBe(0);
  });

  test.each([
    ["a wrong secret", () => url(USER, "alice-has-no-secret")],
    ["an unknown user", () => url("mallory", SECRET)],
    ["the target's own user", () => url(TARGET_USER, TARGET_SECRET)],
    ["no user", () => server.urls[0]!],
  ])("%s is refused", async (_what, wrong) => {
    const { code, output } = await run("iscsi-inq", [wrong()]);
    expect(code).not.toBe(0);
    expect(output).toMatch(/auth/i);
  });

  test("discovery has a user of its own", async () => {
    const found = await runOk("iscsi-ls", [`iscsi://finder%${DISCOVERY_SECRET}@${server.portal}`]);
    expect(found).toContain(`Target:iqn.2026-11.io.scst-user:disk1 Portal:${server.portal},1`);
    const { code } = await run("iscsi-ls", [`iscsi://${USER}%${SECRET}@${server.portal}`]);
    expect(code).not.toBe(0);
  });

  test("qemu-img writes an image through it, and reads it back", async () => {
    const source = await images.random("source.img", SIZE);
    const back = images.path("back.img");
    const target = url(USER, SECRET);
    await runOk("qemu-img", ["convert", "-n", "-f", "raw", "-O", "raw", source, target]);
    await runOk("qemu-img", ["convert", "-f", "raw", "-O", "raw", target, back]);
    expect(await digestOf(back)).toBe(await digestOf(source));
  });

  test("secrets are nowhere in what the server says", async () => {
    const { code, stderr } = await server.stop();
    expect(code).toBe(0);
    expect(stderr).toContain("authenticationFailure");
    for (const secret of [SECRET, TARGET_SECRET, DISCOVERY_SECRET]) {
      expect(stderr).not.toContain(secret);
    }
  });
});
