/** What the load generator is asked for, and what it answers. */
export interface Job {
  readonly host: string;
  readonly port: number;
  readonly target: string;
  readonly lun: number;
  /** Sessions of one connection each: more a session is not what every target can do. */
  readonly connectionCount: number;
  /** Commands under way a connection. */
  readonly depth: number;
  /** Bytes of a command. */
  readonly length: number;
  readonly write: boolean;
  /** Header and data digests. */
  readonly digests: boolean;
  /** Bytes of the disk that are used. */
  readonly diskLength: number;
  readonly seconds: number;
}

export interface JobResult {
  readonly commands: number;
  readonly seconds: number;
}
