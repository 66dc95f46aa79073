/** Mode parameters (SPC-5 and SBC-4, "Mode parameters"). */
import { bits, byte, flag, uint, wire } from "../../layout/index.ts";

/** The DEVICE-SPECIFIC PARAMETER byte is that of a disk: WP and DPOFUA. */
export const ModeParameterHeader6 = wire("mode parameter header(6)", {
  modeDataLength: byte(0),
  mediumType: byte(1),
  deviceSpecificParameter: byte(2),
  blockDescriptorLength: byte(3),
});

export const ModeParameterHeader10 = wire("mode parameter header(10)", {
  modeDataLength: uint(0, 1),
  mediumType: byte(2),
  deviceSpecificParameter: byte(3),
  longLba: flag(4, 0),
  blockDescriptorLength: uint(6, 7),
});

/** DEVICE-SPECIFIC PARAMETER of direct access devices (SBC-4, "Mode parameter header"). */
export const DiskDeviceSpecificParameter = wire("DEVICE-SPECIFIC PARAMETER", {
  wp: flag(0, 7),
  dpofua: flag(0, 4),
});

/** The block descriptor of every device type but direct access (SPC-5). */
export const GeneralBlockDescriptor = wire("general mode parameter block descriptor", {
  densityCode: byte(0),
  numberOfBlocks: uint(1, 3),
  blockLength: uint(5, 7),
});

/** SBC-4, "Short LBA mode parameter block descriptor". */
export const ShortLbaBlockDescriptor = wire("short LBA mode parameter block descriptor", {
  /** FFFFFFFFh: more than fit. */
  numberOfLogicalBlocks: uint(0, 3),
  logicalBlockLength: uint(5, 7),
});

/** SBC-4, "Long LBA mode parameter block descriptor". */
export const LongLbaBlockDescriptor = wire("long LBA mode parameter block descriptor", {
  numberOfLogicalBlocks: uint(0, 7),
  logicalBlockLength: uint(12, 15),
});

/** PC: which values MODE SENSE asks for. */
export const PAGE_CONTROL = { CURRENT: 0, CHANGEABLE: 1, DEFAULT: 2, SAVED: 3 } as const;

/** PAGE CODE of mode pages. */
export const MODE_PAGE = {
  READ_WRITE_ERROR_RECOVERY: 0x01,
  DISCONNECT_RECONNECT: 0x02,
  FORMAT_DEVICE: 0x03,
  RIGID_DISK_GEOMETRY: 0x04,
  VERIFY_ERROR_RECOVERY: 0x07,
  CACHING: 0x08,
  CONTROL: 0x0a,
  DATA_COMPRESSION: 0x0f,
  DEVICE_CONFIGURATION: 0x10,
  POWER_CONDITION: 0x1a,
  INFORMATIONAL_EXCEPTIONS_CONTROL: 0x1c,
  MEDIUM_CONFIGURATION: 0x1d,
  ALL_PAGES: 0x3f,
} as const;

export const ALL_SUBPAGES = 0xff;

const head = { ps: flag(0, 7), spf: flag(0, 6), pageCode: bits(0, 5, 0), pageLength: byte(1) };

/** The head of a mode page with SPF zero: PAGE LENGTH counts the bytes after it. */
export const ModePageHeader = wire("mode page_0 header", head);

/** The head of a mode page with SPF one. */
export const ModeSubpageHeader = wire("mode sub_page header", {
  ps: flag(0, 7),
  spf: flag(0, 6),
  pageCode: bits(0, 5, 0),
  subpageCode: byte(1),
  pageLength: uint(2, 3),
});

export const ReadWriteErrorRecoveryModePage = wire(
  "Read-Write Error Recovery mode page",
  {
    ...head,
    awre: flag(2, 7),
    arre: flag(2, 6),
    tb: flag(2, 5),
    rc: flag(2, 4),
    per: flag(2, 2),
    dte: flag(2, 1),
    dcr: flag(2, 0),
    readRetryCount: byte(3),
    lbpere: flag(7, 7),
    mwr: bits(7, 6, 5),
    writeRetryCount: byte(8),
    recoveryTimeLimit: uint(10, 11),
  },
  12,
);

export const DisconnectReconnectModePage = wire(
  "Disconnect-Reconnect mode page",
  {
    ...head,
    bufferFullRatio: byte(2),
    bufferEmptyRatio: byte(3),
    busInactivityLimit: uint(4, 5),
    disconnectTimeLimit: uint(6, 7),
    connectTimeLimit: uint(8, 9),
    maximumBurstSize: uint(10, 11),
    emdp: flag(12, 7),
    dimm: flag(12, 3),
    dtdc: bits(12, 2, 0),
    firstBurstSize: uint(14, 15),
  },
  16,
);

/** SBC-2, "Format Device mode page"; obsolete since SBC-3. */
export const FormatDeviceModePage = wire(
  "Format Device mode page",
  {
    ...head,
    tracksPerZone: uint(2, 3),
    alternateSectorsPerZone: uint(4, 5),
    alternateTracksPerZone: uint(6, 7),
    alternateTracksPerLogicalUnit: uint(8, 9),
    sectorsPerTrack: uint(10, 11),
    dataBytesPerPhysicalSector: uint(12, 13),
    interleave: uint(14, 15),
    trackSkewFactor: uint(16, 17),
    cylinderSkewFactor: uint(18, 19),
    ssec: flag(20, 7),
    hsec: flag(20, 6),
    rmb: flag(20, 5),
    surf: flag(20, 4),
  },
  24,
);

