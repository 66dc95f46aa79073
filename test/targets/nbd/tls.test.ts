import { expect, test } from "vitest";
import { checkTls } from "../../../src/targets/nbd/tls.ts";

test("TLS needs something to encrypt with", () => {
  expect(() => checkTls({ mode: "required" })).toThrow(
    expect.objectContaining({ code: "NBD_TLS" }),
  );
  const x509 = { certificate: "", key: "", verifyPeer: true };
  expect(() => checkTls({ mode: "allowed", x509 })).toThrow(/authority/);
  expect(() => checkTls({ mode: "allowed", preSharedKey: () => undefined })).not.toThrow();
});
