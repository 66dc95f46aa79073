export { activationSockets } from "./activation.ts";
export { NBD_LIMITS, type NbdLimits } from "./limits.ts";
export { type NbdAddress, nbdAddressText } from "./listener.ts";
export { NbdServer, type NbdServerOptions } from "./server.ts";
export type { TlsSettings, X509Settings } from "./tls.ts";
export type { NbdTransport } from "./transport.ts";
