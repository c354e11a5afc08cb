/**
 * One of the attacker's connections, which sends a frame and waits for what becomes of it; a new one is made
 * when the old has ended.
 */
import { HostPort } from '../common/cluster-types';
import { Connection } from '../common/host';
import { dial, Ground, InputOutcome } from './ground';
import { HostileRequest } from './hostile-requests';

/** How long an input may stay without an answer before it is abandoned with its connection. */
const PATIENCE_MS = 1500;

/** Counts frames as they go by and keeps none of their bytes: an answer may be gigabytes. */
export class AnswerCounter {
  /** Of the frame that is coming in; 0: its length comes next. */
  private left = 0;
  private lengthBytes = 0;
  private length = 0;

  /** How many frames the chunk completes. */
  push(chunk: Buffer): number {
    let frames = 0;
    for (let at = 0; at < chunk.length;) {
      if (this.left === 0) {
        this.length = this.length * 256 + chunk[at++]!;
        if (++this.lengthBytes < 4) continue;
        this.left = this.length;
        this.length = this.lengthBytes = 0;
        if (this.left === 0) frames++;
      } else {
        const taken = Math.min(this.left, chunk.length - at);
        at += taken;
        this.left -= taken;
        if (this.left === 0) frames++;
      }
    }
    return frames;
  }
}

export interface LaneInput {
  /** ATTACK:SEED:NUMBER */
  readonly id: string;
  readonly what: string;
  readonly frame: Buffer;
  readonly patienceMs?: number;
}

export class Lane {
  private connection: Connection | undefined;
  private settle: ((outcome: InputOutcome) => void) | undefined;

  constructor(
    private readonly ground: Ground,
    readonly broker: HostPort,
  ) {}

  private async connected(): Promise<Connection | undefined> {
    if (this.connection !== undefined) return this.connection;
    const connection = await dial(this.ground, this.broker);
    if (connection === undefined) return undefined;
    const answers = new AnswerCounter();
    connection.onData((chunk) => {
      // What comes on an abandoned connection is no answer to what is sent on the next.
      if (this.connection !== connection) return;
      if (answers.push(chunk) > 0) this.settled('answered');
    });
    connection.onClose(() => {
      if (this.connection !== connection) return;
      this.connection = undefined;
      this.settled('closed');
    });
    return (this.connection = connection);
  }

  private settled(outcome: InputOutcome): void {
    const { settle } = this;
    this.settle = undefined;
    settle?.(outcome);
  }

  /** Sends the bytes on the connection and waits for an answer to them, or for its end. */
  async send(frame: Buffer, patienceMs = PATIENCE_MS): Promise<InputOutcome> {
    const connection = await this.connected();
    if (connection === undefined) return 'refused';
    const outcome = await new Promise<InputOutcome>((resolve) => {
      const timer = this.ground.host.clock.schedule(patienceMs, () => this.settled('silent'));
      this.settle = (result) => {
        timer.cancel();
        resolve(result);
      };
      connection.write([frame]);
    });
    if (outcome === 'silent') this.close();
    return outcome;
  }

  /** As `send`, and writes down what became of it. */
  async sendNoted({ id, what, frame, patienceMs }: LaneInput): Promise<void> {
    const { clock } = this.ground.host;
    const startMs = clock.monotonicMs();
    const outcome = await this.send(frame, patienceMs);
    this.ground.log.note({ id, what, outcome, broker: this.broker, tookMs: clock.monotonicMs() - startMs });
  }

  close(): void {
    const { connection } = this;
    this.connection = undefined;
    connection?.destroy('done');
  }
}

export interface InputList {
  readonly name: string;
  readonly input: (seed: string, number: number) => HostileRequest;
  /** This one, again and again, instead of one after the other. */
  readonly only?: number;
  /** How many there are; none: as many as there is time for. */
  readonly count?: number;
  readonly lanes?: number;
  readonly patienceMs?: number;
}

/**
 * Sends the inputs of the list in order over several lanes to all brokers in turn, each lane one at a time.
 */
export async function sendAll(ground: Ground, list: InputList): Promise<void> {
  const { name, input, only, count = Infinity, lanes = 8, patienceMs } = list;
  let next = 0;
  const work = async (lane: Lane) => {
    while (next < count && !ground.isOver()) {
      const number = only ?? next;
      next++;
      const { what, frame } = input(ground.seed, number);
      await lane.sendNoted({ id: `${name}:${ground.seed}:${number}`, what, frame, patienceMs });
    }
    lane.close();
  };
  await Promise.all(
    Array.from({ length: lanes }, (_, i) =>
      work(new Lane(ground, ground.brokers[i % ground.brokers.length]!)),
    ),
  );
}
