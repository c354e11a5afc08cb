/**
 * Derives the connection limits from the settings: how many connections there may be, in all and per
 * listener, and how the process's file descriptors are shared.
 *
 * Invariant: clients get only the descriptors that logs, brokers and the rest leave over. A further client
 * connection is refused, so that it cannot take the descriptor that a log needs.
 *
 * [p] Kafka: server/KafkaConfig.scala, network/SocketServer.scala#ListenerConnectionQuota@2.8.2
 */
import { RawConfig } from '../common/config-def';
import { KafkaError } from '../common/errors';
import { ConnectionLimits, ListenerLimits } from '../network/connection-quotas';

/** Standard streams, epoll, the timeline, ZooKeeper, listeners, connections to other brokers. */
const OTHER_DESCRIPTORS = 100;
/**
 * Share of the remaining descriptors that is kept for brokers' connections, if brokers have their own
 * listener.
 */
const BROKER_SHARE = 0.1;

const LISTENER_SETTING = /^listener\.name\.([^.]+)\.(max\.connections|max\.connection\.creation\.rate)$/;

function fail(name: string, value: unknown, reason: string): never {
  throw new KafkaError(
    'CONFIG_EXCEPTION',
    `Invalid value ${String(value)} for configuration ${name}: ${reason}`,
  );
}

function countOf(name: string, value: unknown, min: number): number {
  const isInt = /^\d+$/.test(String(value).trim()) && Number(value) < 2 ** 31;
  if (!isInt) fail(name, value, 'Not a number of type INT');
  if (Number(value) < min) fail(name, value, `Value must be at least ${min}`);
  return Number(value);
}

/** The part of BrokerConfig that is used here. */
export interface ConnectionSettings {
  readonly 'log.max.open.files': number;
  readonly 'max.connections': number;
  readonly 'max.connections.per.ip': number;
  readonly 'max.connections.per.ip.overrides': readonly string[];
  readonly 'max.connection.creation.rate': number;
  readonly listenerLimits: ReadonlyMap<string, ListenerLimits>;
}

/** Whether this is the name of a setting for a single listener. */
export function isListenerSetting(name: string): boolean {
  return LISTENER_SETTING.test(name);
}

/** `listener.name.X.max.connections` and `….max.connection.creation.rate`, by listener name in upper case. */
export function listenerLimitsOf(raw: RawConfig): Map<string, ListenerLimits> {
  const found = new Map<string, ListenerLimits>();
  for (const [name, value] of Object.entries(raw)) {
    const match = LISTENER_SETTING.exec(name);
    if (!match) continue;
    const listener = match[1]!.toUpperCase();
    const known = found.get(listener) ?? { maxConnections: Infinity, creationRate: Infinity };
    const count = countOf(name, value, 1);
    const isCount = match[2] === 'max.connections';
    found.set(listener, isCount ? { ...known, maxConnections: count } : { ...known, creationRate: count });
  }
  return found;
}

/** Parses `address:count,…`; IPv6 addresses may be in brackets. */
function overridesOf(list: readonly string[]): Map<string, number> {
  return new Map(
    list.map((text) => {
      const name = 'max.connections.per.ip.overrides';
      const match = /^\[?(.+?)\]?:([^:]+)$/.exec(text) ?? fail(name, text, 'it must be address:count');
      return [match[1]!, countOf(name, match[2], 0)];
    }),
  );
}

/** Shares the descriptors between log files and client connections. `max.connections` applies in addition. */
export function shareDescriptors(
  maxDescriptors: number | undefined,
  maxOpenFiles: number,
): { readonly files: number; readonly connections: number } {
  if (maxDescriptors === undefined) return { files: maxOpenFiles, connections: Infinity };
  const left = Math.max(16, maxDescriptors - OTHER_DESCRIPTORS);
  const files = Math.min(maxOpenFiles, Math.floor(left / 2));
  return { files, connections: Math.floor((left - files) * (1 - BROKER_SHARE)) };
}

export function connectionLimitsOf(
  config: ConnectionSettings,
  maxDescriptors: number | undefined,
): ConnectionLimits {
  const { connections } = shareDescriptors(maxDescriptors, config['log.max.open.files']);
  const overrides = overridesOf(config['max.connections.per.ip.overrides']);
  if (config['max.connections.per.ip'] === 0 && overrides.size === 0)
    fail('max.connections.per.ip', 0, 'it can be zero only with max.connections.per.ip.overrides');
  return {
    maxConnections: Math.min(config['max.connections'], connections),
    creationRate: config['max.connection.creation.rate'],
    maxPerIp: config['max.connections.per.ip'],
    perIpOverrides: overrides,
    listeners: config.listenerLimits,
  };
}
