/** REGISTER_DEVICE: what a program says of its device, checked as the module does. */
import { ERRNO } from "../../protocol/errno.ts";
import { DEVICE_TYPE } from "../../protocol/scsi/index.ts";
import { LOOPBACK_VERSION, SCST_MAX_NAME, ScstUserDevDesc } from "../../protocol/scst/index.ts";
import type { PoolLease } from "../buffer-pools.ts";
import type { Core } from "../core.ts";
import type { UserMemory } from "../user-memory.ts";
import { type Enqueue, type Unqueue, UserBackend } from "./backend.ts";
import { readOptions, type UserOptions } from "./options.ts";

type DescriptionView = ReturnType<typeof ScstUserDevDesc.view>;

/** The licences that the scst_user module takes. */
const LICENSES: readonly string[] = [
  "GPL",
  "GPL v2",
  "Dual BSD/GPL",
  "Dual MIT/GPL",
  "Dual MPL/GPL",
];

/** How many bytes the module reads at each of the two string addresses. */
const STRINGS_LENGTH = 91;

/** Device types whose block size is given at registration. */
const BLOCK_TYPES: readonly number[] = [DEVICE_TYPE.DISK, DEVICE_TYPE.CDROM, DEVICE_TYPE.MO];

const BLOCK_SIZE_MIN = 512;

/** The module cuts a name to what SCST's own field of it has. */
const NAME_LENGTH_MAX = SCST_MAX_NAME - 2;

/** SCST's default: a cached buffer goes after one to two minutes. */
const PURGE_INTERVAL_DEFAULT_S = 60;

/** Who registers: an open user device. */
export interface Registrant {
  readonly core: Core;
  readonly memory: UserMemory;
  /** It has a device already. */
  readonly registered: boolean;
  readonly queue: { readonly add: Enqueue; readonly remove: Unqueue };
}

/**
 * The device that `argument` leads to, or a negative errno. Checks in the order of the module, so
 * that the errno is the same.
 */
export function registerDevice(registrant: Registrant, argument: number): UserBackend | number {
  const { core, memory } = registrant;
  const segment = memory.find(argument, ScstUserDevDesc.size);
  if (segment === undefined) return -ERRNO.EFAULT;
  const description = ScstUserDevDesc.view(segment.bytes, argument - segment.base);
  const license = stringAt(memory, description.licenseStr);
  const version = stringAt(memory, description.versionStr);
  if (license === undefined || version === undefined) return -ERRNO.EFAULT;
  if (!LICENSES.includes(license)) return -ERRNO.EPERM;
  if (version !== LOOPBACK_VERSION) return -ERRNO.EINVAL;
  if (BLOCK_TYPES.includes(description.type) && description.blockSize < BLOCK_SIZE_MIN) {
    return -ERRNO.EINVAL;
  }
  const name = description.name.slice(0, NAME_LENGTH_MAX);
  const lease = openPool(registrant, name, description);
  if (lease === undefined) return -ERRNO.ENOMEM;
  const backend = withPool(registrant, name, description, lease);
  if (typeof backend === "number") lease.close();
  else core.addDevice(backend);
  return backend;
}

function openPool({ core, memory }: Registrant, name: string, description: DescriptionView) {
  const { sgvName } = description;
  return core.bufferPools.open(
    {
      name: sgvName === "" ? name : sgvName,
      shared: description.sgvShared !== 0,
      clustered: description.sgvDisableClusteredPool === 0,
      singlePages: description.sgvSingleAllocPages,
      purgeIntervalMs: (description.sgvPurgeInterval || PURGE_INTERVAL_DEFAULT_S) * 1000,
      memory,
    },
    core.clock,
  );
}

/** What the module looks at when it has the pool. */
function withPool(
  registrant: Registrant,
  name: string,
  description: DescriptionView,
  lease: PoolLease,
): UserBackend | number {
  const { core } = registrant;
  const options = readOptions(description.opt);
  if (options === undefined) return -ERRNO.EINVAL;
  if (core.devices.has(name)) return -ERRNO.EEXIST;
  if (name === "" || /[./]/.test(name)) return -ERRNO.EINVAL;
  if (registrant.registered) return -ERRNO.EINVAL;
  try {
    return newBackend(registrant, name, description, options, lease);
  } catch (cause) {
    // Who has reserved the device is not known: nobody shall get at it.
    const message = `the saved reservations of "${name}" can't be read`;
    core.log({ level: "error", code: "SAVED_RESERVATIONS", message, cause });
    return -ERRNO.EIO;
  }
}

function newBackend(
  { core, queue }: Registrant,
  name: string,
  description: DescriptionView,
  options: UserOptions,
  lease: PoolLease,
): UserBackend {
  return new UserBackend(
    {
      name,
      type: description.type,
      blockSize: wholeShift(description),
      persistentReserveNotifications: description.enablePrCmdsNotifications !== 0,
      stateStore: core.stateStore,
    },
    options,
    core.clock,
    queue,
    { lease, zeroes: core.strictSecurity },
  );
}

function stringAt(memory: UserMemory, address: number): string | undefined {
  const segment = memory.find(address, STRINGS_LENGTH);
  if (segment === undefined) return undefined;
  const start = address - segment.base;
  const bytes = segment.bytes.subarray(start, start + STRINGS_LENGTH);
  const end = bytes.indexOf(0);
  return String.fromCharCode(...(end < 0 ? bytes : bytes.subarray(0, end)));
}

/** SCST counts in shifts: a size that is no power of two counts as the next smaller one. */
function wholeShift({ blockSize }: { blockSize: number }): number {
  return blockSize === 0 ? 0 : 2 ** Math.floor(Math.log2(blockSize));
}
