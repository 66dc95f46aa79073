import type { FullFeature } from "./full-feature.ts";
import type { Link } from "./link.ts";
import type { IscsiSession } from "./session.ts";

/** What has gone over one connection. */
export interface ConnectionStatistics {
  readonly connectionId: number;
  /** `address:port`. */
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly pdusReceived: number;
  readonly pdusSent: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly r2tsSent: number;
  readonly rejectsSent: number;
  readonly dataDigestErrors: number;
  /** Bytes that wait for the initiator to take them. */
  readonly bytesQueued: number;
  /** Bytes that it may ask for once more, from ErrorRecoveryLevel 1 on. */
  readonly bytesKept: number;
}

/** One session as it is now. */
export interface SessionStatistics {
  readonly tsih: number;
  readonly initiatorName: string;
  /** Six bytes in hex. */
  readonly isid: string;
  /** Undefined for discovery. */
  readonly targetName: string | undefined;
  /** The CHAP user; undefined without authentication. */
  readonly userName: string | undefined;
  readonly commandsUnderWay: number;
  readonly connections: readonly ConnectionStatistics[];
}

/** What a server has seen since it began. */
export interface IscsiStatistics {
  readonly sessions: readonly SessionStatistics[];
  /** Connections that have not logged in yet. */
  readonly loginsUnderWay: number;
  readonly connectionsAccepted: number;
  readonly logins: number;
  readonly loginsRefused: number;
  /** Those of `loginsRefused` with the status "Authentication failure". */
  readonly authenticationFailures: number;
  readonly loginTimeouts: number;
  /** Connections given up because nothing was heard of the initiator. */
  readonly silentConnections: number;
  readonly headerDigestErrors: number;
  readonly dataDigestErrors: number;
}

/** What the server counts by itself. */
export type ServerCounts = {
  -readonly [Name in Exclude<keyof IscsiStatistics, "sessions" | "loginsUnderWay">]: number;
};

export function newCounts(): ServerCounts {
  return {
    connectionsAccepted: 0,
    logins: 0,
    loginsRefused: 0,
    authenticationFailures: 0,
    loginTimeouts: 0,
    silentConnections: 0,
    headerDigestErrors: 0,
    dataDigestErrors: 0,
  };
}

export function connectionStatistics(
  connectionId: number,
  link: Link,
  phase: FullFeature | undefined,
): ConnectionStatistics {
  const { transport, reader, writer } = link;
  return {
    connectionId,
    remoteAddress: transport.remoteAddress,
    localAddress: transport.localAddress,
    pdusReceived: reader.pduCount,
    pdusSent: writer.pduCount,
    bytesReceived: link.receivedLength,
    bytesSent: writer.sentLength,
    r2tsSent: phase?.counts.r2ts ?? 0,
    rejectsSent: phase?.counts.rejects ?? 0,
    dataDigestErrors: phase?.counts.dataDigestErrors ?? 0,
    bytesQueued: transport.queuedLength,
    bytesKept: phase?.recovery?.length ?? 0,
  };
}

export function sessionStatistics(session: IscsiSession): SessionStatistics {
  const { tsih, names, tasks, connections } = session;
  return {
    tsih,
    ...names,
    commandsUnderWay: tasks.size,
    connections: Array.from(connections.values(), ({ statistics }) => statistics),
  };
}
