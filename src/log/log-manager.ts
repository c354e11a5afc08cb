/**
 * All logs of a broker, in its log dirs: opens, creates and deletes them, flushes them and applies retention
 * in the background, and writes the checkpoints and, at the end, the clean-shutdown marker.
 *
 * Invariants: a log dir is locked while the broker runs. The clean-shutdown marker is removed when it is
 * read, and written last. A dir with a disk error is offline until restart; the last one stops the broker.
 *
 * Kafka: log/LogManager.scala@2.8.2
 */
import { guarded, inBackground } from '../common/background';
import { TopicPartition, tpName } from '../common/cluster-types';
import { isDiskError, isDiskFault, isDiskFull, KafkaError, messageOf } from '../common/errors';
import { Host, Log as Logger } from '../common/host';
import { RepeatedWarning } from '../common/repeated-warning';
import { Scheduler } from '../common/scheduler';
import { OffsetEntry } from './checkpoint-file';
import { Log } from './log';
import { LogContext } from './log-context';
import { LogCleaner } from './log-cleaner';
import { LogConfig, TopicOverrides, withOverrides } from './log-config';
import { LogDir } from './log-dir';
import { deletedDirName, logDirName } from './log-dir-name';
import { loadLogDir, readCheckpoint } from './log-loader';
import { LogManagerOptions } from './log-manager-options';
import { openLog, OpenLogOptions } from './log-recovery';
import { OpenFiles } from './open-files';
import { ProcessHistory } from './process-history';
import { TailCache } from './tail-cache';

type OpenOptions = Omit<OpenLogOptions, 'tp' | 'config'>;

/** Kafka: Log.scala, LogManager.ProducerIdExpirationCheckIntervalMs. */
const PRODUCER_EXPIRATION_CHECK_MS = 600_000;

export class LogManager {
  private readonly logs = new Map<string, Log>();
  private readonly dirOf = new Map<string, LogDir>();
  readonly dirs: readonly LogDir[];
  /** Logs that are offline because their content is damaged, with the reason. Their log dirs are online. */
  private readonly damaged = new Map<string, string>();
  private readonly files: OpenFiles;
  private readonly context: LogContext;
  private readonly log: Logger;
  readonly cleaner: LogCleaner;
  readonly history: ProcessHistory;
  private readonly overrides = new Map<string, TopicOverrides>();
  private readonly scheduler: Scheduler;
  private isServing = false;
  private isClosed = false;
  private readonly noFaults: RepeatedWarning;

  constructor(
    private readonly host: Host,
    private readonly options: LogManagerOptions,
  ) {
    this.log = host.log.child('LogManager');
    this.noFaults = new RepeatedWarning(host.clock, this.log);
    this.scheduler = new Scheduler(host.clock, this.log);
    this.dirs = options.logDirs.map((path) => new LogDir(host.disk, path));
    this.files = new OpenFiles(host.disk, options.maxOpenFiles);
    this.history = new ProcessHistory(host.disk, host.bootId, this);
    this.context = {
      disk: host.disk,
      clock: host.clock,
      random: host.random,
      files: this.files,
      log: this.log,
      tailCache: new TailCache(options.tailCacheBytes),
      onStorageError: (path, error) => this.dirFailed(path, error),
      onCorruption: (tp, error) => this.corruptionFound(tp, error),
      onTruncated: (tp, offset) => this.truncated(tp, offset),
      onRecordsLost: () => this.history.lost(),
    };
    this.cleaner = new LogCleaner({
      host,
      log: host.log.child('LogCleaner'),
      options: options.cleaner,
      logs: () => this.all.filter((log) => !this.isOffline(log.tp)),
      saveCheckpoint: (tp, offsets) => this.saveCleanerCheckpoint(tp, offsets),
      onStorageError: this.context.onStorageError,
    });
  }

  /**
   * Locks every log dir. A dir whose disk fails is offline from the start. Throws an Error that explains if a
   * dir is configured twice or used by another broker, or if no dir is left.
   */
  lockDirs(): void {
    const paths = this.options.logDirs;
    const twice = paths.find((path, i) => paths.indexOf(path) !== i);
    if (twice !== undefined) throw new Error(`Duplicate log directory found: ${twice} in log.dirs`);
    this.onEveryDir((dir) => dir.take());
    this.requireDir();
    this.history.load();
  }

  /** Throws an Error that lists the failures if no dir is online. */
  private requireDir(): void {
    if (this.onlineDirs.length > 0) return;
    const reasons = this.dirs.map(({ path, failure }) => `${path} (${failure})`).join(', ');
    throw new Error(`None of the specified log dirs can be used: ${reasons}`);
  }

