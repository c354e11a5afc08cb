/** The log dirs of a broker on the simulated disk of a lone log, without a broker. */
import { Host } from '../../src/common/host';
import { silentLog } from '../../src/host/node-host';
import { LogManager } from '../../src/log/log-manager';
import { LogManagerOptions } from '../../src/log/log-manager-options';
import { Prng } from '../../src/simulation/prng';
import { LOG_DEFAULTS, LoneLog } from './lone-log';

export interface LoneManagerOptions extends Partial<LogManagerOptions> {
  /** The boot of the machine; undefined: the system does not tell. */
  readonly bootId?: string | undefined;
}

/** Locks the dirs and loads the logs, as a process does when it starts. */
export async function startLogManager(
  lone: LoneLog,
  { bootId, ...options }: LoneManagerOptions = {},
): Promise<LogManager> {
  const host = {
    name: 'test',
    clock: lone.clock,
    disk: lone.sim,
    bootId,
    random: new Prng('host'),
    log: silentLog,
    event: () => {},
    exit: () => {},
  } as unknown as Host;
  const manager = new LogManager(host, {
    logDirs: ['/data'],
    defaults: LOG_DEFAULTS,
    retentionCheckIntervalMs: 1000,
    initialTaskDelayMs: 1000,
    flushCheckpointIntervalMs: 1000,
    flushCheckIntervalMs: 1000,
    maxOpenFiles: 50,
    tailCacheBytes: 0,
    cleaner: { enabled: false, backoffMs: 1000, dedupeBufferBytes: 1 << 20 },
    producerIdExpirationMs: 1 << 30,
    onAllDirsFailed: () => {},
    mayHandOver: () => false,
    onLogsOffline: () => {},
    ...options,
  });
  manager.lockDirs();
  await manager.load(new Map());
  return manager;
}
