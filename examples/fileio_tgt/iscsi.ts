import { type Core, type IscsiConfig, IscsiServer } from "scst-user";

import { chapFrom } from "../support/chap.ts";
import type { DeviceSettings } from "./device-settings.ts";
import type { Options } from "./options.ts";
import type { Address } from "./program-rules.ts";

/** The devices by iSCSI: behind one target, or as the configuration file has it. */
export class IscsiFront {
  readonly #server: IscsiServer;
  readonly #address: Address | undefined;
  readonly #config: IscsiConfig | undefined;

  constructor(core: Core, options: Options, tell: (message: string) => void) {
    const { iscsi, iscsiConfig, chap, discoveryChap } = options;
    this.#address = iscsi;
    // What the command line says wins over the file.
    this.#config = iscsi === undefined ? iscsiConfig : undefined;
    const { options: own } = this.#config ?? {};
    this.#server = new IscsiServer(core, {
      ...own,
      chap: chapFrom("--chap", chap, tell) ?? own?.chap,
      discoveryChap: chapFrom("--discovery-chap", discoveryChap, tell) ?? own?.discoveryChap,
    });
  }

  /** Listens. Returns a line for each device and way to reach it. */
  async start(devices: readonly DeviceSettings[]): Promise<string[]> {
    if (this.#config !== undefined) return await this.#startConfig(this.#config, devices);
    if (this.#address === undefined) return [];
    const iqn = targetName((devices[0] as DeviceSettings).name);
    this.#server.export({ iqn, luns: devices.map(({ name }, lun) => [lun, name]) });
    const portal = await this.#listen(this.#address);
    return devices.map(
      ({ name, path }, lun) => `${name}  ${path}  iscsi://${portal}/${iqn}/${lun}`,
    );
  }

  async #startConfig(
    { targets, portals }: IscsiConfig,
    devices: readonly DeviceSettings[],
  ): Promise<string[]> {
    const paths = new Map(devices.map(({ name, path }) => [name, path]));
    for (const target of targets) this.#server.export(target);
    const lines: string[] = [];
    for (const place of portals) {
      const portal = await this.#listen(place);
      for (const { iqn, luns } of targets) {
        for (const [lun, device] of luns) {
          const name = typeof device === "string" ? device : device.name;
          lines.push(`${name}  ${paths.get(name) ?? ""}  iscsi://${portal}/${iqn}/${lun}`);
        }
      }
    }
    return lines;
  }

  async #listen(place: IscsiConfig["portals"][number]): Promise<string> {
    const { host } = place;
    const { port } = await this.#server.listen(place);
    return `${host.includes(":") ? `[${host}]` : host}:${port}`;
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

/** The same on every machine, so that an initiator finds its disk again. */
export function targetName(device: string): string {
  const name = device.toLowerCase().replaceAll(/[^a-z0-9:-]/g, "-");
  return `iqn.2026-11.io.scst-user:${name}`;
}