  releaseLocks(): void {
    for (const dir of this.dirs) dir.release();
  }

  get onlineDirs(): readonly LogDir[] {
    return this.dirs.filter((dir) => !dir.isOffline);
  }
  get isWhole(): boolean {
    return this.offlineDirs.length === 0 && this.damaged.size === 0;
  }
  get offlineDirs(): readonly LogDir[] {
    return this.dirs.filter((dir) => dir.isOffline);
  }

  /** Runs the action for every online dir. A dir whose disk fails goes offline. */
  onEveryDir(action: (dir: LogDir) => void): void {
    for (const dir of this.onlineDirs) this.guard(dir.path, () => action(dir));
  }

  /** Opens all logs in the log dirs. `overrides`: the topic configs from ZooKeeper, by topic. */
  async load(overrides: ReadonlyMap<string, TopicOverrides>): Promise<void> {
    for (const [topic, config] of overrides) this.overrides.set(topic, config);
    for (const dir of this.onlineDirs) {
      try {
        await this.loadDir(dir);
      } catch (error) {
        if (!isDiskError(error)) throw error;
        this.dirFailed(dir.path, error);
      }
    }
    this.requireDir();
    if (this.damaged.size > 0) this.history.forget();
    this.log.info(`Loaded ${this.logs.size} logs from ${this.onlineDirs.map(({ path }) => path).join(', ')}`);
  }

  private async loadDir(dir: LogDir): Promise<void> {
    const cleanerOffsets = readCheckpoint(this.log, dir.cleanerOffsets);
    this.cleaner.restore(cleanerOffsets);
    await loadLogDir(
      {
        host: this.host,
        log: this.log,
        onDeleted: (path) => this.removeLater(path, 0),
        open: (tp, options) => {
          const other = this.dirOf.get(tpName(tp));
          if (other !== undefined)
            throw new Error(
              `Duplicate log directories for ${tpName(tp)} are found in both ${other.path} and ` +
                `${dir.path}. Remove the one that is out of date`,
            );
          return this.openOrLeave(dir, tp, options);
        },
      },
      dir,
      cleanerOffsets,
    );
  }

  /** Opens the log. One whose content cannot be read stays offline, unchanged; the others are opened. */
  private async openOrLeave(dir: LogDir, tp: TopicPartition, options: OpenOptions): Promise<void> {
    try {
      await this.open(dir, tp, options);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      this.dirOf.set(tpName(tp), dir);
      this.damaged.set(tpName(tp), error.message);
      this.files.closeBelow(options.directory);
      this.log.error(
        `${tpName(tp)} stays offline: ${error.message}. Other replicas go on without it; remove ` +
          `${options.directory} to have it copied anew`,
      );
    }
  }

  private async open(dir: LogDir, tp: TopicPartition, options: OpenOptions): Promise<Log> {
    const log = await openLog(this.context, { ...options, tp, config: this.topicConfig(tp.topic) });
    log.expireProducers(this.options.producerIdExpirationMs);
    this.logs.set(tpName(tp), log);
    this.dirOf.set(tpName(tp), dir);
    return log;
  }

  topicConfig(topic: string): LogConfig {
    return withOverrides(this.options.defaults, this.overrides.get(topic) ?? {});
  }

  get all(): readonly Log[] {
    return [...this.logs.values()];
  }
  get(tp: TopicPartition): Log | undefined {
    return this.logs.get(tpName(tp));
  }

  /**
   * The log of the partition, created in the dir with the fewest logs if it does not exist. Throws
   * KAFKA_STORAGE_ERROR if it is offline, or may be in an offline dir: not new, and in no online dir.
   */
  async getOrCreate(tp: TopicPartition, isNew: boolean): Promise<Log> {
    const name = tpName(tp);
    if (this.isOffline(tp))
      throw new KafkaError(
        'KAFKA_STORAGE_ERROR',
        this.damaged.get(name) ?? `the log dir of ${name} is offline`,
      );
    const known = this.logs.get(name);
    if (known) return known;
    const lost = this.offlineDirs.map(({ path }) => path).join(', ');
    if (!isNew && lost !== '')
      throw new KafkaError(
        'KAFKA_STORAGE_ERROR',
        `Can not create log for ${name} because log directories ${lost} are offline`,
      );
    const dir = this.emptiestDir();
    const log = await this.create(dir, tp);
    // The checkpoints may still contain an earlier log of this partition.
    log.epochs.clear();
    this.cleaner.truncated(tp, 0);
    this.log.info(`Created log for partition ${name} in ${dir.path}`);
    return log;
  }

