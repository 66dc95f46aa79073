import type { Core } from "../../core/core.ts";
import { LogoutResponseCode, Opcode } from "../../protocol/iscsi/index.ts";
import { answerText, type TextContext } from "./discovery.ts";
import type { FullFeature, RequestHandlers } from "./full-feature.ts";
import { parametersOf } from "./negotiation.ts";
import { answerLogout, type Logout, receiveLogout, refusalOf } from "./tasks/logout.ts";
import { receiveNopOut } from "./tasks/nop.ts";
import { receiveTaskManagement } from "./tasks/task-management.ts";
import { TextExchange } from "./tasks/text-request.ts";

/** What the requests of a connection need to know. */
export interface RequestContext {
  readonly core: Core;
  readonly connectionId: number;
  readonly text: TextContext;
  /** Nothing that comes behind a logout is read. */
  stopReading(): void;
  /** The Logout Response is written. */
  loggedOut(logout: Logout): void;
  /** Closes another connection; false where there is none, else `gone` is called. */
  removeConnection(logout: Logout, gone: () => void): boolean;
}

/** The handlers of the requests that come whole. */
export function requestHandlers(context: RequestContext): RequestHandlers {
  const { core, connectionId } = context;
  const { negotiation } = context.text;
  const exchange = new TextExchange((phase, pairs) => {
    const answer = answerText(context.text, pairs);
    phase.parameters = parametersOf(negotiation, phase.session.leading);
    return answer;
  });
  return {
    [Opcode.nopOut]: receiveNopOut,
    [Opcode.taskManagementRequest]: receiveTaskManagement,
    [Opcode.textRequest]: (phase, bytes, at, data) => exchange.receive(phase, bytes, at, data),
    [Opcode.logoutRequest]: (phase: FullFeature, bytes, at) => {
      const logout = receiveLogout(phase, bytes, at, connectionId);
      const refusal = refusalOf(phase, logout);
      if (logout.own && refusal === undefined) context.stopReading();
      // Behind the responses of the commands that came in the same chunk.
      core.defer({ flush: () => carryOut(context, phase, logout, refusal) });
    },
  };
}

function carryOut(
  context: RequestContext,
  phase: FullFeature,
  logout: Logout,
  refusal: LogoutResponseCode | undefined,
): void {
  if (refusal !== undefined) {
    answerLogout(phase, logout, refusal);
  } else if (logout.own) {
    answerLogout(phase, logout, LogoutResponseCode.closed);
    context.loggedOut(logout);
  } else {
    const { core } = context;
    const found = context.removeConnection(logout, () => {
      core.enter();
      answerLogout(phase, logout, LogoutResponseCode.closed);
      core.leave();
    });
    if (!found) answerLogout(phase, logout, LogoutResponseCode.cidNotFound);
  }
}
