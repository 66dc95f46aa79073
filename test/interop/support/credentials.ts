import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runOk } from "./run.ts";

/** The identity and the key of `keys.psk`. */
export const PSK_IDENTITY = "alice";
const PSK_KEY = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/** The common name of the client's certificate. */
const CLIENT_NAME = "client.example";

const SERVER = 'cn = "localhost"\ndns_name = "localhost"\nip_address = "127.0.0.1"\n';

/** Certificates as libnbd and qemu want them: in one folder, PEM, under these names. */
export async function makeCertificates(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = (name: string) => join(folder, name);
  await makeKey(file("ca-key.pem"));
  await certify(["--generate-self-signed", "--load-privkey", file("ca-key.pem")], {
    template: file("ca.info"),
    text: 'cn = "Test CA"\nca\ncert_signing_key\n',
    outfile: file("ca-cert.pem"),
  });
  const signed = [
    ["server", `${SERVER}tls_www_server\nencryption_key\nsigning_key\n`],
    ["client", `cn = "${CLIENT_NAME}"\ntls_www_client\nencryption_key\nsigning_key\n`],
  ] as const;
  for (const [name, text] of signed) {
    const key = file(`${name}-key.pem`);
    await makeKey(key);
    const authority = ["--load-ca-certificate", file("ca-cert.pem")];
    const signer = ["--load-ca-privkey", file("ca-key.pem"), "--load-privkey", key];
    await certify(["--generate-certificate", ...authority, ...signer], {
      template: file(`${name}.info`),
      text,
      outfile: file(`${name}-cert.pem`),
    });
  }
}

/** Pre-shared keys, as psktool writes them. Returns the file. */
export async function makePreSharedKeys(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, "keys.psk");
  await writeFile(path, `${PSK_IDENTITY}:${PSK_KEY}\n`);
  return path;
}

async function makeKey(outfile: string): Promise<void> {
  await runOk("certtool", ["--generate-privkey", "--key-type=ecdsa", "--outfile", outfile]);
}

async function certify(
  args: readonly string[],
  { template, text, outfile }: { template: string; text: string; outfile: string },
): Promise<void> {
  await writeFile(template, `${text}expiration_days = 30\n`);
  await runOk("certtool", [...args, "--template", template, "--outfile", outfile]);
}