  private async create(dir: LogDir, tp: TopicPartition): Promise<Log> {
    try {
      const directory = `${dir.path}/${logDirName(tp)}`;
      return await this.open(dir, tp, {
        directory,
        cleanShutdown: false,
        recoveryPoint: 0,
        logStartOffset: 0,
      });
    } catch (error) {
      if (!isDiskError(error)) throw error;
      this.dirFailed(dir.path, error);
      throw new KafkaError(
        'KAFKA_STORAGE_ERROR',
        `Error while creating the log of ${tpName(tp)} in ${dir.path}: ${error.message}`,
      );
    }
  }

  private emptiestDir(): LogDir {
    const online = this.onlineDirs;
    if (online.length === 0) throw new KafkaError('KAFKA_STORAGE_ERROR', 'all log dirs are offline');
    const count = (dir: LogDir) => [...this.dirOf.values()].filter((one) => one === dir).length;
    return online.reduce((best, dir) => (count(dir) < count(best) ? dir : best));
  }

  /** Every log dir with the logs in it. */
  dirsWithLogs(): { readonly path: string; readonly isOffline: boolean; readonly logs: readonly Log[] }[] {
    return this.dirs.map((dir) => ({ path: dir.path, isOffline: dir.isOffline, logs: this.logsIn(dir) }));
  }

  private logsIn(dir: LogDir): Log[] {
    return this.all.filter((log) => this.dirOf.get(tpName(log.tp)) === dir);
  }

  isOffline(tp: TopicPartition): boolean {
    return this.damaged.has(tpName(tp)) || (this.dirOf.get(tpName(tp))?.isOffline ?? false);
  }

  updateTopicConfig(topic: string, overrides: TopicOverrides): void {
    this.overrides.set(topic, overrides);
    for (const log of this.logs.values()) if (log.tp.topic === topic) log.config = this.topicConfig(topic);
  }

  /** Renames the partition's directory, and removes it after file.delete.delay.ms. */
  asyncDelete(tp: TopicPartition): void {
    const name = tpName(tp);
    const log = this.logs.get(name);
    const dir = this.dirOf.get(name);
    if (!log || !dir) return;
    this.logs.delete(name);
    this.dirOf.delete(name);
    log.closeFiles();
    this.files.closeBelow(log.directory);
    const deletedPath = `${dir.path}/${deletedDirName(tp, this.host.random)}`;
    this.guard(dir.path, () => {
      this.host.disk.rename(log.directory, deletedPath);
      this.removeLater(deletedPath, log.config['file.delete.delay.ms']);
    });
  }

  private removeLater(path: string, delayMs: number): void {
    this.host.clock.schedule(delayMs, () => this.guard(path, () => this.host.disk.remove(path)));
  }

  startBackgroundTasks(): void {
    this.isServing = true;
    const {
      initialTaskDelayMs: first,
      retentionCheckIntervalMs,
      flushCheckpointIntervalMs,
      flushCheckIntervalMs,
    } = this.options;
    this.cleaner.start();
    this.scheduler.every(first, retentionCheckIntervalMs, () => this.deleteOldSegments());
    this.scheduler.every(first, flushCheckpointIntervalMs, () => this.checkpoint());
    this.scheduler.every(PRODUCER_EXPIRATION_CHECK_MS, PRODUCER_EXPIRATION_CHECK_MS, () =>
      this.expireProducers(),
    );
    this.scheduler.every(first, flushCheckIntervalMs, () => this.flushDue());
  }

  private flushDue(): void {
    for (const log of this.all) inBackground(this.log, `Flushing ${log.directory}`, log.flushIfDue());
  }

  private deleteOldSegments(): void {
    const remove = (log: Log) => this.guard(log.directory, () => log.deleteOldSegments());
    for (const log of this.all)
      if (!this.isOffline(log.tp)) guarded(this.log, `Retention of ${log.directory}`, () => remove(log))();
  }

  private expireProducers(): void {
    for (const log of this.all) log.expireProducers(this.options.producerIdExpirationMs);
  }

  /** Writes the recovery points and log start offsets of every online dir. */
  checkpoint(): void {
    this.onEveryDir((dir) => dir.checkpoint(this.logsIn(dir)));
  }

