import { basename, parse } from "node:path";

import {
  type BlockStore,
  createCore,
  disk,
  encryptedStore,
  fileStore,
  IscsiServer,
  loopbackChannel,
  NbdServer,
  openLuks2,
  registerDevice,
  UsageError,
  writeProtectedStore,
} from "scst-user";

import type { Address, Options } from "./options.ts";
import { keyFile, readPassphrase } from "./passphrase.ts";
import { headerStore } from "./volume.ts";

export interface Serving {
  /** Where it is to be had, a line each. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

/** Opens the disk and listens. */
export async function serve(options: Options, tell: (line: string) => void): Promise<Serving> {
  const { file, iscsi, nbd, readOnly, direct } = options;
  const name = options.name ?? nameOf(file);
  const data = fileStore(file, { readOnly, engine: direct ? "direct" : "buffered" });
  const stops: (() => Promise<unknown>)[] = [async () => await data.close()];
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    const store = await unlocked(data, options, tell);
    const core = createCore({
      log: ({ level, message }) => {
        if (level === "warning" || level === "error") tell(`${level}: ${message}`);
      },
    });
    const handler = disk(readOnly ? writeProtectedStore(store) : store, {
      name,
      thinProvisioned: !readOnly && store.trim !== undefined,
    });
    const device = await registerDevice(loopbackChannel(core), name, handler, {
      report: (code, message) => tell(`${message} (${code})`),
    });
    // The device closes its store, and that the file's.
    stops.splice(0, 1, () => device.close());
    const lines: string[] = [];
    if (iscsi !== undefined && "host" in iscsi) {
      const server = new IscsiServer(core);
      stops.push(() => server.close());
      const iqn = `iqn.2026-11.io.scst-user:${name.toLowerCase()}`;
      server.export({ iqn, luns: [[0, name]] });
      const { port } = await server.listen(iscsi);
      lines.push(`${name}  iscsi://${hostOf(iscsi.host)}:${port}/${iqn}/0`);
    }
    if (nbd !== undefined) {
      const server = new NbdServer(core);
      stops.push(() => server.close());
      server.target.addLun(0, name);
      lines.push(`${name}  ${nbdUri((await server.listen(nbd)) as Address, name)}`);
    }
    return { lines, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function unlocked(
  data: BlockStore,
  options: Options,
  tell: (line: string) => void,
): Promise<BlockStore> {
  if (options.plain) return plain(data, options);
  if (options.sectorSize !== undefined) {
    throw new UsageError("OPTION", "--sector-size is in the header, unless there is none: --plain");
  }
  await using header = headerStore(options, true);
  const luks = await openLuks2(header);
  if (luks.badCopy !== undefined) {
    tell(`the ${luks.badCopy} copy of the header is bad: "encrypting-disk repair" writes it again`);
  }
  const passphrase = await readPassphrase(options.key, `Passphrase of ${options.file}`, false);
  try {
    return await luks.unlock(passphrase, data);
  } finally {
    passphrase.fill(0);
  }
}

/** dm-crypt without a header: cryptsetup's "--type plain --cipher aes-xts-plain64". */
function plain(data: BlockStore, { key, sectorSize = 512, header }: Options): BlockStore {
  if (key.file === undefined || header !== undefined) {
    throw new UsageError("OPTION", "--plain: the key is in a file (--key-file), and no --header");
  }
  const bytes = keyFile(key.file);
  try {
    return encryptedStore(data, bytes, { sectorSize });
  } finally {
    bytes.fill(0);
  }
}

/** What SCST and iSCSI allow, of a file's name. */
function nameOf(file: string): string {
  return (
    parse(basename(file))
      .name.replaceAll(/[^\w-]/g, "-")
      .slice(0, 48) || "disk"
  );
}

function nbdUri(address: Address, name: string): string {
  if ("path" in address) return `nbd+unix:///${name}?socket=${address.path}`;
  return `nbd://${hostOf(address.host)}:${address.port}/${name}`;
}

function hostOf(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
