/**
 * Virtual time: a heap of actions that run one after the other. All promise continuations that an action
 * causes run before the next action starts. Nothing else runs, so a seed determines the whole run.
 *
 * An action may belong to one process of a host. Actions of dead processes are dropped; actions of a paused
 * host wait until the host continues.
 */
import { Prng } from './prng';

/** Many runs end after a few actions; the actions that were queued for the rest of a turn are then wasted. */
const FIRST_ACTIONS = 8;
const MAX_ACTIONS_A_TURN = 64;

export interface Owner {
  readonly isDead: boolean;
  readonly isPaused: boolean;
  /** Takes an action that became due while the owner is paused. */
  defer(run: () => void): void;
}

interface Action {
  readonly atMs: number;
  readonly sequence: number;
  readonly run: () => void;
  readonly owner: Owner | undefined;
  cancelled: boolean;
}

export interface WorldEvent {
  readonly time: number;
  readonly who: string;
  readonly what: string;
  readonly [key: string]: unknown;
}

export class World {
  /** Virtual milliseconds since the start. */
  nowMs = 0;
  /** The wall clock's time at virtual time 0, ms since 1970. */
  readonly epochMs = 1_600_000_000_000;
  readonly random: Prng;
  private readonly heap: Action[] = [];
  private sequence = 0;
  private readonly next: (() => void)[] = [];
  actionsRun = 0;
  /** FNV-1a over time and owner of every action: two runs of a seed must have the same hash. */
  traceHash = 0x811c9dc5;
  readonly violations: string[] = [];
  readonly timeline: WorldEvent[] = [];
  /** Each listener is called with an event when it happens, in the middle of the action that caused it. */
  readonly onEvent: ((event: WorldEvent) => void)[] = [];

  constructor(readonly seed: string) {
    this.random = new Prng(seed);
  }

  violation(text: string): void {
    this.violations.push(`at ${this.nowMs} ms: ${text}`);
  }

  event(who: string, said: { readonly what: string; readonly [key: string]: unknown }): void {
    const event: WorldEvent = { time: this.nowMs, who, ...said };
    this.timeline.push(event);
    for (const listener of this.onEvent) listener(event);
  }

  schedule(delayMs: number, run: () => void, owner?: Owner): { cancel(): void } {
    const atMs = this.nowMs + Math.max(0, delayMs);
    const action: Action = { atMs, sequence: this.sequence++, run, owner, cancelled: false };
    this.push(action);
    return {
      cancel: () => {
        action.cancelled = true;
      },
    };
  }

  private static before(a: Action, b: Action): boolean {
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
  }

  private push(action: Action): void {
    const { heap } = this;
    let i = heap.length;
    heap.push(action);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!World.before(action, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = action;
  }

  private pop(): Action | undefined {
    const { heap } = this;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && World.before(heap[child + 1]!, heap[child]!)) child++;
      if (!World.before(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return top;
  }

  /**
   * Runs `action` when the current action and all its continuations are complete, before any other action.
   */
  afterAction(action: () => void): void {
    this.next.push(action);
  }

  /** Runs one action. Returns whether the run is over: `done` holds, or no action is left until `untilMs`. */
  private step(untilMs: number, done: () => boolean): 'done' | 'out of time' | undefined {
    if (done()) return 'done';
    const first = this.next.shift();
    if (first) return void first();
    for (let action = this.heap[0]; action !== undefined && action.atMs <= untilMs; action = this.heap[0]) {
      this.pop();
      const { owner, atMs, sequence, run } = action;
      if (action.cancelled || owner?.isDead) continue;
      this.nowMs = atMs;
      this.actionsRun++;
      this.traceHash = Math.imul(this.traceHash ^ (atMs * 1000) ^ sequence, 0x01000193) >>> 0;
      // The action may be cancelled after the pause, before it runs.
      if (owner?.isPaused)
        owner.defer(() => {
          if (!action.cancelled) run();
        });
      else run();
      return undefined;
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
    return 'out of time';
  }

  /**
   * Runs until `done` holds or until virtual time `untilMs`. Returns whether `done` holds.
   *
   * An action is one immediate of the real event loop: all its continuations have run when the next one
   * begins. Many immediates are queued at once, because a turn of the real event loop costs more than most
   * actions.
   */
  run(untilMs: number, done: () => boolean = () => false): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const step = () => {
        if (isOver) return;
        try {
          const outcome = this.step(untilMs, done);
          if (outcome === undefined) return;
          isOver = true;
          resolve(outcome === 'done');
        } catch (error) {
          isOver = true;
          reject(error);
        }
      };
      const turn = (actions: number) => {
        if (isOver) return;
        for (let i = 0; i < actions; i++) setImmediate(step);
        setImmediate(turn, Math.min(2 * actions, MAX_ACTIONS_A_TURN));
      };
      turn(FIRST_ACTIONS);
    });
  }

  /** Runs `work` to its end in virtual time. Rejects if that takes longer than `withinMs`. */
  async complete<T>(work: Promise<T>, withinMs: number, what: string): Promise<T> {
    let outcome: { value: T } | { error: unknown } | undefined;
    work.then(
      (value) => {
        outcome = { value };
      },
      (error) => {
        outcome = { error };
      },
    );
    await new Promise<void>((resolve) => setImmediate(resolve));
    await this.run(this.nowMs + withinMs, () => outcome !== undefined);
    if (outcome === undefined) throw new Error(`${what} is not done after ${withinMs} virtual ms`);
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }
}
