/**
 * A connection of the attacker. It sends a frame and waits for the outcome; when the connection has ended, it
 * opens another one.
 */
import { HostPort } from '../common/cluster-types';
import { Connection } from '../common/host';
import { dial, Ground, InputOutcome } from './ground';
import { HostileRequest } from './hostile-requests';

/** How long to wait for a response before the input and its connection are given up. */
const PATIENCE_MS = 1500;

/** Counts response frames without keeping their bytes: a response may have gigabytes. */
export class AnswerCounter {
  /** The bytes left of the current frame; 0: the next bytes are a length. */
  private left = 0;
  private lengthBytes = 0;
  private length = 0;

  /** Returns the number of frames that the chunk completes. */
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
  /** In the form ATTACK:SEED:NUMBER */
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
      // Bytes from a connection that was given up are not a response to the next input.
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

  /** Sends the bytes and waits for a response or the end of the connection. */
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

  /** Like `send`, and records the outcome. */
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
  /** Send only the input with this number, repeatedly. */
  readonly only?: number;
  /** The number of inputs; by default as many as fit into the time. */
  readonly count?: number;
  readonly lanes?: number;
  readonly patienceMs?: number;
}

/**
 * Sends the inputs in order over several lanes, to all brokers in turn. Each lane sends one input at a time.
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
