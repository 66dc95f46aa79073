import { Histogram, type HistogramSnapshot } from "./histogram.ts";

/** Where the time of commands went. */
export class Latency {
  /** The CDB is read, by the core or the handler. */
  readonly parse = new Histogram();
  /** The handler, or the core in its place, executes the command. */
  readonly exec = new Histogram();
  /** The target driver fetches data-out, or delivers the response with data-in. */
  readonly transfer = new Histogram();
  /** From submission until the response has left. */
  readonly total = new Histogram();

  snapshot(): LatencySnapshot {
    return {
      parse: this.parse.snapshot(),
      exec: this.exec.snapshot(),
      transfer: this.transfer.snapshot(),
      total: this.total.snapshot(),
    };
  }
}

export interface LatencySnapshot {
  readonly parse: HistogramSnapshot;
  readonly exec: HistogramSnapshot;
  readonly transfer: HistogramSnapshot;
  readonly total: HistogramSnapshot;
}
