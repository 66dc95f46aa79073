import { type Rule, wrong } from "../support/rules.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export const DEFAULT_ADDRESS = "127.0.0.1:3260";
const ADDRESS = /^(\[[\da-f:.]+\]|[\w.-]*):(\d+)$/i;

/** HOST:PORT; without a host, every address of this machine. */
export const address: Rule<Address> = (where, value) => {
  const [, host, port] = ADDRESS.exec(String(value)) ?? [];
  if (host === undefined || !(Number(port) <= 65_535)) {
    throw wrong(`${where} ${String(value)}: it must be HOST:PORT, such as ${DEFAULT_ADDRESS}`);
  }
  return { host: host === "" ? "0.0.0.0" : host.replace(/^\[|\]$/g, ""), port: Number(port) };
};
