/**
 * All logs of a broker, over its log dirs: opens them at start, hands them out, flushes and expires them in the
 * background, writes the checkpoints, and leaves the clean-shutdown marker when everything is on disk.
 *
 * Invariants: a log dir is locked while we run; the marker is removed as soon as it was read and written last; a log
 * dir with a disk error is offline until restart, and with the last one the broker stops.
 *
 * Kafka: log/LogManager.scala@2.8.2
 */
import { parseTpName, TopicPartition, tpName } from '../common/cluster-types';
import { KafkaError, messageOf } from '../common/errors';
import { Host, Log as Logger, Timer } from '../common/host';
import { OffsetCheckpoint, OffsetEntry } from './checkpoint-file';
import { Log } from './log';
import { LogContext } from './log-context';
import { LogCleaner, LogCleanerOptions } from './log-cleaner';
import { LogConfig, TopicOverrides, withOverrides } from './log-config';
import { openLog } from './log-recovery';
import { OpenFiles } from './open-files';
import { TailCache } from './tail-cache';

export interface LogManagerOptions {
  readonly logDirs: readonly string[];
  readonly defaults: LogConfig;
  readonly retentionCheckIntervalMs: number;
  readonly initialTaskDelayMs: number;
  readonly flushCheckpointIntervalMs: number;
  readonly flushCheckIntervalMs: number;
  readonly maxOpenFiles: number;
  readonly tailCacheBytes: number;
  readonly cleaner: LogCleanerOptions;
  /** Every log dir has failed: the broker cannot go on. */
  readonly onAllDirsFailed: (reason: string) => void;
  /** A log dir went offline. */
  readonly onDirFailed: (directory: string) => void;
}

const CLEAN_MARKER = '.kafka_cleanshutdown';
const DELETED_DIR = /^.+\.[0-9a-f]{32}-delete$/;
const FUTURE_DIR = /^.+\.[0-9a-f]{32}-future$/;

interface LogDir {
  readonly path: string;
  readonly lock: { release(): void };
  readonly recoveryPoints: OffsetCheckpoint;
  readonly logStartOffsets: OffsetCheckpoint;
  readonly highWatermarks: OffsetCheckpoint;
  readonly cleanerOffsets: OffsetCheckpoint;
  offline: boolean;
  tasks: Promise<void>;
}

export class LogManager {
  private readonly logs = new Map<string, Log>();
  private readonly dirOf = new Map<string, LogDir>();
  private readonly dirs: LogDir[] = [];
  private readonly files: OpenFiles;
  private readonly context: LogContext;
  private readonly log: Logger;
  readonly cleaner: LogCleaner;
  private readonly overrides = new Map<string, TopicOverrides>();
  private timers: Timer[] = [];
  private isClosed = false;

  constructor(private readonly host: Host, private readonly options: LogManagerOptions) {
    this.log = host.log.child('LogManager');
    this.files = new OpenFiles(host.disk, options.maxOpenFiles);
    this.context = {
      disk: host.disk, clock: host.clock, random: host.random, files: this.files, log: this.log,
      tailCache: new TailCache(options.tailCacheBytes),
      onStorageError: (path, error) => this.dirFailed(path, error),
      onTruncated: (tp, offset) => this.cleaner.truncated(tp, offset),
    };
    this.cleaner = new LogCleaner({
      host, log: host.log.child('LogCleaner'), options: options.cleaner, logs: () => this.all.filter((log) => !this.isOffline(log.tp)),
      saveCheckpoint: (tp, offsets) => this.saveCleanerCheckpoint(tp, offsets),
    });
  }

  /** Takes every log dir; throws a sentence when one is missing rights or is used by another broker. */
  lockDirs(): void {
    for (const path of this.options.logDirs) {
      this.host.disk.makeDirectory(path);
      const lock = this.host.disk.lock(`${path}/.lock`);
      this.dirs.push({
        path, lock, offline: false, tasks: Promise.resolve(),
        recoveryPoints: new OffsetCheckpoint(this.host.disk, `${path}/recovery-point-offset-checkpoint`),
        logStartOffsets: new OffsetCheckpoint(this.host.disk, `${path}/log-start-offset-checkpoint`),
        highWatermarks: new OffsetCheckpoint(this.host.disk, `${path}/replication-offset-checkpoint`),
        cleanerOffsets: new OffsetCheckpoint(this.host.disk, `${path}/cleaner-offset-checkpoint`),
      });
    }
  }

  releaseLocks(): void {
    for (const dir of this.dirs) dir.lock.release();
  }

