/**
 * The broker's own small files in its log dirs: `meta.properties`, which names the broker and the cluster
 * that the dir belongs to, and the session file, with which a restarted broker ends its former ZooKeeper
 * session instead of waiting for it to expire (design D15).
 *
 * Kafka: server/BrokerMetadataCheckpoint.scala@2.8.2; the session file is ours.
 */
import { parseProperties } from '../common/config-def';
import { Disk } from '../common/host';
import { SessionCredentials } from '../zk/zk-session';

/** The online log dirs; a dir in which the action fails goes offline. */
export interface LogDirs {
  onEveryDir(action: (dir: { readonly path: string }) => void): void;
}

export interface MetaProperties {
  readonly brokerId: number | undefined;
  readonly clusterId: string | undefined;
}

function metaPath(dir: string): string {
  return `${dir}/meta.properties`;
}

/**
 * The contents of the files, which must be the same in all dirs. Throws an Error that names the difference.
 */
export function readMetaProperties(disk: Disk, dirs: LogDirs): MetaProperties {
  let found: MetaProperties = { brokerId: undefined, clusterId: undefined };
  dirs.onEveryDir(({ path: dir }) => {
    if (!disk.exists(metaPath(dir))) return;
    const properties = parseProperties(disk.readText(metaPath(dir)));
    if (properties.version !== '0')
      throw new Error(
        `Unrecognized version of the server meta.properties file ${metaPath(dir)}: ${properties.version}`,
      );
    const mine = {
      brokerId: properties['broker.id'] === undefined ? undefined : Number(properties['broker.id']),
      clusterId: properties['cluster.id'],
    };
    if (found.brokerId !== undefined && found.brokerId !== mine.brokerId) {
      throw new Error(
        `InconsistentBrokerMetadataException: BrokerMetadata is not consistent across log.dirs: ` +
          `${found.brokerId} and ${mine.brokerId}`,
      );
    }
    found = mine;
  });
  return found;
}

/** Throws an Error if the dirs belong to another cluster or another broker id. */
export function checkMetaProperties(meta: MetaProperties, configuredId: number, clusterId: string): void {
  if (meta.clusterId !== undefined && meta.clusterId !== clusterId) {
    throw new Error(
      `InconsistentClusterIdException: The Cluster ID ${clusterId} doesn't match stored clusterId ` +
        `${meta.clusterId} in meta.properties. ` +
        'The broker is trying to join the wrong cluster. Configured zookeeper.connect may be wrong.',
    );
  }
  if (configuredId >= 0 && meta.brokerId !== undefined && meta.brokerId !== configuredId) {
    throw new Error(
      `InconsistentBrokerIdException: Configured broker.id ${configuredId} doesn't match stored broker.id ` +
        `${meta.brokerId} in meta.properties. ` +
        'If you moved your data, make sure your configured broker.id matches.',
    );
  }
}

export function writeMetaProperties(disk: Disk, dirs: LogDirs, brokerId: number, clusterId: string): void {
  const text = `version=0\nbroker.id=${brokerId}\ncluster.id=${clusterId}\n`;
  dirs.onEveryDir(({ path: dir }) => {
    if (disk.exists(metaPath(dir)) && disk.readText(metaPath(dir)).endsWith(text)) return;
    disk.replace(metaPath(dir), text, { durable: true });
  });
}

function sessionPath(dir: string): string {
  return `${dir}/.samsa-session`;
}

/** The sessions of former runs. There are several if a dir was offline when a later session was written. */
export function readSessionFiles(disk: Disk, dirs: LogDirs): SessionCredentials[] {
  const found = new Map<string, SessionCredentials>();
  dirs.onEveryDir(({ path }) => {
    if (!disk.exists(sessionPath(path))) return;
    const match = /^([0-9a-f]{16}) ([0-9a-f]{32})$/.exec(disk.readText(sessionPath(path)).trim());
    if (match) found.set(match[1]!, { id: match[1]!, password: match[2]! });
  });
  return [...found.values()];
}

/**
 * Written to every dir, in case one fails. Only the owner may read it, because it allows ending the session.
 */
export function writeSessionFiles(disk: Disk, dirs: LogDirs, { id, password }: SessionCredentials): void {
  dirs.onEveryDir(({ path }) =>
    disk.replace(sessionPath(path), `${id} ${password}\n`, { durable: true, mode: 0o600 }),
  );
}

export function removeSessionFiles(disk: Disk, dirs: LogDirs): void {
  dirs.onEveryDir(({ path }) => disk.remove(sessionPath(path)));
}
