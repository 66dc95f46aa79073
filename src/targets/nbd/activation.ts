/** The first descriptor that systemd passes (sd_listen_fds(3)). */
const FIRST_FD = 3;

/** More than anybody passes. */
const COUNT_MAX = 256;

/**
 * The sockets that systemd, or who does as it does, has opened for this process: descriptors to
 * listen on with {@link NbdServer.listen}. None where the environment names another process.
 */
export function activationSockets(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number,
): number[] {
  const { LISTEN_PID, LISTEN_FDS } = environment;
  if (LISTEN_PID !== String(pid) || LISTEN_FDS === undefined) return [];
  const count = Number(LISTEN_FDS);
  if (!Number.isInteger(count) || count < 0 || count > COUNT_MAX) return [];
  return Array.from({ length: count }, (_, index) => FIRST_FD + index);
}
