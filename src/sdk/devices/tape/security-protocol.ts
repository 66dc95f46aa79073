import {
  AES_256_GCM_128,
  ENCRYPTION_PAGE,
  EncryptionCapabilitiesPage,
  EncryptionManagementCapabilitiesPage,
  EncryptionPageHeader,
  EncryptionStatusPage,
  KEY_ASSOCIATED_DATA,
  KeyAssociatedDataDescriptor,
  NEXT_BLOCK_STATUS,
  NextBlockEncryptionStatusPage,
  SECURITY_PROTOCOL,
  SecurityProtocolIn,
  SecurityProtocolOut,
  SENSE,
  SetDataEncryptionPage,
  SupportedKeyFormatsPage,
} from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import { invalidFieldInCdb, invalidFieldInParameterList } from "../refusals.ts";
import { isKeyOf, readPrefix } from "./block-codec.ts";
import { DECRYPTION_MODE, ENCRYPTION_MODE, type EncryptionParameters } from "./encryption-state.ts";
import type { TapeUnit } from "./tape-unit.ts";

const ALGORITHM_INDEX = 1;
const KEY_BYTES = 32;
const UNAUTHENTICATED_BYTES_MAX = 32;
const AUTHENTICATED_BYTES_MAX = 12;
/** SCOPE: parameters are for all I_T nexuses, or none are asked for. */
const SCOPE = { PUBLIC: 0, LOCAL: 1, ALL_I_T_NEXUS: 2 } as const;

export function securityProtocolIn(unit: TapeUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const { securityProtocol, securityProtocolSpecific } = SecurityProtocolIn.view(command.cdb);
  if (securityProtocol === SECURITY_PROTOCOL.INFORMATION) {
    return information(unit, command, securityProtocolSpecific);
  }
  if (securityProtocol !== SECURITY_PROTOCOL.TAPE_DATA_ENCRYPTION || !unit.personality.encryption) {
    return invalidFieldInCdb(1);
  }
  if (securityProtocolSpecific === ENCRYPTION_PAGE.NEXT_BLOCK_STATUS) {
    return unit.notReady() ?? nextBlock(unit, command);
  }
  const page = PAGES[securityProtocolSpecific];
  return page === undefined ? invalidFieldInCdb(2) : command.reply(page(unit));
}

/** SPC-5, "Security protocol information": which protocols there are; no certificate. */
function information(unit: TapeUnit, command: ScsiCommand, specific: number): Outcome {
  if (specific === 1) return command.reply(new Uint8Array(4));
  if (specific !== 0) return invalidFieldInCdb(2);
  const protocols = unit.personality.encryption ? [0x00, 0x20] : [0x00];
  return command.reply(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, protocols.length, ...protocols));
}

const PAGES: Readonly<Record<number, (unit: TapeUnit) => Uint8Array>> = {
  [ENCRYPTION_PAGE.IN_SUPPORT]: () =>
    pageList(ENCRYPTION_PAGE.IN_SUPPORT, [0x0000, 0x0001, 0x0010, 0x0011, 0x0012, 0x0020, 0x0021]),
  [ENCRYPTION_PAGE.OUT_SUPPORT]: () => pageList(ENCRYPTION_PAGE.OUT_SUPPORT, [ENCRYPTION_PAGE.SET]),
  [ENCRYPTION_PAGE.CAPABILITIES]: () =>
    EncryptionCapabilitiesPage.encode({
      ...head(ENCRYPTION_PAGE.CAPABILITIES, EncryptionCapabilitiesPage.size),
      cfgP: 1,
      algorithmIndex: ALGORITHM_INDEX,
      descriptorLength: 20,
      avfmv: true,
      macC: true,
      dedC: true,
      // Done in software; 1 says so.
      decryptC: 1,
      encryptC: 1,
      nonceC: 1,
      maximumUnauthenticatedKeyAssociatedDataBytes: UNAUTHENTICATED_BYTES_MAX,
      maximumAuthenticatedKeyAssociatedDataBytes: AUTHENTICATED_BYTES_MAX,
      keySize: KEY_BYTES,
      rdmcC: 4,
      earem: true,
      securityAlgorithmCode: AES_256_GCM_128,
    }),
  [ENCRYPTION_PAGE.SUPPORTED_KEY_FORMATS]: () =>
    SupportedKeyFormatsPage.encode(
      head(ENCRYPTION_PAGE.SUPPORTED_KEY_FORMATS, SupportedKeyFormatsPage.size),
    ),
  [ENCRYPTION_PAGE.MANAGEMENT_CAPABILITIES]: () =>
    EncryptionManagementCapabilitiesPage.encode({
      ...head(ENCRYPTION_PAGE.MANAGEMENT_CAPABILITIES, 16),
      ckodC: true,
      aitnC: true,
      publicC: true,
    }),
  [ENCRYPTION_PAGE.STATUS]: status,
};

