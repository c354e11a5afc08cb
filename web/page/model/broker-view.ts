/** A broker and its replicas as they are drawn: all that the picture needs, decided without a browser. */
import { Happening } from '../../shared/events';
import { brokerHost } from '../../shared/run';
import { State } from '../../shared/state';
import { Axis, axisOf, Stretch, stretchesOf } from './bars';

export interface ReplicaView {
  readonly name: string;
  readonly topic: string;
  readonly partition: number;
  readonly broker: number;
  /** Short, to stand before the bar. */
  readonly label: string;
  readonly isLeader: boolean;
  /** In the ISR, as the partition's leader (or the last that was) knows it. */
  readonly isInSync: boolean;
  readonly isOffline: boolean;
  readonly axis: Axis;
  readonly stretches: readonly Stretch[];
  readonly logStart: number;
  readonly highWatermark: number;
  readonly logEnd: number;
  readonly syncedTo: number;
  /** Where the log ended before a truncation that is still to be seen. */
  readonly truncatedFrom: number | null;
  /** A few words below the bar. */
  readonly note: string;
  /** All of it in words, for the pointer and for who does not see. */
  readonly words: string;
}

export interface BrokerView {
  readonly id: number;
  readonly host: string;
  readonly status: State['brokers'][number]['status'];
  readonly isController: boolean;
  readonly controllerEpoch: number;
  readonly problem: string | null;
  readonly rows: readonly ReplicaView[];
}

/** What of the state is drawn here. */
export type BrokerState = Pick<State, 'brokers' | 'replicas' | 'znodes' | 'happenings' | 'nowMs'>;

type Replica = State['replicas'][string];

/** How long a truncation is to be seen, in virtual ms. */
export const TRUNCATION_SEEN_MS = 3000;

/** Partitions that the picture leaves out until somebody asks for them. */
export const isInternal = (topic: string): boolean => topic.startsWith('__');

/**
 * The state of a partition in ZooKeeper, which is the truth about leader and ISR. Undefined: it has none.
 */
export function partitionState(
  { znodes }: Pick<State, 'znodes'>,
  topic: string,
  partition: number,
): { readonly leader: number; readonly leaderEpoch: number; readonly isr: readonly number[] } | undefined {
  const data = znodes[`/brokers/topics/${topic}/partitions/${partition}/state`]?.data;
  if (!data) return undefined;
  try {
    const {
      leader,
      leader_epoch: leaderEpoch,
      isr,
    } = JSON.parse(data) as { leader: number; leader_epoch: number; isr: number[] };
    return { leader, leaderEpoch, isr };
  } catch {
    return undefined;
  }
}

function truncations(happenings: readonly Happening[], nowMs: number): Map<string, number> {
  const found = new Map<string, number>();
  for (let i = happenings.length - 1; i >= 0 && nowMs - happenings[i]!.atMs < TRUNCATION_SEEN_MS; i--) {
    const { what, broker, topic, partition, from, to } = happenings[i]!;
    if (what !== 'truncated' || from === to) continue;
    found.set(`${String(broker)}/${String(topic)}-${String(partition)}`, from as number);
  }
  return found;
}

function noteOf(replica: Replica, isInSync: boolean, isr: readonly number[]): string {
  if (replica.role === 'offline') return 'log dir offline';
  if (replica.role === 'leader') return isInSync ? `leader · ISR ${isr.join(' ')}` : 'believes to lead';
  return isInSync ? `follows ${replica.leader < 0 ? 'nobody' : replica.leader}` : 'not in the ISR';
}

function wordsOf(
  { topic, partition, role, leaderEpoch, logStart, highWatermark, logEnd, syncedTo }: Replica,
  isInSync: boolean,
): string {
  return (
    `${topic}-${partition}, ${role}, leader epoch ${leaderEpoch}, ${isInSync ? 'in' : 'not in'} the ISR; ` +
    `log start ${logStart}, high watermark ${highWatermark}, log end ${logEnd}, on disk up to ${syncedTo}`
  );
}

/** Nothing is to be said of the replicas of the dead but what lies on their disk. */
function isDead({ brokers }: BrokerState, broker: number): boolean {
  return brokers[broker]?.status === 'dead';
}

function rowOf(replica: Replica, axis: Axis, state: BrokerState, truncatedFrom: number | null): ReplicaView {
  const { broker, topic, partition, role, logStart, highWatermark, logEnd, syncedTo } = replica;
  const isr = partitionState(state, topic, partition)?.isr ?? replica.isr;
  const isInSync = isr.includes(broker);
  return {
    name: `${topic}-${partition}`,
    topic,
    partition,
    broker,
    label: `${topic}-${partition}`.slice(-6),
    isLeader: role === 'leader' && !isDead(state, broker),
    isInSync,
    isOffline: role === 'offline',
    axis,
    stretches: stretchesOf(replica, axis),
    logStart,
    highWatermark,
    logEnd,
    syncedTo,
    truncatedFrom: truncatedFrom !== null && truncatedFrom > logEnd ? truncatedFrom : null,
    note: isDead(state, broker) ? 'on its disk' : noteOf(replica, isInSync, isr),
    words: wordsOf(replica, isInSync),
  };
}

export function brokerViews(state: BrokerState): BrokerView[] {
  const replicas = Object.values(state.replicas).filter(({ topic }) => !isInternal(topic));
  const byPartition = new Map<string, Replica[]>();
  for (const replica of replicas) {
    const name = `${replica.topic}-${replica.partition}`;
    const list = byPartition.get(name);
    if (list) list.push(replica);
    else byPartition.set(name, [replica]);
  }
  const axes = new Map([...byPartition].map(([name, list]) => [name, axisOf(list)]));
  const truncated = truncations(state.happenings, state.nowMs);
  const rowsOf = (id: number) =>
    replicas
      .filter(({ broker }) => broker === id)
      .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
      .map((replica) => {
        const name = `${replica.topic}-${replica.partition}`;
        return rowOf(replica, axes.get(name)!, state, truncated.get(`${id}/${name}`) ?? null);
      });
  return Object.values(state.brokers)
    .sort((a, b) => a.broker - b.broker)
    .map((one) => ({
      id: one.broker,
      host: brokerHost(one.broker),
      status: one.status,
      isController: one.isController,
      controllerEpoch: one.controllerEpoch,
      problem: one.problem,
      rows: rowsOf(one.broker),
    }));
}

/** Who leads the partition that is looked at first; undefined: nobody. */
export function firstLeader(views: readonly BrokerView[]): BrokerView | undefined {
  return views.find(({ rows, status }) => status === 'up' && rows.some(({ isLeader }) => isLeader));
}
