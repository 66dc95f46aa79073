/** By which names initiators call the devices: the Device Identification VPD pages. */
import {
  ASSOCIATION,
  DesignationDescriptor,
  Inquiry,
  STATUS,
  VPD_PAGE,
  VpdPageHeader,
} from "../../protocol/scsi/index.ts";
import type { Command } from "../command.ts";
import type { Device } from "../device.ts";
import { type InternalOwner, submitInternal } from "../internal-command.ts";
import type { Nexus } from "../nexus.ts";
import type { Cscd } from "./parameter-list.ts";

const INQUIRY = 0x12;
const ALLOCATION_LENGTH = 4096;

/** INQUIRY commands that run at once. */
const IN_FLIGHT_MAX = 8;

type Designator = Pick<Cscd, "codeSet" | "association" | "designatorType" | "designator">;

/** Of the logical units themselves; asked for again when the inquiry data have changed. */
const known = new WeakMap<Device, { version: number; designators: readonly Designator[] }>();

/**
 * Asks every device of `parent`'s session that has not been asked yet; then `done`. Stops when
 * `parent` is aborted.
 */
export function learnDesignators(parent: Command, done: () => void): void {
  new DesignatorReader(parent, done).run();
}

/**
 * The nexus of `asking`'s session with the logical unit that has the designator. None, too, where
 * two devices claim it: one of them would be overwritten by mistake.
 */
export function findByDesignator(asking: Nexus, wanted: Designator): Nexus | undefined {
  let found = matches(asking.device, wanted) ? asking : undefined;
  for (const nexus of asking.session.nexuses.values()) {
    if (nexus.device === found?.device || !matches(nexus.device, wanted)) continue;
    if (found !== undefined) return undefined;
    found = nexus;
  }
  return found;
}

function matches(device: Device, wanted: Designator): boolean {
  const { designators = [] } = known.get(device) ?? {};
  return designators.some((each) => equal(each, wanted));
}

function equal(a: Designator, b: Designator): boolean {
  return (
    a.codeSet === b.codeSet &&
    a.association === b.association &&
    a.designatorType === b.designatorType &&
    a.designator.length === b.designator.length &&
    a.designator.every((byte, i) => byte === b.designator[i])
  );
}

class DesignatorReader implements InternalOwner {
  readonly #parent: Command;
  readonly #done: () => void;
  readonly #unknown: Nexus[];
  readonly #versions = new Map<Device, number>();
  #inFlight = 0;

  constructor(parent: Command, done: () => void) {
    this.#parent = parent;
    this.#done = done;
    const byDevice = new Map<Device, Nexus>();
    for (const nexus of parent.session.nexuses.values()) {
      const { device } = nexus;
      if (known.get(device)?.version !== device.inquiryDataVersion) byDevice.set(device, nexus);
    }
    this.#unknown = [...byDevice.values()];
  }

  run(): void {
    // One of its own, so that commands that end at once do not end the reading in the loop.
    this.#inFlight++;
    while (this.#inFlight <= IN_FLIGHT_MAX && !this.#parent.aborted) {
      const nexus = this.#unknown.pop();
      if (nexus === undefined) break;
      this.#ask(nexus);
    }
    this.#inFlight--;
    if (this.#inFlight === 0) this.#done();
  }

  #ask({ lun, device }: Nexus): void {
    // They may change while they are being read.
    this.#versions.set(device, device.inquiryDataVersion);
    const cdb = Inquiry.encode({
      operationCode: INQUIRY,
      evpd: true,
      pageCode: VPD_PAGE.DEVICE_IDENTIFICATION,
      allocationLength: ALLOCATION_LENGTH,
    });
    this.#inFlight++;
    submitInternal(this.#parent, lun, cdb, this);
  }

  fill(): void {
    // INQUIRY sends nothing.
  }

  ended(command: Command): void {
    const { nexus } = command;
    // Whoever has no answer now is asked again next time.
    if (nexus !== undefined && !command.aborted && command.status === STATUS.GOOD) {
      const version = this.#versions.get(nexus.device)!;
      const designators = designatorsIn(command.data.subarray(0, command.responseLength));
      known.set(nexus.device, { version, designators });
    }
    this.#inFlight--;
    if (this.#inFlight === 0) this.run();
  }
}

/** Those of the logical unit in a Device Identification VPD page, as far as it makes sense. */
function designatorsIn(page: Uint8Array): Designator[] {
  const designators: Designator[] = [];
  if (page.length < VpdPageHeader.size) return designators;
  const { pageCode, pageLength } = VpdPageHeader.view(page);
  if (pageCode !== VPD_PAGE.DEVICE_IDENTIFICATION) return designators;
  const end = Math.min(page.length, VpdPageHeader.size + pageLength);
  const { size } = DesignationDescriptor;
  for (let at = VpdPageHeader.size; at + size <= end;) {
    const { codeSet, association, designatorType, designatorLength } = DesignationDescriptor.view(
      page,
      at,
    );
    const next = at + size + designatorLength;
    if (next > end) break;
    if (association === ASSOCIATION.LOGICAL_UNIT && designatorLength > 0) {
      const designator = page.slice(at + size, next);
      designators.push({ codeSet, association, designatorType, designator });
    }
    at = next;
  }
  return designators;
}