function head(pageCode: number, size: number) {
  return { pageCode, pageLength: size - EncryptionPageHeader.size };
}

function pageList(pageCode: number, pages: readonly number[]): Uint8Array {
  const bytes = pages.flatMap((page) => [page >> 8, page & 0xff]);
  const header = EncryptionPageHeader.encode({ pageCode, pageLength: bytes.length });
  return Buffer.concat([header, Uint8Array.from(bytes)]);
}

function status({ encryption }: TapeUnit): Uint8Array {
  const { parameters, instance } = encryption;
  const kad =
    parameters === undefined
      ? []
      : descriptors(parameters.unauthenticated, parameters.authenticated);
  const scope = parameters === undefined ? SCOPE.PUBLIC : SCOPE.ALL_I_T_NEXUS;
  const page = EncryptionStatusPage.encode({
    ...head(ENCRYPTION_PAGE.STATUS, EncryptionStatusPage.size + lengthOf(kad)),
    itNexusScope: scope,
    keyScope: scope,
    encryptionMode: parameters?.encryptionMode ?? ENCRYPTION_MODE.DISABLE,
    decryptionMode: parameters?.decryptionMode ?? DECRYPTION_MODE.DISABLE,
    algorithmIndex: parameters === undefined ? 0 : ALGORITHM_INDEX,
    keyInstanceCounter: instance,
    // PARAMETERS CONTROL 1: not under the control of an external party.
    parametersControl: 1,
  });
  return Buffer.concat([page, ...kad]);
}

