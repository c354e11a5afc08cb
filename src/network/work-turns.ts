/**
 * How much of the loop requests may take before others have a turn: after 20 ms of work the connections that
 * want to go on stand in a queue, and timers (the heartbeat to ZooKeeper among them) and sockets come first.
 *
 * Invariants: who waits gets a turn, in the order of asking, brokers before clients; within a turn at least
 * one of them gets on, and where brokers need a whole turn the next one begins with the clients. Clients share
 * a turn, so that who has little to do does not wait for all that others have. Where nobody works for 20 ms
 * nothing is scheduled (docs/decisions/0016).
 *
 * Kafka has threads for that: num.network.threads, num.io.threads.
 */
import { Clock } from '../common/host';

const TURN_MS = 20;
/** One of many clients has so much of a turn at least. */
const MIN_SHARE_MS = 1;

export interface TurnTaker {
  /** Go on; ask again if the turn is over before all is done. */
  takeTurn(): void;
}

export class WorkTurns {
  private workedMs = 0;
  /** When who has his turn now is to stop. */
  private untilMs = TURN_MS;
  private readonly brokers = new Set<TurnTaker>();
  private readonly clients = new Set<TurnTaker>();
  private isScheduled = false;
  private isMeasuring = false;
  /** The last turn was over before any of the clients that wait. */
  private isClientsTurn = false;

  constructor(private readonly clock: Clock) {}

  get isOver(): boolean {
    return this.workedMs >= this.untilMs;
  }

  /** Does the work, and counts the time it takes; work within it is counted once. */
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

  /** Resolves when it is the caller's turn; he has it for himself, as nobody sees when his work ends. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.wait({
        takeTurn: () => {
          this.workedMs = TURN_MS;
          resolve();
        },
      }, false);
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
      // Those who ask again meanwhile come behind those who wait.
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
