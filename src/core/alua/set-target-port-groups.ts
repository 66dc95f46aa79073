/** SET TARGET PORT GROUPS (SPC-5, "SET TARGET PORT GROUPS command"): explicit ALUA. */
import {
  SENSE,
  type SenseCondition,
  SetTargetPortGroupDescriptor,
  SetTargetPortGroupsHeader,
} from "../../protocol/scsi/index.ts";
import type { Command } from "../command.ts";
import { ACCESS_STATE, type AccessState } from "./access-state.ts";
import type { DeviceGroup, SetTargetPortGroups } from "./device-group.ts";
import { TARGET_GROUPS_MAX } from "./device-group.ts";
import type { TargetGroup } from "./target-group.ts";

const MAINTENANCE_OUT = 0xa4;
const SET_TARGET_PORT_GROUPS = 0x0a;

interface Change {
  readonly targetGroup: TargetGroup;
  readonly from: AccessState;
  readonly to: AccessState;
}

/** What an initiator can ask for: "offline" is a state of single ports, and not to be asked for. */
const SETTABLE: ReadonlyMap<number, AccessState> = new Map(
  (["active", "nonoptimized", "standby", "unavailable"] as const).map((state) => [
    ACCESS_STATE[state],
    state,
  ]),
);

export function isSetTargetPortGroups({ cdb, row }: Command): boolean {
  return (
    cdb[0] === MAINTENANCE_OUT &&
    row !== undefined &&
    ((cdb[1] as number) & 0x1f) === SET_TARGET_PORT_GROUPS
  );
}

/** Carries the command out; `done` is called when it has its status. */
export function setTargetPortGroups(command: Command, done: () => void): void {
  const group = command.nexus!.device.deviceGroup;
  const handler = group?.setTargetPortGroups;
  if (group === undefined || handler === undefined) {
    // SPC-5: without explicit ALUA (TPGS) there is no such service action.
    refuse(command, SENSE.INVALID_FIELD_IN_CDB, true, 1, 4);
    done();
    return;
  }
  const changes = command.bufferLength === 0 ? [] : changesIn(command, group);
  if (changes === undefined || changes.length === 0) {
    if (changes !== undefined) command.setGood(0);
    done();
    return;
  }
  ask(command, handler, changes, done);
}

/** What would change; undefined where the list is wrong, and the command has its sense. */
function changesIn(command: Command, group: DeviceGroup): Change[] | undefined {
  const { data } = command;
  const { size } = SetTargetPortGroupDescriptor;
  const start = SetTargetPortGroupsHeader.size;
  if (data.length < start || (data.length - start) % size !== 0) {
    command.setSense(SENSE.PARAMETER_LIST_LENGTH_ERROR);
    return undefined;
  }
  if ((data.length - start) / size > TARGET_GROUPS_MAX) {
    refuse(command, SENSE.INVALID_FIELD_IN_CDB, true, 6);
    return undefined;
  }
  const wanted = new Map<TargetGroup, AccessState>();
  for (let at = start; at < data.length; at += size) {
    const { asymmetricAccessState, targetPortGroup } = SetTargetPortGroupDescriptor.view(data, at);
    const state = SETTABLE.get(asymmetricAccessState);
    if (state === undefined) {
      refuse(command, SENSE.INVALID_FIELD_IN_PARAMETER_LIST, false, at, 3);
      return undefined;
    }
    const targetGroup = group.targetGroupById(targetPortGroup);
    if (targetGroup === undefined || wanted.has(targetGroup)) {
      refuse(command, SENSE.INVALID_FIELD_IN_PARAMETER_LIST, false, at + 2);
      return undefined;
    }
    if (targetGroup.state === "transitioning") {
      command.setSense(SENSE.ASYMMETRIC_ACCESS_STATE_TRANSITION);
      return undefined;
    }
    wanted.set(targetGroup, state);
  }
  return [...wanted]
    .map(([targetGroup, to]) => ({ targetGroup, from: targetGroup.state, to }))
    .filter(({ from, to }) => from !== to);
}

function refuse(
  command: Command,
  sense: SenseCondition,
  inCdb: boolean,
  byte: number,
  bit?: number,
): void {
  const fieldPointer = bit === undefined ? { inCdb, byte } : { inCdb, byte, bit };
  command.setSense(sense, { fieldPointer });
}

/** The program decides, now or later; meanwhile the groups are in transition. */
function ask(
  command: Command,
  handler: SetTargetPortGroups,
  changes: readonly Change[],
  done: () => void,
): void {
  const { session } = command;
  const { core } = session;
  const { device } = command.nexus!;
  const end = (made: boolean, cause?: unknown) => {
    if (cause !== undefined) {
      const message = "changing target port groups failed";
      core.log({ level: "error", code: "SET_TARGET_PORT_GROUPS", message, cause });
    }
    for (const { targetGroup, from, to } of changes) {
      // The program may have said by itself what the state is.
      if (targetGroup.state !== "transitioning") continue;
      if (made) targetGroup.setStateFor(session, to);
      else targetGroup.restoreState(from);
    }
    if (made) command.setGood(0);
    else command.setSense(SENSE.SET_TARGET_PORT_GROUPS_COMMAND_FAILED);
    done();
  };
  for (const { targetGroup } of changes) targetGroup.restoreState("transitioning");
  let answer: boolean | Promise<boolean>;
  try {
    answer = handler({ session, device, changes });
  } catch (error) {
    end(false, error);
    return;
  }
  if (!(answer instanceof Promise)) {
    end(answer);
    return;
  }
  const later = (made: boolean, cause?: unknown) => {
    core.enter();
    try {
      end(made, cause);
    } finally {
      core.leave();
    }
  };
  answer
    .then(
      (made) => later(made),
      (error: unknown) => later(false, error),
    )
    .catch((cause: unknown) => {
      core.log({ level: "error", code: "SET_TARGET_PORT_GROUPS", message: "it failed", cause });
    });
}
