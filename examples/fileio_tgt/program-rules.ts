import { path, type Rule, wholeNumber, wrong } from "../support/rules.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export const DEFAULT_ADDRESS = "127.0.0.1:3260";
/** What can only be an address, so that `--iscsi NAME PATH` means what it says. */
export const ADDRESS = /^(\[[\da-f:.]+\]|[\w.-]*):(\d+)$/i;

/** A port alone, or with the address of this machine that it is on. */
const METRICS_ADDRESS = /^(?:(\[[\da-f:.]+\]|[\w.-]+):)?(\d+)$/i;

const address: Rule<Address> = (where, value) => {
  const [, host, port] = ADDRESS.exec(String(value)) ?? [];
  if (host === undefined || !(Number(port) <= 65_535)) {
    throw wrong(
      `${where} ${String(value)}: it must be HOST:PORT, such as ${DEFAULT_ADDRESS}, or left out`,
    );
  }
  return { host: host === "" ? "0.0.0.0" : host.replace(/^\[|\]$/g, ""), port: Number(port) };
};

/** Where metrics are served; a port alone is one of this machine. */
const metricsAddress: Rule<Address> = (where, value) => {
  const [, host = "127.0.0.1", port] = METRICS_ADDRESS.exec(String(value)) ?? [];
  if (!(Number(port) <= 65_535)) {
    throw wrong(`${where} ${String(value)}: it must be PORT or HOST:PORT`);
  }
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
};

/** What is about the program and not one device, on the command line and in the file alike. */
export const PROGRAM_RULES = {
  vdisk_id: wholeNumber(0, 0xffff_ffff),
  flush: wholeNumber(0, 86_400),
  resize_poll: wholeNumber(0, 86_400),
  state_dir: path,
  iscsi: address,
  metrics: metricsAddress,
} as const;
