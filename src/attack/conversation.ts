/**
 * An attacker's connection for requests one after the other, with their responses. For attacks that need a
 * state first, such as membership in a group.
 */
import { HostPort } from '../common/cluster-types';
import { Connection } from '../common/host';
import { FrameParser } from '../protocol/frame-parser';
import { dial, Ground } from './ground';

const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export class Conversation {
  private readonly parser = new FrameParser(MAX_ANSWER_BYTES);
  private answered: ((frame: Buffer | undefined) => void) | undefined;
  private isOpen = true;

  private constructor(
    private readonly ground: Ground,
    private readonly connection: Connection,
  ) {
    connection.onData((chunk) => this.parser.push(chunk, (frame) => this.settle(frame)));
    connection.onClose(() => {
      this.isOpen = false;
      this.settle(undefined);
    });
  }

  static async begin(ground: Ground, broker: HostPort): Promise<Conversation | undefined> {
    const connection = await dial(ground, broker);
    return connection && new Conversation(ground, connection);
  }

  private settle(frame: Buffer | undefined): void {
    const { answered } = this;
    this.answered = undefined;
    answered?.(frame);
  }

  /** The response without its length; undefined if the connection ended, or if none came in time. */
  ask(frame: Buffer, patienceMs: number): Promise<Buffer | undefined> {
    if (!this.isOpen) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const timer = this.ground.host.clock.schedule(patienceMs, () => {
        this.end();
        this.settle(undefined);
      });
      this.answered = (answer) => {
        timer.cancel();
        resolve(answer);
      };
      this.connection.write([frame]);
    });
  }

  end(): void {
    this.isOpen = false;
    this.connection.destroy('done');
  }
}
