/** A target with three disks and two groups, whose handlers a test holds in its hands. */
import type { InitiatorGroup, LunEntry, Session } from "../../../src/core/index.ts";
import {
  SCST_USER_ATTACH_SESS,
  SCST_USER_DETACH_SESS,
  SCST_USER_EXEC,
} from "../../../src/protocol/scst/index.ts";
import { Bench, Initiator, registerDisk } from "../../support/bench.ts";
import { type GetCmdView, RawProgram } from "../../support/raw-program.ts";
import { subcommandName } from "../../support/subcommands.ts";

/** A disk that agrees to everything. */
class Disk {
  readonly program: RawProgram;
  readonly name: string;
  /** What it knows nexuses by, from ATTACH_SESS to DETACH_SESS. */
  readonly attached = new Set<number>();
  /** Commands that it has begun and not answered. */
  readonly begun: GetCmdView[] = [];

  readonly #bench: Bench;

  constructor(bench: Bench, name: string) {
    this.#bench = bench;
    this.name = name;
    this.program = new RawProgram(bench.core);
    registerDisk(this.program, { name });
  }

  /** Gets what there is; answers all of it but commands. */
  get(): string[] {
    return this.program.drain().map((get) => {
      const handle = Number(get.sess.sessH);
      if (get.subcode === SCST_USER_EXEC) this.begun.push(get);
      else if (get.subcode === SCST_USER_ATTACH_SESS) this.attached.add(handle);
      else if (get.subcode === SCST_USER_DETACH_SESS) this.attached.delete(handle);
      if (get.subcode !== SCST_USER_EXEC) this.answer(get);
      return `${this.name} ${subcommandName(get.subcode)}`;
    });
  }

  answer(get: GetCmdView): void {
    this.#bench.succeed(get, this.program);
  }
}

export class Rig {
  readonly bench = new Bench();
  readonly target = this.bench.target;
  readonly disks = ["a", "b", "c"].map((name) => new Disk(this.bench, name));
  readonly g: InitiatorGroup;
  readonly h: InitiatorGroup;

  /** Default: 0 is a, 1 is b. Group g: 0 is a, 2 is c. Group h: 0 is b, 3 is c for reading. */
  constructor(patterns: { g?: readonly string[]; h?: readonly string[] } = {}) {
    this.target.addLun(0, "a");
    this.target.addLun(1, "b");
    this.g = this.target.addGroup("g");
    this.g.addLun(0, "a");
    this.g.addLun(2, "c");
    this.h = this.target.addGroup("h");
    this.h.addLun(0, "b");
    this.h.addLun(3, "c", { readOnly: true });
    for (const pattern of patterns.g ?? []) this.g.addInitiator(pattern);
    for (const pattern of patterns.h ?? []) this.h.addInitiator(pattern);
  }

  /** A session that has all its LUNs and no unit attention. */
  connect(name: string): Initiator {
    const initiator = this.login(name);
    this.get();
    this.attentions(initiator);
    return initiator;
  }

  login(name: string): Initiator {
    return new Initiator(this.target.openSession({ initiatorName: name }));
  }

  get(): string[] {
    return this.disks.flatMap((disk) => disk.get());
  }

  /** Gets and answers everything until there is nothing more; gives the names. */
  serve(): string[] {
    const names: string[] = [];
    for (;;) {
      const more = this.get();
      names.push(...more);
      const begun = this.disks.flatMap((disk) =>
        disk.begun.splice(0).map((get) => ({ disk, get })),
      );
      for (const { disk, get } of begun) disk.answer(get);
      if (more.length + begun.length === 0) return names;
    }
  }

  /** Takes all unit attentions, by TEST UNIT READY from the lowest LUN on: `"0 6/29/00"`. */
  attentions(initiator: Initiator): string[] {
    const told: string[] = [];
    for (const lun of [...initiator.session.nexuses.keys()].sort((x, y) => x - y)) {
      for (;;) {
        const { response } = initiator.testUnitReady(lun);
        if (response === undefined) break;
        told.push(`${lun} ${response.sense}`);
      }
    }
    this.serve();
    return told;
  }
}

/** `"0=a 3=c ro"` */
export function lunsOf({ nexuses }: Session): string {
  return textOf(nexuses);
}

export function textOf(luns: ReadonlyMap<number, LunEntry>): string {
  return [...luns]
    .sort(([x], [y]) => x - y)
    .map(([lun, { device, readOnly }]) => `${lun}=${device.name}${readOnly ? " ro" : ""}`)
    .join(" ");
}
