import { VERSION_DESCRIPTOR } from "../../../protocol/scsi/index.ts";
import type { DeviceSession } from "../../handler.ts";

/** The names that VPD page 88h has room for are few: hosts read it with 16-bit lengths. */
const TARGET_PORTS_MAX = 64;

/** The target ports that a disk has been reached by. */
export class TargetPorts {
  readonly #names: string[] = [];

  get names(): readonly string[] {
    return this.#names;
  }

  /** Of iSCSI only: others have no name that the core tells. */
  add({ transportVersion, targetName }: DeviceSession): void {
    if (transportVersion !== VERSION_DESCRIPTOR.ISCSI) return;
    // RFC 7143, "SCSI Architecture Model": target name and target portal group tag.
    const name = `${targetName},t,0x0001`;
    if (this.#names.includes(name) || this.#names.length >= TARGET_PORTS_MAX) return;
    this.#names.push(name);
  }
}
