/** A device that is registered with a fake scst_user, and the subcommands that it gets. */
import {
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_USER_ATTACH_SESS,
  SCST_USER_EXEC,
  ScstUserGetCmd,
} from "../../src/protocol/scst/index.ts";
import { type DeviceHandler, registerDevice } from "../../src/sdk/index.ts";
import { handlerOf } from "./device.ts";
import { FakeScstUser, type GetCmdView } from "./fake-scst-user.ts";

export const SESSION = 0x1234n;

export function message(
  cmdH: number,
  subcode: number,
  fill: (view: GetCmdView) => void,
): Uint8Array {
  const view = ScstUserGetCmd.view();
  view.cmdH = cmdH;
  view.subcode = subcode;
  fill(view);
  return view.bytes;
}

export const attach = (cmdH: number, session = SESSION) =>
  message(cmdH, SCST_USER_ATTACH_SESS, ({ sess }) => {
    sess.sessH = session;
    sess.initiatorName = "initiator";
  });

export const exec = (cmdH: number, fill: (view: GetCmdView["execCmd"]) => void = () => undefined) =>
  message(cmdH, SCST_USER_EXEC, ({ execCmd }) => {
    execCmd.sessH = SESSION;
    execCmd.cdbLen = 6;
    execCmd.dataDirection = SCST_DATA_NONE;
    fill(execCmd);
  });

/** A command with data-in whose buffer is the handler's to bring. */
export const read = (cmdH: number, length = 512) =>
  exec(cmdH, (execCmd) => {
    execCmd.dataDirection = SCST_DATA_READ;
    execCmd.bufflen = length;
    execCmd.allocLen = length;
  });

/** A registered device with one session attached. */
export async function registered(parts: Partial<DeviceHandler> = {}) {
  const fake = new FakeScstUser();
  const reports: string[] = [];
  const device = await registerDevice(fake.channel(), "disk1", handlerOf(parts), {
    report: (code, text) => reports.push(`${code}: ${text}`),
  });
  fake.post(attach(1));
  fake.taken.length = 0;
  return { fake, device, reports };
}

export const handles = (fake: FakeScstUser) => fake.taken.map(({ reply }) => reply.cmdH);
export const statuses = (fake: FakeScstUser) =>
  fake.taken.map(({ reply }) => reply.execReply.status);
