/**
 * A few descriptors that are kept for the disk: when connections have taken all others, a log can still open what
 * it needs to write a checkpoint, a snapshot or a new segment.
 *
 * Invariant: an action of the disk fails for want of descriptors only when these are used up too.
 *
 * Kafka has none; libuv keeps one in the same way, to be able to refuse connections.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import { isOutOfDescriptors } from '../common/errors';

const SPARE = 16;

export class SpareDescriptors {
  private readonly spare: number[] = [];

  constructor(private readonly openOne: () => number = () => fs.openSync(os.devNull, 'r')) {
    this.refill();
  }

  get count(): number {
    return this.spare.length;
  }

  /** Runs the action; if there is no descriptor for it, again with one of those that were kept. */
  during<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (!isOutOfDescriptors(error) || !this.giveOne()) throw error;
      return this.during(action);
    } finally {
      this.refill();
    }
  }

  /** Frees one; returns whether there was one. */
  giveOne(): boolean {
    const fd = this.spare.pop();
    if (fd !== undefined) fs.closeSync(fd);
    return fd !== undefined;
  }

  /** After something was closed. */
  refill(): void {
    while (this.spare.length < SPARE) {
      try {
        this.spare.push(this.openOne());
      } catch {
        return;
      }
    }
  }
}