function descriptors(unauthenticated: Uint8Array, authenticated: Uint8Array): Uint8Array[] {
  const one = (descriptorType: number, authenticatedCode: number, data: Uint8Array) => {
    if (data.length === 0) return [];
    const values = { descriptorType, authenticated: authenticatedCode };
    const header = { ...values, descriptorLength: data.length };
    return [Buffer.concat([KeyAssociatedDataDescriptor.encode(header), data])];
  };
  return [
    ...one(KEY_ASSOCIATED_DATA.UNAUTHENTICATED, 1, unauthenticated),
    ...one(KEY_ASSOCIATED_DATA.AUTHENTICATED, 2, authenticated),
  ];
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

/** What a READ would meet; the tape does not move. */
async function nextBlock(unit: TapeUnit, command: ScsiCommand): Promise<Outcome> {
  const { log, object } = unit;
  const stored = object < log.count ? await log.read(object) : undefined;
  let encryptionStatus: number = NEXT_BLOCK_STATUS.NOT_A_BLOCK;
  let kad: Uint8Array[] = [];
  if (stored !== undefined && !stored.filemark) {
    encryptionStatus = NEXT_BLOCK_STATUS.NOT_ENCRYPTED;
    if (stored.encrypted) {
      const { parameters } = unit.encryption;
      const known =
        parameters !== undefined && isKeyOf(stored.bytes, stored.prefixLength, parameters.key);
      encryptionStatus = known ? NEXT_BLOCK_STATUS.DECRYPTABLE : NEXT_BLOCK_STATUS.NOT_DECRYPTABLE;
      const { unauthenticated, authenticated } = readPrefix(stored.bytes, stored.prefixLength);
      kad = descriptors(unauthenticated, authenticated);
    }
  }
  const size = NextBlockEncryptionStatusPage.size + lengthOf(kad);
  const page = NextBlockEncryptionStatusPage.encode({
    ...head(ENCRYPTION_PAGE.NEXT_BLOCK_STATUS, size),
    logicalObjectNumber: object,
    encryptionStatus,
    algorithmIndex: stored?.encrypted === true ? ALGORITHM_INDEX : 0,
  });
  return command.reply(Buffer.concat([page, ...kad]));
}

export function securityProtocolOut(unit: TapeUnit, command: ScsiCommand): Outcome {
  const { securityProtocol, securityProtocolSpecific } = SecurityProtocolOut.view(command.cdb);
  if (securityProtocol !== SECURITY_PROTOCOL.TAPE_DATA_ENCRYPTION || !unit.personality.encryption) {
    return invalidFieldInCdb(1);
  }
  if (securityProtocolSpecific !== ENCRYPTION_PAGE.SET) return invalidFieldInCdb(2);
  const parsed = parseSetPage(command.buffer);
  if (parsed !== undefined && "status" in parsed) return parsed;
  unit.encryption.set(parsed);
  unit.attentions.establish(
    SENSE.DATA_ENCRYPTION_PARAMETERS_CHANGED_BY_ANOTHER_I_T_NEXUS,
    command.session,
  );
  return good;
}

/** The parameters of a Set Data Encryption page; undefined where it takes them away. */
function parseSetPage(list: Uint8Array): EncryptionParameters | undefined | Outcome {
  if (list.length < SetDataEncryptionPage.size) return LIST_LENGTH;
  const page = SetDataEncryptionPage.view(list);
  const { encryptionMode, decryptionMode, keyLength, scope } = page;
  if (page.pageCode !== ENCRYPTION_PAGE.SET) return invalidFieldInParameterList(0);
  if (page.pageLength + EncryptionPageHeader.size > list.length) return LIST_LENGTH;
  if (scope === SCOPE.LOCAL || scope > SCOPE.ALL_I_T_NEXUS) {
    return invalidFieldInParameterList(4, 7);
  }
  if (page.lock) return invalidFieldInParameterList(4, 0);
  if (page.sdk) return invalidFieldInParameterList(5, 3);
  const encrypts = encryptionMode === ENCRYPTION_MODE.ENCRYPT;
  if (!encrypts && encryptionMode !== ENCRYPTION_MODE.DISABLE) {
    return invalidFieldInParameterList(6);
  }
  if (decryptionMode > DECRYPTION_MODE.MIXED || decryptionMode === DECRYPTION_MODE.RAW) {
    return invalidFieldInParameterList(7);
  }
  if (scope === SCOPE.PUBLIC || (!encrypts && decryptionMode === DECRYPTION_MODE.DISABLE)) {
    return undefined;
  }
  if (page.algorithmIndex !== ALGORITHM_INDEX) return invalidFieldInParameterList(8);
  if (page.keyFormat !== 0) return invalidFieldInParameterList(9);
  if (keyLength !== KEY_BYTES) return invalidFieldInParameterList(18);
  const start = SetDataEncryptionPage.size;
  const end = EncryptionPageHeader.size + page.pageLength;
  if (start + KEY_BYTES > end) return LIST_LENGTH;
  const data = parseKeyAssociatedData(list, start + KEY_BYTES, end);
  if ("status" in data) return data;
  return {
    encryptionMode,
    decryptionMode,
    key: list.slice(start, start + KEY_BYTES),
    ...data,
    clearOnDemount: page.ckod,
    scope,
  };
}

type KeyAssociatedData = Pick<EncryptionParameters, "unauthenticated" | "authenticated">;

function parseKeyAssociatedData(
  list: Uint8Array,
  from: number,
  end: number,
): KeyAssociatedData | Outcome {
  const found: { unauthenticated: Uint8Array; authenticated: Uint8Array } = {
    unauthenticated: new Uint8Array(0),
    authenticated: new Uint8Array(0),
  };
  for (let at = from; at < end;) {
    if (at + KeyAssociatedDataDescriptor.size > end) return LIST_LENGTH;
    const { descriptorType, descriptorLength } = KeyAssociatedDataDescriptor.view(list, at);
    const start = at + KeyAssociatedDataDescriptor.size;
    if (start + descriptorLength > end) return LIST_LENGTH;
    const data = list.slice(start, start + descriptorLength);
    if (descriptorType === KEY_ASSOCIATED_DATA.UNAUTHENTICATED) {
      if (data.length > UNAUTHENTICATED_BYTES_MAX) return invalidFieldInParameterList(at + 2);
      found.unauthenticated = data;
    } else if (descriptorType === KEY_ASSOCIATED_DATA.AUTHENTICATED) {
      if (data.length > AUTHENTICATED_BYTES_MAX) return invalidFieldInParameterList(at + 2);
      found.authenticated = data;
    } else {
      return invalidFieldInParameterList(at);
    }
    at = start + descriptorLength;
  }
  return found;
}

const LIST_LENGTH = checkCondition(SENSE.PARAMETER_LIST_LENGTH_ERROR);
