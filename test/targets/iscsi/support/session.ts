import { type TestInitiator, TestServer } from "./initiator.ts";
import { Transcript } from "./transcript.ts";

/** Keys with which all data-out are asked for. */
export const R2T_KEYS = { InitialR2T: "Yes", ImmediateData: "No" };

/** A session in its full feature phase. The unit attention of a new nexus is out of the way. */
export function openSession(keys: Readonly<Record<string, string>> = {}): {
  server: TestServer;
  initiator: TestInitiator;
  transcript: Transcript;
} {
  const server = new TestServer();
  const initiator = server.connect();
  initiator.logIn(keys);
  initiator.send(initiator.command([0]));
  initiator.receive();
  return { server, initiator, transcript: new Transcript(initiator) };
}