  /** Opens every log there is; `overrides` are the topic settings from ZooKeeper. */
  async load(overrides: ReadonlyMap<string, TopicOverrides>): Promise<void> {
    for (const [topic, config] of overrides) this.overrides.set(topic, config);
    for (const dir of this.dirs) await this.loadDir(dir);
    this.log.info(`Loaded ${this.logs.size} logs from ${this.options.logDirs.join(', ')}`);
  }

  private async loadDir(dir: LogDir): Promise<void> {
    const { disk } = this.host;
    const marker = `${dir.path}/${CLEAN_MARKER}`;
    const cleanShutdown = disk.exists(marker);
    disk.remove(marker);
    const recoveryPoints = this.readCheckpoint(dir.recoveryPoints);
    const logStartOffsets = this.readCheckpoint(dir.logStartOffsets);
    this.cleaner.restore(this.readCheckpoint(dir.cleanerOffsets));
    const entries = disk.list(dir.path).filter((entry) => entry.directory);
    if (!cleanShutdown && entries.length > 0) this.log.info(`No clean shutdown of ${dir.path} found: recovering its ${entries.length} logs`);
    for (const { name } of entries) {
      if (DELETED_DIR.test(name)) this.removeLater(`${dir.path}/${name}`, 0);
      if (DELETED_DIR.test(name) || FUTURE_DIR.test(name)) continue;
      const tp = parseTpName(name);
      if (tp === undefined) throw new Error(`Found directory ${dir.path}/${name}, '${name}' is not in the form of topic-partition`);
      await this.open(dir, tp, cleanShutdown, recoveryPoints.get(name) ?? 0, logStartOffsets.get(name) ?? 0);
    }
  }

  /** A damaged checkpoint costs a longer recovery, nothing else. */
  private readCheckpoint(checkpoint: OffsetCheckpoint): Map<string, number> {
    try {
      return checkpoint.read();
    } catch (error) {
      this.log.warn(`${messageOf(error)}; starting without it`);
      return new Map();
    }
  }

  private async open(dir: LogDir, tp: TopicPartition, cleanShutdown: boolean, recoveryPoint: number, logStartOffset: number): Promise<Log> {
    const options = { directory: `${dir.path}/${tpName(tp)}`, tp, config: this.configOf(tp.topic), cleanShutdown, recoveryPoint, logStartOffset };
    const log = await openLog(this.context, options);
    this.logs.set(tpName(tp), log);
    this.dirOf.set(tpName(tp), dir);
    return log;
  }

  private configOf(topic: string): LogConfig {
    return withOverrides(this.options.defaults, this.overrides.get(topic) ?? {});
  }

  get all(): readonly Log[] { return [...this.logs.values()]; }

  get(tp: TopicPartition): Log | undefined {
    return this.logs.get(tpName(tp));
  }

  /** The log, made in the dir with the fewest logs if it does not exist. Throws KAFKA_STORAGE_ERROR if its dir is offline. */
  async getOrCreate(tp: TopicPartition): Promise<Log> {
    const name = tpName(tp);
    if (this.dirOf.get(name)?.offline) throw new KafkaError('KAFKA_STORAGE_ERROR', `the log dir of ${name} is offline`);
    const known = this.logs.get(name);
    if (known) return known;
    const dir = this.emptiestDir();
    const log = await this.open(dir, tp, false, 0, 0);
    log.epochs.clear();
    this.log.info(`Created log for partition ${name} in ${dir.path}`);
    return log;
  }

  private emptiestDir(): LogDir {
    const online = this.dirs.filter((dir) => !dir.offline);
    if (online.length === 0) throw new KafkaError('KAFKA_STORAGE_ERROR', 'all log dirs are offline');
    const count = (dir: LogDir) => [...this.dirOf.values()].filter((one) => one === dir).length;
    return online.length === 1 ? online[0]! : online.reduce((best, dir) => (count(dir) < count(best) ? dir : best));
  }

  /** Every log dir, and the logs in it. */
  dirsWithLogs(): { readonly path: string; readonly isOffline: boolean; readonly logs: readonly Log[] }[] {
    return this.dirs.map((dir) => ({ path: dir.path, isOffline: dir.offline, logs: this.all.filter((log) => this.dirOf.get(tpName(log.tp)) === dir) }));
  }

  isOffline(tp: TopicPartition): boolean {
    return this.dirOf.get(tpName(tp))?.offline ?? false;
  }

  updateTopicConfig(topic: string, overrides: TopicOverrides): void {
    this.overrides.set(topic, overrides);
    for (const log of this.logs.values()) if (log.tp.topic === topic) log.config = this.configOf(topic);
  }

  topicConfig(topic: string): LogConfig {
    return this.configOf(topic);
  }

