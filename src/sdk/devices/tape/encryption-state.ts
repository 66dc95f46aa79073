/** ENCRYPTION MODE and DECRYPTION MODE (SSC-5, "Set Data Encryption page"). */
export const ENCRYPTION_MODE = { DISABLE: 0, EXTERNAL: 1, ENCRYPT: 2 } as const;
export const DECRYPTION_MODE = { DISABLE: 0, RAW: 1, DECRYPT: 2, MIXED: 3 } as const;

/** Data encryption parameters: one set for all I_T nexuses, or none. */
export interface EncryptionParameters {
  readonly encryptionMode: number;
  readonly decryptionMode: number;
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** Key-associated data that go onto the medium: U-KAD and A-KAD. */
  readonly unauthenticated: Uint8Array;
  readonly authenticated: Uint8Array;
  /** CKOD: the key is forgotten when the volume leaves the drive. */
  readonly clearOnDemount: boolean;
  /** Who may change them: 0 public, 1 this nexus only (SCOPE). */
  readonly scope: number;
}

/** The drive's own encryption. */
export class EncryptionState {
  parameters: EncryptionParameters | undefined;
  /** KEY INSTANCE COUNTER: another value for each change. */
  instance = 0;

  set(parameters: EncryptionParameters | undefined): void {
    this.parameters = parameters;
    this.instance = (this.instance + 1) >>> 0;
  }

  get encrypts(): boolean {
    return this.parameters?.encryptionMode === ENCRYPTION_MODE.ENCRYPT;
  }
}