/** SBC-2, "Rigid Disk Geometry mode page"; obsolete since SBC-3. */
export const RigidDiskGeometryModePage = wire(
  "Rigid Disk Geometry mode page",
  {
    ...head,
    numberOfCylinders: uint(2, 4),
    numberOfHeads: byte(5),
    startingCylinderWritePrecompensation: uint(6, 8),
    startingCylinderReducedWriteCurrent: uint(9, 11),
    deviceStepRate: uint(12, 13),
    landingZoneCylinder: uint(14, 16),
    rpl: bits(17, 1, 0),
    rotationalOffset: byte(18),
    mediumRotationRate: uint(20, 21),
  },
  24,
);

export const CachingModePage = wire(
  "Caching mode page",
  {
    ...head,
    ic: flag(2, 7),
    abpf: flag(2, 6),
    cap: flag(2, 5),
    disc: flag(2, 4),
    size: flag(2, 3),
    wce: flag(2, 2),
    mf: flag(2, 1),
    rcd: flag(2, 0),
    demandReadRetentionPriority: bits(3, 7, 4),
    writeRetentionPriority: bits(3, 3, 0),
    disablePrefetchTransferLength: uint(4, 5),
    minimumPrefetch: uint(6, 7),
    maximumPrefetch: uint(8, 9),
    maximumPrefetchCeiling: uint(10, 11),
    fsw: flag(12, 7),
    lbcss: flag(12, 6),
    dra: flag(12, 5),
    nvDis: flag(12, 0),
    numberOfCacheSegments: byte(13),
    cacheSegmentSize: uint(14, 15),
  },
  20,
);

export const ControlModePage = wire(
  "Control mode page",
  {
    ...head,
    tst: bits(2, 7, 5),
    tmfOnly: flag(2, 4),
    dpicz: flag(2, 3),
    dSense: flag(2, 2),
    gltsd: flag(2, 1),
    rlec: flag(2, 0),
    queueAlgorithmModifier: bits(3, 7, 4),
    nuar: flag(3, 3),
    qerr: bits(3, 2, 1),
    rac: flag(4, 6),
    uaIntlckCtrl: bits(4, 5, 4),
    swp: flag(4, 3),
    ato: flag(5, 7),
    tas: flag(5, 6),
    atmpe: flag(5, 5),
    rwwp: flag(5, 4),
    autoloadMode: bits(5, 2, 0),
    busyTimeoutPeriod: uint(8, 9),
    extendedSelfTestCompletionTime: uint(10, 11),
  },
  12,
);

export const InformationalExceptionsControlModePage = wire(
  "Informational Exceptions Control mode page",
  {
    ...head,
    perf: flag(2, 7),
    ebf: flag(2, 5),
    ewasc: flag(2, 4),
    dexcpt: flag(2, 3),
    test: flag(2, 2),
    ebackerr: flag(2, 1),
    logerr: flag(2, 0),
    mrie: bits(3, 3, 0),
    intervalTimer: uint(4, 7),
    reportCount: uint(8, 11),
  },
  12,
);

/** SPC-5, "Control Extension mode page": subpage 01h of the Control mode page. */
export const ControlExtensionModePage = wire(
  "Control Extension mode page",
  {
    ps: flag(0, 7),
    spf: flag(0, 6),
    pageCode: bits(0, 5, 0),
    subpageCode: byte(1),
    pageLength: uint(2, 3),
    dlc: flag(4, 3),
    tcmos: flag(4, 2),
    scsip: flag(4, 1),
    ialuae: flag(4, 0),
    initialCommandPriority: bits(5, 3, 0),
    maximumSenseDataLength: byte(6),
  },
  32,
);

/** SPC-5, "Power Condition mode page". Timers are in units of 100 ms. */
export const PowerConditionModePage = wire(
  "Power Condition mode page",
  {
    ...head,
    pmBgPrecedence: bits(2, 7, 6),
    standbyY: flag(2, 0),
    idleC: flag(3, 3),
    idleB: flag(3, 2),
    idleA: flag(3, 1),
    standbyZ: flag(3, 0),
    idleAConditionTimer: uint(4, 7),
    standbyZConditionTimer: uint(8, 11),
    idleBConditionTimer: uint(12, 15),
    idleCConditionTimer: uint(16, 19),
    standbyYConditionTimer: uint(20, 23),
    ccfIdle: bits(39, 7, 6),
    ccfStandby: bits(39, 5, 4),
    ccfStopped: bits(39, 3, 2),
  },
  40,
);

/** SBC-4, "Logical Block Provisioning mode page": subpage 02h of page 1Ch. */
export const LogicalBlockProvisioningModePage = wire(
  "Logical Block Provisioning mode page",
  {
    ps: flag(0, 7),
    spf: flag(0, 6),
    pageCode: bits(0, 5, 0),
    subpageCode: byte(1),
    pageLength: uint(2, 3),
    situa: flag(4, 0),
  },
  16,
);
