/**
 * The host: everything that a broker or client needs from its environment, as a parameter (design D13).
 *
 * There are two hosts: the node host (src/host), and the simulated host (src/simulation), on which whole
 * brokers run in virtual time from one seed. Code of brokers and clients uses `fs`, `net`, timers, `Date`,
 * `Math.random` and `process` only through a host; test/tidy.test.ts checks that. File reads and writes are
 * synchronous (docs/decisions/0001). Everything that may wait for a device returns a promise.
 */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970; may jump. For timestamps in files, records and log lines. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start; never goes back. For durations and timeouts. */
  monotonicMs(): number;
  /** Calls `action` once, `delayMs` from now or later. Kafka: utils/Scheduler.scala */
  schedule(delayMs: number, action: () => void): Timer;
}

export interface Random {
  bytes(length: number): Buffer;
  /** An integer in [0, bound). */
  below(bound: number): number;
}

/**
 * An open file. Positions and sizes are in bytes. Every method throws the system's error (`.code`) when it
 * fails.
 */
export interface DiskFile {
  size(): number;
  /**
   * Reads into `target`, from `position` on. Returns the number of bytes read: fewer than `target.length`
   * only at the end of the file.
   */
  read(target: Buffer, position: number): number;
  /**
   * Writes all chunks, one after the other, at `position`. Either all bytes are written or an error is
   * thrown.
   */
  write(chunks: readonly Buffer[], position: number): void;
  truncate(size: number): void;
  /** Flushes the file to the disk (fsync): what was written so far survives a power failure. */
  sync(): Promise<void>;
  syncNow(): void;
  close(): void;
}

export interface DiskEntry {
  readonly name: string;
  readonly directory: boolean;
}

export interface Disk {
  open(path: string, mode: 'read' | 'write' | 'create'): DiskFile;
  exists(path: string): boolean;
  /** Size in bytes and time of the last modification, ms since 1970. */
  stat(path: string): { size: number; modifiedMs: number };
  list(path: string): DiskEntry[];
  makeDirectory(path: string): void;
  readText(path: string): string;
  rename(from: string, to: string): void;
  /** Sets the time of the last modification, ms since 1970. */
  setModified(path: string, modifiedMs: number): void;
  /** Removes a file or a directory with all that is in it. No error if it does not exist. */
  remove(path: string): void;
  /**
   * Replaces a small file atomically: a reader sees the old or the new text. `durable`: also after a power
   * failure.
   */
  replace(path: string, text: string, options: { durable: boolean; mode?: number }): void;
  /**
   * Makes changes of names durable: files of this directory that were created, renamed or removed stay so
   * after a power failure. Without it the directory may return to any state that it had since the last call.
   */
  syncDirectory(path: string): Promise<void>;
  syncDirectoryNow(path: string): void;
  /**
   * Locks the directory for this process. Throws an Error that names the process that holds the lock.
   * Kafka: utils/FileLock.scala
   */
  lock(path: string): { release(): void };
}

/**
 * A TCP connection: bytes arrive in order and without loss until it closes. `onClose` is called exactly once.
 */
export interface Connection {
  readonly remoteAddress: string;
  onData(listener: (chunk: Buffer) => void): void;
  onClose(listener: (reason: string) => void): void;
  /** Queues the chunks in order. Returns false when the peer reads more slowly than we write. */
  write(chunks: readonly Buffer[]): boolean;
  onDrain(listener: () => void): void;
  /** The number of bytes that are queued and not yet handed to the operating system. */
  pendingBytes(): number;
  /**
   * The number of bytes handed to the operating system so far. It grows as long as a slow peer reads at all.
   */
  takenBytes(): number;
  /** Stops and resumes the delivery of data (back-pressure). */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once; queued bytes are dropped. */
  destroy(reason: string): void;
}

export interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

export interface Network {
  /** Port 0 takes any free port. Rejects with the system's error (`EADDRINUSE` …). */
  listen(host: string, port: number, onConnection: (connection: Connection) => void): Promise<Listener>;
  dial(host: string, port: number, timeoutMs: number): Promise<Connection>;
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/**
 * A logger. Callers check `debugOn` before they build a debug message, so that a disabled level costs
 * nothing.
 */
export interface Log {
  error(message: string): void;
  warn(message: string): void;
  info(message: string): void;
  debug(message: string): void;
  readonly debugOn: boolean;
  /** A logger that begins each line with `[prefix]`. */
  child(prefix: string): Log;
}

/**
 * A change of state, as a line of the timeline: `what` names the kind, the other fields are its ids and
 * epochs.
 */
export interface TimelineEvent {
  readonly what: string;
  readonly [key: string]: unknown;
}

/** Runs long computations outside the event loop, where the host has a thread for them. */
export interface OffLoop {
  /**
   * Runs the task of this name; input and result are copied. Rejects with what the task throws. A task that
   * `isWanted` calls unwanted when its turn comes is not run; it is rejected.
   */
  run(task: string, input: unknown, isWanted?: () => boolean): Promise<unknown>;
}

export interface Host {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  readonly log: Log;
  /** Writes the event to the timeline, with time and host added. docs/timeline.md lists the kinds. */
  event(event: TimelineEvent): void;
  /** Ends the process (or the simulated host). Does not return on the node host. */
  exit(code: number, reason: string): void;
  /** Undefined on a host without such a thread: callers then compute in place. */
  readonly offLoop?: OffLoop;
  /** How many files and connections may be open at once; undefined if the host cannot find out. */
  readonly maxDescriptors?: number;
  /**
   * Identifies the boot of the machine: what a process wrote before another boot may be lost. Undefined if
   * the system does not tell.
   */
  readonly bootId?: string;
  /** Identifies the host in the lock file and in the timeline. */
  readonly name: string;
}

/** Resolves after `ms` on the host's clock. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.schedule(ms, resolve));
}

/**
 * Settles as `promise` does, or rejects with `onTimeout()` after `ms`. The work behind the promise is not
 * cancelled.
 */
export function withDeadline<T>(
  clock: Clock,
  ms: number,
  promise: Promise<T>,
  onTimeout: () => Error,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = clock.schedule(ms, () => reject(onTimeout()));
    promise.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}

/** Settles as `promise` does, or rejects with the signal's reason as soon as the signal is aborted. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) {
      promise.catch(() => {});
      return onAbort();
    }
    signal.addEventListener('abort', onAbort, { once: true });
    const done = () => signal.removeEventListener('abort', onAbort);
    promise.then(
      (value) => {
        done();
        resolve(value);
      },
      (error) => {
        done();
        reject(error);
      },
    );
  });
}
