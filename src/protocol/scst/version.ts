/** The part of the interface's version string that names SCST's release. */
const RELEASE = "3.11.0-pre";

/**
 * What the in-process core wants as the version of the interface. The kernel module's is built
 * likewise: the release and the SHA-1 sums of its two headers. Here there are no headers.
 */
export const LOOPBACK_VERSION = `${RELEASE}${"0".repeat(80)}`;
