/**
 * The broker's own small files in its log dirs: `meta.properties`, which says whose dir it is, and the session file,
 * which lets a restarted broker end its former ZooKeeper session instead of waiting for it (design D15).
 *
 * Kafka: server/BrokerMetadataCheckpoint.scala@2.8.2; the session file is ours.
 */
import { parseProperties } from '../common/config-def';
import { Disk } from '../common/host';
import { SessionCredentials } from '../zk/zk-session';

export interface MetaProperties {
  readonly brokerId: number | undefined;
  readonly clusterId: string | undefined;
}

function metaPath(dir: string): string {
  return `${dir}/meta.properties`;
}

/** What the dirs say, which must agree; throws a sentence where they do not. */
export function readMetaProperties(disk: Disk, dirs: readonly string[]): MetaProperties {
  let found: MetaProperties = { brokerId: undefined, clusterId: undefined };
  for (const dir of dirs) {
    if (!disk.exists(metaPath(dir))) continue;
    const properties = parseProperties(disk.readText(metaPath(dir)));
    if (properties.version !== '0') throw new Error(`Unrecognized version of the server meta.properties file ${metaPath(dir)}: ${properties.version}`);
    const mine = { brokerId: properties['broker.id'] === undefined ? undefined : Number(properties['broker.id']), clusterId: properties['cluster.id'] };
    if (found.brokerId !== undefined && found.brokerId !== mine.brokerId) {
      throw new Error(`InconsistentBrokerMetadataException: BrokerMetadata is not consistent across log.dirs: ${found.brokerId} and ${mine.brokerId}`);
    }
    found = mine;
  }
  return found;
}

/** Throws INCONSISTENT_CLUSTER_ID or InconsistentBrokerId as a sentence. */
export function checkMetaProperties(meta: MetaProperties, configuredId: number, clusterId: string): void {
  if (meta.clusterId !== undefined && meta.clusterId !== clusterId) {
    throw new Error(`InconsistentClusterIdException: The Cluster ID ${clusterId} doesn't match stored clusterId ${meta.clusterId} in meta.properties. `
      + 'The broker is trying to join the wrong cluster. Configured zookeeper.connect may be wrong.');
  }
  if (configuredId >= 0 && meta.brokerId !== undefined && meta.brokerId !== configuredId) {
    throw new Error(`InconsistentBrokerIdException: Configured broker.id ${configuredId} doesn't match stored broker.id ${meta.brokerId} in meta.properties. `
      + 'If you moved your data, make sure your configured broker.id matches.');
  }
}

export function writeMetaProperties(disk: Disk, dirs: readonly string[], brokerId: number, clusterId: string): void {
  const text = `version=0\nbroker.id=${brokerId}\ncluster.id=${clusterId}\n`;
  for (const dir of dirs) {
    if (disk.exists(metaPath(dir)) && disk.readText(metaPath(dir)).endsWith(text)) continue;
    disk.replace(metaPath(dir), text, { durable: true });
  }
}

function sessionPath(dir: string): string {
  return `${dir}/.samsa-session`;
}

export function readSessionFile(disk: Disk, dir: string): SessionCredentials | undefined {
  if (!disk.exists(sessionPath(dir))) return undefined;
  const match = /^([0-9a-f]{16}) ([0-9a-f]{32})$/.exec(disk.readText(sessionPath(dir)).trim());
  return match ? { id: match[1]!, password: match[2]! } : undefined;
}

/** Readable by the owner alone: who has it can end the session. */
export function writeSessionFile(disk: Disk, dir: string, { id, password }: SessionCredentials): void {
  disk.replace(sessionPath(dir), `${id} ${password}\n`, { durable: true, mode: 0o600 });
}

export function removeSessionFile(disk: Disk, dir: string): void {
  disk.remove(sessionPath(dir));
}
