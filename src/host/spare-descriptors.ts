/**
 * File descriptors reserved for the disk. When connections have used up all others, a log can still open the
 * files that it needs to write a checkpoint, a snapshot or a new segment.
 *
 * Invariant: an operation of the disk fails for lack of descriptors only when the reserve is used up too.
 *
 * Kafka has no such reserve; libuv keeps one descriptor in the same way, to be able to refuse connections.
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

  /** Runs the action. If there is no descriptor for it, releases one of the reserve and tries again. */
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

  /** Releases one descriptor of the reserve; returns false if the reserve is empty. */
  giveOne(): boolean {
    const fd = this.spare.pop();
    if (fd !== undefined) fs.closeSync(fd);
    return fd !== undefined;
  }

  /** Fills the reserve as far as descriptors are available; to be called after something was closed. */
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