  /** Lowers the recovery point on disk: recovery would skip the records that replace the truncated ones. */
  private truncated(tp: TopicPartition, offset: number): void {
    this.cleaner.truncated(tp, offset);
    const dir = this.dirOf.get(tpName(tp));
    if (dir && !dir.isOffline) this.guard(dir.path, () => dir.checkpoint(this.logsIn(dir)));
  }

  private saveCleanerCheckpoint(tp: TopicPartition, offsets: ReadonlyMap<string, number>): void {
    const dir = this.dirOf.get(tpName(tp));
    if (!dir || dir.isOffline) return;
    const mine = this.logsIn(dir).filter((log) => offsets.has(tpName(log.tp)));
    this.guard(dir.path, () =>
      dir.cleanerOffsets.write(mine.map((log) => ({ ...log.tp, offset: offsets.get(tpName(log.tp))! }))),
    );
  }

  /** Writes the high watermarks, each to the checkpoint of the log dir that contains the log. */
  checkpointHighWatermarks(entries: readonly OffsetEntry[]): void {
    this.onEveryDir((dir) =>
      dir.highWatermarks.write(entries.filter((entry) => this.dirOf.get(tpName(entry)) === dir)),
    );
  }

  /** The checkpointed high watermarks of all online dirs, by `topic-partition`. */
  readHighWatermarks(): Map<string, number> {
    const found = new Map<string, number>();
    this.onEveryDir((dir) => {
      for (const [name, offset] of readCheckpoint(this.log, dir.highWatermarks)) found.set(name, offset);
    });
    return found;
  }

  /** A disk error takes the log dir offline. KAFKA_STORAGE_ERROR: the log has reported the error already. */
  private guard(path: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      if (error instanceof KafkaError && error.errorName === 'KAFKA_STORAGE_ERROR') return;
      if (!isDiskError(error)) throw error;
      this.dirFailed(path, error);
    }
  }

  private corruptionFound(tp: TopicPartition, error: KafkaError): boolean {
    const handsOver = this.isServing && this.options.mayHandOver(tp);
    const outcome = handsOver
      ? `${tpName(tp)} goes offline here and another replica leads it`
      : 'No other replica is in sync to lead the partition';
    const advice = `remove ${this.get(tp)?.directory} while the broker is down to have it copied anew`;
    this.log.error(`${error.message}. ${outcome}; once one is, ${advice}`);
    this.history.forget();
    if (handsOver) {
      this.damaged.set(tpName(tp), error.message);
      this.options.onLogsOffline();
    }
    return handsOver;
  }

  private dirFailed(path: string, error: unknown): void {
    const dir = this.dirs.find((one) => one.holds(path));
    if (dir === undefined || dir.isOffline || this.isClosed) return;
    if (this.isServing && !isDiskFault(error)) {
      return this.noFaults.warn(
        () => `${messageOf(error)} (${path}): the disk is not to blame, ${dir.path} goes on`,
      );
    }
    dir.fail(error);
    this.log.error(`Stopping serving logs in dir ${dir.path}: ${messageOf(error)} (${path})`);
    this.files.closeBelow(dir.path);
    this.host.event({
      what: 'log-dir-failed',
      dir: dir.path,
      logs: this.logsIn(dir).length,
      error: messageOf(error),
    });
    if (!isDiskFull(error)) this.history.forget();
    if (!this.isServing) return;
    this.options.onLogsOffline();
    const dirs = this.options.logDirs.join(', ');
    const reason = `all log dirs in ${dirs} have failed, the last with ${messageOf(error)}`;
    // Not synchronously: the caller of the failed operation has to get its error first.
    if (this.onlineDirs.length === 0) this.host.clock.schedule(0, () => this.options.onAllDirsFailed(reason));
  }

  /** Flushes and closes all logs; writes the checkpoints, and last the clean-shutdown marker. Locks stay. */
  async close(): Promise<void> {
    this.scheduler.stop();
    await this.cleaner.close();
    const unclosed = new Set<LogDir>();
    for (const [name, log] of this.logs) {
      const dir = this.dirOf.get(name)!;
      if (!dir.isOffline && !(await this.closeLog(log))) unclosed.add(dir);
    }
    this.checkpoint();
    this.onEveryDir((dir) => (unclosed.has(dir) ? undefined : dir.leaveCleanMarker()));
    this.isClosed = true;
    this.files.closeAll();
  }

  /** False if its disk failed, or there was no descriptor left: it may have been flushed in part. */
  private async closeLog(log: Log): Promise<boolean> {
    try {
      await log.close();
      return true;
    } catch (error) {
      this.guard(log.directory, () => {
        throw error;
      });
      return false;
    }
  }
}
