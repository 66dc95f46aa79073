/**
 * The JSON area of a LUKS2 header (LUKS2 On-Disk Format Specification, "JSON area"). Numbers that
 * may be larger than 2^53 are decimal strings there. What this library does not know stays as it
 * was found when a header is written again.
 */
export interface Metadata {
  readonly keyslots: Record<string, KeySlot>;
  readonly tokens: Record<string, unknown>;
  readonly segments: Record<string, Segment>;
  readonly digests: Record<string, Digest>;
  readonly config: Config;
}

export interface KeySlot {
  readonly type: "luks2";
  /** 0: never tried unless asked for; 2: tried first. */
  readonly priority?: number;
  /** Bytes of the volume key. */
  readonly key_size: number;
  readonly af: { readonly type: "luks1"; readonly stripes: number; readonly hash: string };
  readonly area: {
    readonly type: "raw";
    readonly offset: string;
    readonly size: string;
    readonly encryption: string;
    readonly key_size: number;
  };
  readonly kdf: Kdf;
}

/** How a passphrase becomes the key of a key slot's area. Memory is in KiB, the salt in Base64. */
export type Kdf =
  | {
      readonly type: "argon2i" | "argon2id";
      readonly time: number;
      readonly memory: number;
      readonly cpus: number;
      readonly salt: string;
    }
  | {
      readonly type: "pbkdf2";
      readonly hash: string;
      readonly iterations: number;
      readonly salt: string;
    };

export interface Segment {
  readonly type: "crypt";
  readonly offset: string;
  readonly size: string;
  readonly iv_tweak: string;
  readonly encryption: string;
  readonly sector_size: number;
}

export interface Digest {
  readonly type: "pbkdf2";
  readonly keyslots: readonly string[];
  readonly segments: readonly string[];
  readonly hash: string;
  readonly iterations: number;
  readonly salt: string;
  readonly digest: string;
}

export interface Config {
  readonly json_size: string;
  readonly keyslots_size: string;
  readonly flags?: readonly string[];
  readonly requirements?: unknown;
}

/** The only cipher that this library has; dm-crypt's name for it. */
export const CIPHER = "aes-xts-plain64";

/** The flag that has a volume opened with discards. */
export const ALLOW_DISCARDS = "allow-discards";
