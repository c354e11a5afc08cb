/** A chroot of the test run's ZooKeeper for one test file, and sessions that are closed whatever happens. */
import { nodeClock, nodeRandom, silentLog } from '../../src/host/node-host';
import { realZooKeeper } from '../../src/zk/real-zookeeper';
import { ZkEvent, ZkSession, ZooKeeper } from '../../src/zk/zk-session';

export const zkHost = { clock: nodeClock, random: nodeRandom, log: silentLog };
export const zkConnect = () => process.env.SAMSA_TEST_ZOOKEEPER!;

let chroots = 0;

export async function freshChroot(): Promise<string> {
  const chroot = `${zkConnect()}/t-${process.pid}-${Date.now()}-${chroots++}`;
  await realZooKeeper(zkHost, chroot).createRoot({ sessionTimeoutMs: 30000, connectTimeoutMs: 60000 });
  return chroot;
}

export interface Watched {
  readonly session: ZkSession;
  readonly events: ZkEvent[];
}

export class Sessions {
  private readonly open: ZkSession[] = [];

  async session(
    zookeeper: ZooKeeper,
    sessionTimeoutMs = 30000,
    resume?: { id: string; password: string },
  ): Promise<Watched> {
    const session = await zookeeper.openSession({ sessionTimeoutMs, connectTimeoutMs: 60000, resume });
    const events: ZkEvent[] = [];
    session.onEvent((event) => events.push(event));
    this.open.push(session);
    return { session, events };
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.open.splice(0).map((session) => session.close()));
  }
}

/** The code a promise rejects with, or 'ok'. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'ok',
    (error) => (error as { code: string }).code,
  );
}
