/**
 * What is seen of ZooKeeper: every change of the tree as it is applied, and the sessions with the time they
 * have left.
 */
import { SimCluster } from '../../src/simulation/sim-cluster';
import { TreeChange } from '../../src/simulation/zk-tree';
import { NO_OWNER } from '../../src/zk/zk-session';
import { ZOOKEEPER } from '../shared/run';
import { EventLog } from './event-log';
import { serverSessions } from './peek';

interface SeenSession {
  readonly host: string;
  readonly timeoutMs: number;
  silentSinceMs: number | undefined;
}

export class ZooKeeperWatch {
  private readonly sessions = new Map<string, SeenSession>();

  constructor(
    private readonly cluster: SimCluster,
    private readonly log: EventLog,
  ) {
    const { onWrite, tree } = cluster.zookeeper;
    for (const path of tree.paths()) this.changed({ change: 'created', path });
    onWrite.push((changes) => changes.forEach((one) => this.changed(one)));
  }

  private changed({ change, path }: TreeChange): void {
    if (change === 'children') return;
    const stat = change === 'deleted' ? null : this.cluster.zookeeper.tree.exists(path);
    // One transaction may make a znode and delete it.
    if (!stat) {
      return this.log.see(ZOOKEEPER, {
        what: 'znode',
        path,
        change: 'deleted',
        data: null,
        version: -1,
        owner: null,
      });
    }
    const { data } = this.cluster.zookeeper.tree.peek(path)!;
    const owner = stat.ephemeralOwner === NO_OWNER ? null : stat.ephemeralOwner;
    this.log.see(ZOOKEEPER, {
      what: 'znode',
      path,
      change,
      data: data.toString(),
      version: stat.version,
      owner,
    });
  }

  /** Called after each action. */
  look(): void {
    const open = serverSessions(this.cluster.zookeeper);
    for (const { id, timeoutMs, client, unheardSinceMs } of open.values()) {
      const seen = this.sessions.get(id);
      if (seen && seen.silentSinceMs === unheardSinceMs) continue;
      const host = client?.hostName ?? seen?.host ?? '';
      this.sessions.set(id, { host, timeoutMs, silentSinceMs: unheardSinceMs });
      const expiresMs = unheardSinceMs === undefined ? null : unheardSinceMs + timeoutMs;
      const state = expiresMs === null ? 'open' : 'silent';
      this.log.see(ZOOKEEPER, { what: 'session', session: id, host, timeoutMs, expiresMs, state });
    }
    for (const [session, { host, timeoutMs }] of this.sessions) {
      if (open.has(session)) continue;
      this.sessions.delete(session);
      this.log.see(ZOOKEEPER, { what: 'session', session, host, timeoutMs, expiresMs: null, state: 'ended' });
    }
  }
}
