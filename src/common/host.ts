/**
 * The host is a parameter (design D13): everything a broker or client takes from the world around it.
 *
 * Two hosts exist: the node host (src/host), and the simulated one (src/simulation), on which whole brokers run in
 * virtual time under one seed. `fs`, `net`, timers, `Date`, `Math.random` and `process` appear nowhere else in src;
 * the tidy check holds that. File reads and writes are synchronous (docs/decisions/0001), everything that may wait for
 * a device is a promise.
 */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970; may jump. For timestamps that people or files see. */
  wallMs(): number;
  /** Milliseconds from an arbitrary start; never goes back. For every duration. */
  monotonicMs(): number;
  /** Runs `action` once, `delayMs` from now or later. Kafka: utils/Scheduler.scala */
  schedule(delayMs: number, action: () => void): Timer;
}

export interface Random {
  bytes(length: number): Buffer;
  /** A whole number in [0, bound). */
  below(bound: number): number;
}

/** An open file, addressed by position. Every call throws the system's error (`.code`) when it fails. */
export interface DiskFile {
  size(): number;
  /** Fills `target` from `position`; returns the number of bytes read, fewer only at the end of the file. */
  read(target: Buffer, position: number): number;
  /** Writes all chunks, one after the other, at `position`. Either all bytes are written or an error is thrown. */
  write(chunks: readonly Buffer[], position: number): void;
  truncate(size: number): void;
  /** Makes what was written so far survive a power cut. */
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
  /** Size in bytes and time of last change. */
  stat(path: string): { size: number; modifiedMs: number };
  list(path: string): DiskEntry[];
  makeDirectory(path: string): void;
  readText(path: string): string;
  rename(from: string, to: string): void;
  /** Sets the time of last change, ms since 1970. */
  setModified(path: string, modifiedMs: number): void;
  /** Removes a file or a whole tree; nothing there is no error. */
  remove(path: string): void;
  /** Replaces a small file so that a reader sees the old or the new text; `durable`: also after a power cut. */
  replace(path: string, text: string, options: { durable: boolean; mode?: number }): void;
  /**
   * Makes names durable: files of the directory that were created, renamed or removed so far are so after a power cut
   * too. Until then the directory may fall back to any state it had since the last sync.
   */
  syncDirectory(path: string): Promise<void>;
  syncDirectoryNow(path: string): void;
  /** Takes the directory for this process; throws a sentence naming the holder. Kafka: utils/FileLock.scala */
  lock(path: string): { release(): void };
}

/** One TCP connection. Bytes in order, nothing lost while it lives; `onClose` comes exactly once. */
export interface Connection {
  readonly remoteAddress: string;
  onData(listener: (chunk: Buffer) => void): void;
  onClose(listener: (reason: string) => void): void;
  /** Queues the chunks in order. Returns false when the peer reads slower than we write. */
  write(chunks: readonly Buffer[]): boolean;
  onDrain(listener: () => void): void;
  /** Bytes queued and not yet taken by the peer's side. */
  pendingBytes(): number;
  /** Bytes that the peer's side has taken since the beginning: grows while a slow peer gets on. */
  takenBytes(): number;
  /** Stops and restarts delivery of data: back-pressure. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once. */
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

/** A thin logger: the caller asks `debugOn` before it builds a string, so that a level that is off costs nothing. */
export interface Log {
  error(message: string): void;
  warn(message: string): void;
  info(message: string): void;
  debug(message: string): void;
  readonly debugOn: boolean;
  /** A logger whose lines start with `[prefix]`. */
  child(prefix: string): Log;
}

/** One event of the state-change log and the timeline: `who` did `what`; the rest are its epochs and names. */
export interface TimelineEvent {
  readonly what: string;
  readonly [key: string]: unknown;
}

/** Work that would hold up the loop, where the host has a thread for it. */
export interface OffLoop {
  /** The result of the task of that name; input and result are copied. Rejects if it throws. */
  run(task: string, input: unknown): Promise<unknown>;
}

export interface Host {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  readonly log: Log;
  /** Writes one event to the timeline; time and host are added. docs/timeline.md lists the kinds. */
  event(event: TimelineEvent): void;
  /** Ends the process (or the simulated host). Does not return on the node host. */
  exit(code: number, reason: string): void;
  /** Without it such work is done in place. */
  readonly offLoop?: OffLoop;
  /** How many files and connections may be open at once; undefined: nobody knows. */
  readonly maxDescriptors?: number;
  /** What must be told apart between hosts: shown in the lock file and in the timeline. */
  readonly name: string;
}

/** Waits on the host's clock. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.schedule(ms, resolve));
}

/** The promise's value, or a rejection made by `onTimeout` once `ms` have passed. */
export function withDeadline<T>(clock: Clock, ms: number, promise: Promise<T>, onTimeout: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = clock.schedule(ms, () => reject(onTimeout()));
    promise.then(
      (value) => { timer.cancel(); resolve(value); },
      (error) => { timer.cancel(); reject(error); },
    );
  });
}

/** The promise's value, or a rejection with the signal's reason as soon as it is aborted. */
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
    promise.then((value) => { done(); resolve(value); }, (error) => { done(); reject(error); });
  });
}
