/** Arrivals that make one trial. */
const TRIAL_EVENT_COUNT = 256;

/** Silence after which a trial says nothing: the peers had nothing to ask. */
const TRIAL_GAP_MS_MAX = 10;

/** Every so many trials the other way is tried. */
const TRIALS_PER_PROBE = 16;

/** The part of the time that staying awake has to save: it costs a processor. */
const GAIN_MIN = 0.1;

/** The weight of the newest trial among those of its kind. */
const NEWEST = 0.25;

/** What {@link Attention} needs of its surroundings. */
export interface AttentionHost {
  /** Milliseconds, with fractions. */
  now(): number;
  /** Has `callback` run in the next turn of the event loop, which then does not sleep before it. */
  nextTurn(callback: () => void): void;
}

const HOST: AttentionHost = {
  now: () => performance.now(),
  nextTurn: (callback) => void setImmediate(callback),
};

/**
 * Whether the event loop sleeps between requests, or stays awake for a moment because the next one
 * is near. Who asks one thing after another waits for two processors to wake up, each time, which
 * takes longer than the request; but on a busy machine who stays awake keeps others from working.
 * So both are tried, and what has brought more in the same time is done.
 */
export class Attention {
  readonly #awakeMsMax: number;
  readonly #look: () => void;
  readonly #host: AttentionHost;
  #last = 0;
  /** Whether the trial that runs stays awake. */
  #awake = false;
  #trials = 0;
  #events = 0;
  #amount = 0;
  #elapsedMs = 0;
  /** Milliseconds a byte or a command; NaN before the first trial. */
  #asleepCost = Number.NaN;
  #awakeCost = Number.NaN;
  #turning = false;

  /**
   * @param awakeUsMax how long to wait awake for the next request, in microseconds; 0: never
   * @param look called in every turn of the event loop that is awake: for what can be asked sooner
   *   than the event loop would tell
   */
  constructor(awakeUsMax: number, look: () => void = () => undefined, host = HOST) {
    this.#awakeMsMax = awakeUsMax / 1000;
    this.#look = look;
    this.#host = host;
  }

  /** So many bytes, or commands, have come and were dealt with. */
  received(amount: number): void {
    if (this.#awakeMsMax === 0) return;
    const now = this.#host.now();
    const gap = now - this.#last;
    this.#last = now;
    if (gap > TRIAL_GAP_MS_MAX) {
      this.#begin(false);
      return;
    }
    this.#events++;
    this.#amount += amount;
    this.#elapsedMs += gap;
    if (this.#events === TRIAL_EVENT_COUNT) this.#judge();
    if (this.#awake && !this.#turning) {
      this.#turning = true;
      this.#host.nextTurn(this.#turn);
    }
  }

  readonly #turn = (): void => {
    if (this.#awake && this.#host.now() - this.#last < this.#awakeMsMax) {
      this.#look();
      this.#host.nextTurn(this.#turn);
    } else {
      this.#turning = false;
    }
  };

  #judge(): void {
    const cost = this.#elapsedMs / this.#amount;
    if (this.#awake) this.#awakeCost = mean(this.#awakeCost, cost);
    else this.#asleepCost = mean(this.#asleepCost, cost);
    this.#trials++;
    const better = this.#awakeCost < this.#asleepCost * (1 - GAIN_MIN);
    const probes = this.#trials % TRIALS_PER_PROBE === 0;
    this.#begin(probes ? !better && this.#isDense : better);
  }

  /** Requests that come one by one, far apart, are not waited for. */
  get #isDense(): boolean {
    return this.#elapsedMs / TRIAL_EVENT_COUNT < this.#awakeMsMax;
  }

  #begin(awake: boolean): void {
    this.#awake = awake;
    this.#events = 0;
    this.#amount = 0;
    this.#elapsedMs = 0;
  }
}

function mean(before: number, newest: number): number {
  return Number.isNaN(before) ? newest : before + (newest - before) * NEWEST;
}
