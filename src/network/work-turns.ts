/**
 * Shares the event loop between requests. After 5 ms of work, connections with more work wait in a queue, so
 * that timers (ZooKeeper's heartbeat among them) and sockets are served first.
 *
 * Invariants: every connection that waits gets a turn, in the order of asking, brokers before clients. In
 * each turn at least one of them proceeds. If brokers used a whole turn, the next one begins with the
 * clients. Clients share a turn, so that a client with little work does not wait for the work of all others.
 * As long as less than 5 ms of work come together, nothing is scheduled (docs/decisions/0016).
 *
 * A turn is short because a request with acks=all takes several turns on its way: on the leader, on the
 * followers that fetch it, and on the leader again.
 *
 * Kafka has threads instead: num.network.threads, num.io.threads.
 */
import { Clock } from '../common/host';

const TURN_MS = 5;
/** The least share of a turn for one of many clients. */
const MIN_SHARE_MS = 1;

export interface TurnTaker {
  /** Continue; wait again if the turn is over before all is done. */
  takeTurn(): void;
}

export class WorkTurns {
  private workedMs = 0;
  /** At how much work of this turn the current taker has to stop, ms. */
  private untilMs = TURN_MS;
  private readonly brokers = new Set<TurnTaker>();
  private readonly clients = new Set<TurnTaker>();
  private isScheduled = false;
  private isMeasuring = false;
  /** Whether the last turn ended before any of the waiting clients was served. */
  private isClientsTurn = false;

  constructor(private readonly clock: Clock) {}

  get isOver(): boolean {
    return this.workedMs >= this.untilMs;
  }

  /** Does the work and adds its duration to the turn. A call within a call is counted once. */
  measure(work: () => void): void {
    if (this.isMeasuring) return work();
    this.isMeasuring = true;
    const startMs = this.clock.monotonicMs();
    try {
      work();
    } finally {
      this.isMeasuring = false;
      this.workedMs += this.clock.monotonicMs() - startMs;
      if (this.isOver) this.schedule();
    }
  }

  wait(taker: TurnTaker, isBroker: boolean): void {
    (isBroker ? this.brokers : this.clients).add(taker);
    this.schedule();
  }

  /**
   * Resolves when it is the caller's turn. The caller has the turn for itself, because the end of its
   * asynchronous work cannot be observed.
   */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.wait(
        {
          takeTurn: () => {
            this.workedMs = TURN_MS;
            resolve();
          },
        },
        false,
      );
    });
  }

  forget(taker: TurnTaker): void {
    this.brokers.delete(taker);
    this.clients.delete(taker);
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.clock.schedule(0, () => this.nextTurn());
  }

  private nextTurn(): void {
    this.isScheduled = false;
    this.workedMs = 0;
    const { brokers, clients } = this;
    const queues = this.isClientsTurn ? [clients, brokers] : [brokers, clients];
    this.isClientsTurn = !this.isClientsTurn && clients.size > 0;
    for (const queue of queues) {
      // A copy of the queue: a taker that asks again during this turn comes after those that wait already.
      const shareMs = queue === clients ? Math.max(MIN_SHARE_MS, TURN_MS / clients.size) : TURN_MS;
      for (const taker of [...queue]) {
        if (this.isOver) return this.schedule();
        if (queue === clients) this.isClientsTurn = false;
        if (queue.delete(taker)) this.give(taker, shareMs);
      }
    }
    if (this.isOver) this.schedule();
  }

  private give(taker: TurnTaker, shareMs: number): void {
    this.untilMs = Math.min(TURN_MS, this.workedMs + shareMs);
    try {
      taker.takeTurn();
    } finally {
      this.untilMs = TURN_MS;
    }
  }
}