  /** Renames the partition's directory away and removes it after file.delete.delay.ms. */
  asyncDelete(tp: TopicPartition): void {
    const name = tpName(tp);
    const log = this.logs.get(name);
    const dir = this.dirOf.get(name);
    if (!log || !dir) return;
    this.logs.delete(name);
    this.dirOf.delete(name);
    log.closeFiles();
    this.files.closeBelow(log.directory);
    const doomed = `${dir.path}/${name}.${this.host.random.bytes(16).toString('hex')}-delete`;
    this.host.disk.rename(log.directory, doomed);
    this.removeLater(doomed, log.config['file.delete.delay.ms']);
  }

  private removeLater(path: string, delayMs: number): void {
    this.host.clock.schedule(delayMs, () => this.host.disk.remove(path));
  }

  startBackgroundTasks(): void {
    const { initialTaskDelayMs: first, retentionCheckIntervalMs, flushCheckpointIntervalMs, flushCheckIntervalMs } = this.options;
    this.cleaner.start();
    this.every(first, retentionCheckIntervalMs, () => this.expire());
    this.every(first, flushCheckpointIntervalMs, () => this.checkpoint());
    this.every(first, flushCheckIntervalMs, () => { for (const log of this.all) void log.flushIfDue(); });
  }

  private every(firstMs: number, intervalMs: number, task: () => void): void {
    const run = () => {
      if (this.isClosed) return;
      try {
        task();
      } catch (error) {
        this.log.error(`Background task failed: ${messageOf(error)}`);
      }
      this.timers.push(this.host.clock.schedule(intervalMs, run));
      if (this.timers.length > 64) this.timers = this.timers.slice(-16);
    };
    this.timers.push(this.host.clock.schedule(firstMs, run));
  }

  private expire(): void {
    for (const log of this.all) if (!this.isOffline(log.tp)) log.deleteOldSegments();
  }

  /** Writes recovery points and log start offsets of every dir. */
  checkpoint(): void {
    for (const dir of this.dirs) {
      if (dir.offline) continue;
      const logs = this.all.filter((log) => this.dirOf.get(tpName(log.tp)) === dir);
      this.guard(dir.path, () => {
        dir.recoveryPoints.write(logs.map((log) => ({ ...log.tp, offset: log.recoveryPoint })));
        const moved = logs.filter((log) => log.logStartOffset > log.allSegments[0]!.baseOffset);
        dir.logStartOffsets.write(moved.map((log) => ({ ...log.tp, offset: log.logStartOffset })));
      });
    }
  }

  private saveCleanerCheckpoint(tp: TopicPartition, offsets: ReadonlyMap<string, number>): void {
    const dir = this.dirOf.get(tpName(tp));
    if (!dir) return;
    const mine = this.all.filter((log) => this.dirOf.get(tpName(log.tp)) === dir && offsets.has(tpName(log.tp)));
    this.guard(dir.path, () => dir.cleanerOffsets.write(mine.map((log) => ({ ...log.tp, offset: offsets.get(tpName(log.tp))! }))));
  }

  /** Writes the high watermarks, each to the checkpoint of its log dir. */
  checkpointHighWatermarks(entries: readonly OffsetEntry[]): void {
    for (const dir of this.dirs) {
      if (dir.offline) continue;
      const mine = entries.filter((entry) => this.dirOf.get(tpName(entry)) === dir);
      this.guard(dir.path, () => dir.highWatermarks.write(mine));
    }
  }

  /** Checkpointed high watermarks by `topic-partition`. */
  readHighWatermarks(): Map<string, number> {
    return new Map(this.dirs.flatMap((dir) => [...this.readCheckpoint(dir.highWatermarks)]));
  }

  private guard(path: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.dirFailed(path, error);
    }
  }

  private dirFailed(path: string, error: unknown): void {
    const dir = this.dirs.find((one) => path === one.path || path.startsWith(`${one.path}/`));
    if (dir === undefined || dir.offline || this.isClosed) return;
    dir.offline = true;
    this.log.error(`Log dir ${dir.path} is offline: ${messageOf(error)} (${path})`);
    this.options.onDirFailed(dir.path);
    if (this.dirs.every((one) => one.offline)) this.options.onAllDirsFailed(`all log dirs have failed, the last with ${messageOf(error)}`);
  }

  /** Flushes and closes every log, writes the checkpoints, and last the marker that says all of it happened. */
  async close(): Promise<void> {
    for (const timer of this.timers.splice(0)) timer.cancel();
    await this.cleaner.close();
    for (const log of this.all) if (!this.isOffline(log.tp)) await log.close();
    this.checkpoint();
    this.isClosed = true;
    for (const dir of this.dirs) {
      if (!dir.offline) this.host.disk.replace(`${dir.path}/${CLEAN_MARKER}`, '', { durable: true });
    }
    this.files.closeAll();
    this.releaseLocks();
  }
}
