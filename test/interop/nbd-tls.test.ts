/** NBD over TLS, with clients that use GnuTLS: certificates and pre-shared keys. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCertificates, makePreSharedKeys, PSK_IDENTITY } from "./support/credentials.ts";
import { FileioTgt } from "./support/fileio-tgt.ts";
import { digestOf, Images, MIB } from "./support/images.ts";
import { run, runOk } from "./support/run.ts";
import { toolsAreMissing } from "./support/tools.ts";

const SIZE = 32 * MIB;
const TOOLS = ["certtool", "nbdcopy", "nbdinfo", "qemu-img"] as const;

describe.skipIf(toolsAreMissing(...TOOLS))("NBD over TLS", () => {
  let images: Images;
  let certificates: string;
  let preSharedKeys: string;
  let disk: string;

  beforeAll(async () => {
    images = await Images.open();
    certificates = images.path("certificates");
    await makeCertificates(certificates);
    preSharedKeys = await makePreSharedKeys(images.path("keys"));
    disk = await images.random("disk.img", SIZE);
  });

  afterAll(async () => {
    await images[Symbol.asyncDispose]();
  });

  const start = (...options: string[]) =>
    FileioTgt.start([{ name: "disk1", path: disk }], {
      options: ["--nbd", "127.0.0.1:0", ...options],
    });

  const withX509 = (mode: string, ...more: string[]) =>
    start(`--tls=${mode}`, `--tls_certificates=${certificates}`, ...more);

  const withPsk = () => start("--tls=required", `--tls_psk=${preSharedKeys}`);

  const x509Uri = ({ nbdUris }: FileioTgt) => `${nbdUris[0]}?tls-certificates=${certificates}`;
  const pskUri = ({ nbdUris }: FileioTgt) =>
    `${nbdUris[0]!.replace("//", `//${PSK_IDENTITY}@`)}?tls-psk-file=${preSharedKeys}`;

  const copied = async (uri: string) => {
    const copy = images.path("copy.img");
    await runOk("nbdcopy", [uri, copy]);
    return await digestOf(copy);
  };

  const qemu = (server: FileioTgt, credentials: string) => {
    const [, port] = /:(\d+)\//.exec(server.nbdUris[0]!)!;
    const image = `driver=nbd,host=127.0.0.1,port=${port},export=disk1,tls-creds=tls0`;
    return run("qemu-img", ["info", "--object", credentials, "--image-opts", image]);
  };

  test("certificates: nbdinfo, nbdcopy, qemu-img", async () => {
    await using server = await withX509("required", "--tls_verify_peer");
    const told = await runOk("nbdinfo", [x509Uri(server)]);
    expect(told).toContain("protocol: newstyle-fixed with TLS");
    expect(await copied(x509Uri(server))).toBe(await digestOf(disk));
    const { output } = await qemu(
      server,
      `tls-creds-x509,id=tls0,endpoint=client,dir=${certificates}`,
    );
    expect(output).toContain(`(${SIZE} bytes)`);
  });

  test("pre-shared keys: nbdinfo, nbdcopy, qemu-img", async () => {
    await using server = await withPsk();
    expect(await runOk("nbdinfo", [pskUri(server)])).toContain("newstyle-fixed with TLS");
    expect(await copied(pskUri(server))).toBe(await digestOf(disk));
    const { output } = await qemu(
      server,
      `tls-creds-psk,id=tls0,endpoint=client,username=${PSK_IDENTITY},` +
        `dir=${images.path("keys")}`,
    );
    expect(output).toContain(`(${SIZE} bytes)`);
  });

  test("required: without TLS a client learns nothing", async () => {
    await using server = await withX509("required");
    const plain = server.nbdUris[0]!.replace("nbds:", "nbd:");
    const { code, output } = await run("nbdinfo", [plain]);
    expect(code).not.toBe(0);
    expect(output).toContain("TLS");
    expect((await run("nbdinfo", ["--list", plain])).output).not.toContain("disk1");
  });

  test("allowed: with and without", async () => {
    await using server = await withX509("allowed");
    const plain = server.nbdUris[0]!.replace("nbds:", "nbd:");
    expect(await runOk("nbdinfo", [plain])).toContain("without TLS");
    expect(await runOk("nbdinfo", [x509Uri(server)])).toContain("with TLS");
  });

  test("a client without a certificate is refused where one is needed", async () => {
    await using server = await withX509("required", "--tls_verify_peer");
    const other = images.path("authority only");
    await makeCertificates(other);
    const uri = `${server.nbdUris[0]}?tls-certificates=${encodeURIComponent(other)}`;
    expect((await run("nbdinfo", [uri])).code).not.toBe(0);
    expect(await runOk("nbdinfo", [x509Uri(server)])).toContain("with TLS");
  });

  test("a wrong key is refused", async () => {
    await using server = await withPsk();
    const uri = pskUri(server).replace(`${PSK_IDENTITY}@`, "mallory@");
    expect((await run("nbdinfo", [uri])).code).not.toBe(0);
    expect(await runOk("nbdinfo", [pskUri(server)])).toContain("with TLS");
  });
});
