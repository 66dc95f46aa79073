/** What PARSE tells the handler. */
import { expect, test } from "vitest";
import {
  SCST_TRANSFER_LEN_TYPE_FIXED,
  SCST_USER_PARSE,
  SCST_USER_PARSE_CALL,
} from "../../../src/protocol/scst/index.ts";
import { Bench } from "../../support/bench.ts";
import { inquiry, read10, write10 } from "../../support/cdbs.ts";

// SCST calls its own parse, which makes bytes of blocks, in the other modes alone.
test.each([
  ["READ(10): blocks", { cdb: read10(7, 8), dataInLength: 4096 }, [7, 8, 8, true]],
  ["WRITE(10): blocks", { cdb: write10(9, 2), dataOut: new Uint8Array(1024) }, [9, 2, 2, true]],
  ["INQUIRY: bytes", { cdb: inquiry(255), dataInLength: 255 }, [0, 255, 255, false]],
])("%s", (_title, request, expected) => {
  const [bench, initiator] = Bench.ready({ opt: { parseType: SCST_USER_PARSE_CALL } });
  initiator.send(request);
  const { subcode, parseCmd } = bench.program.expectGet();
  const { lba, bufflen, dataLen, opFlags } = parseCmd;
  const inBlocks = (opFlags & SCST_TRANSFER_LEN_TYPE_FIXED) !== 0;
  expect([subcode, lba, bufflen, dataLen, inBlocks]).toEqual([SCST_USER_PARSE, ...expected]);
});
