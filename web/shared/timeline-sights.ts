/**
 * What of the picture follows from the events of a timeline, where nobody looked: brokers that come and go,
 * the controller, leaders and ISR as they stand in ZooKeeper, and of each replica what its broker said last.
 * Between two events nothing is known: a log's end is where it was when it was told.
 */
import { BrokerStatus, ReplicaSight, Sight } from './events';
import { brokerHost, ZOOKEEPER } from './run';

/** An event of a timeline, without its time. */
export type Told = { readonly who: string; readonly what: string; readonly [field: string]: unknown };
type Unplaced = (Sight & { readonly who: string }) | Told;

interface Broker {
  status: BrokerStatus;
  isController: boolean;
  controllerEpoch: number;
  brokerEpoch: number;
}

/** What a story does to a broker's process. */
const FAULTS: Readonly<Record<string, BrokerStatus>> = {
  'kill -9': 'dead',
  'SIGKILL': 'dead',
  'SIGTERM': 'stopping',
  'SIGSTOP': 'paused',
  'SIGCONT': 'up',
};
const ROLE = /^(became-(leader|follower)|isr-changed|truncated)$/;

const isId = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;
const numberOr = (value: unknown, other: number): number =>
  Number.isSafeInteger(value) ? (value as number) : other;
const idsOf = (value: unknown): number[] => (Array.isArray(value) ? value.filter(isId).slice(0, 100) : []);

export class TimelineSights {
  private readonly brokers = new Map<number, Broker>();
  private readonly replicas = new Map<string, ReplicaSight>();
  private readonly known = new Set<string>();
  private readonly versions = new Map<string, number>();

  /** `all`: the whole timeline, for who takes part in it. */
  constructor(all: readonly Told[]) {
    const ids = new Set<number>();
    for (const event of all) for (const id of brokersIn(event)) ids.add(id);
    for (const id of [...ids].sort((a, b) => a - b)) {
      this.brokers.set(id, { status: 'starting', isController: false, controllerEpoch: 0, brokerEpoch: -1 });
    }
  }

  atTheBeginning(): Unplaced[] {
    return [
      ...[...this.brokers.keys()].map((id) => this.brokerSight(id)),
      { who: 'simulation', what: 'ready' },
    ];
  }

  /** The event itself, in the words of the page, and what follows from it. */
  after(event: Told): Unplaced[] {
    const { what } = event;
    if (event.who === 'story' && what in FAULTS) return this.fault(event);
    return [event, ...this.brokerAfter(event), ...this.zookeeperAfter(event), ...this.replicaAfter(event)];
  }

  private brokerSight(id: number): Unplaced {
    const host = brokerHost(id);
    return { who: host, what: 'broker', broker: id, host, ...this.brokers.get(id)!, problem: null };
  }

  private brokerIs(id: unknown, changes: Partial<Broker>): Unplaced[] {
    const broker = isId(id) ? this.brokers.get(id) : undefined;
    if (!broker) return [];
    Object.assign(broker, changes);
    return [this.brokerSight(id as number)];
  }

  /** A story's fault to a broker is told as the lab's own are; to a member of a group it is a line. */
  private fault(event: Told): Unplaced[] {
    const ids = isId(event.broker) ? [event.broker] : idsOf(event.brokers);
    if (ids.length === 0) return [event];
    const fault = event.what === 'SIGKILL' ? 'kill -9' : event.what;
    return ids.flatMap((id): Unplaced[] => [
      { who: 'story', what: 'fault', fault, target: `${id}` },
      ...this.brokerIs(id, { status: FAULTS[event.what]! }),
    ]);
  }

  private brokerAfter(event: Told): Unplaced[] {
    const { what, broker, controllerEpoch } = event;
    switch (what) {
      case 'broker-registered':
        return this.brokerIs(broker, { status: 'starting', brokerEpoch: numberOr(event.brokerEpoch, -1) });
      case 'broker-started':
        return this.brokerIs(broker, { status: 'up', brokerEpoch: numberOr(event.brokerEpoch, -1) });
      case 'broker-stopped':
        return this.brokerIs(broker, { status: 'dead' });
      case 'controller-elected':
        return [
          ...this.noController(),
          ...this.brokerIs(broker, { isController: true, controllerEpoch: numberOr(controllerEpoch, 0) }),
        ];
      case 'controller-resigned':
        return this.brokerIs(broker, { isController: false, controllerEpoch: 0 });
      default:
        return [];
    }
  }

  private noController(): Unplaced[] {
    return [...this.brokers].flatMap(([id, { isController }]) =>
      isController ? this.brokerIs(id, { isController: false, controllerEpoch: 0 }) : [],
    );
  }

  /** What the event says was written to ZooKeeper. */
  private zookeeperAfter(event: Told): Unplaced[] {
    const { what, broker, topic, partition } = event;
    switch (what) {
      case 'broker-registered':
        return isId(broker) ? this.znode(`/brokers/ids/${broker}`, null, brokerHost(broker)) : [];
      case 'broker-stopped':
        return isId(broker) ? this.gone(`/brokers/ids/${broker}`) : [];
      case 'broker-change':
        return idsOf(event.removed).flatMap((id) => this.gone(`/brokers/ids/${id}`));
      case 'controller-elected':
        if (!isId(broker)) return [];
        return [
          ...this.znode('/controller', { brokerid: broker }, brokerHost(broker)),
          ...this.znode('/controller_epoch', numberOr(event.controllerEpoch, 0), null),
        ];
      case 'leader-elected':
      case 'replica-left-isr':
      case 'isr-changed': {
        const state = { leader: event.leader, leader_epoch: event.leaderEpoch, isr: idsOf(event.isr) };
        return this.znode(
          `/brokers/topics/${String(topic)}/partitions/${String(partition)}/state`,
          state,
          null,
        );
      }
      default:
        return [];
    }
  }

  /** With the folders above it, as far as they are not there. */
  private znode(path: string, data: unknown, owner: string | null): Unplaced[] {
    const folder = path.slice(0, path.lastIndexOf('/'));
    const above = folder === '' || this.known.has(folder) ? [] : this.znode(folder, null, null);
    const version = (this.versions.get(path) ?? -1) + 1;
    this.versions.set(path, version);
    const change = this.known.has(path) ? 'changed' : 'created';
    this.known.add(path);
    const text = data === null ? '' : JSON.stringify(data);
    return [...above, { who: ZOOKEEPER, what: 'znode', path, change, data: text, version, owner }];
  }

  private gone(path: string): Unplaced[] {
    if (!this.known.delete(path)) return [];
    this.versions.delete(path);
    return [{ who: ZOOKEEPER, what: 'znode', path, change: 'deleted', data: null, version: -1, owner: null }];
  }

  private replicaAfter(event: Told): Unplaced[] {
    const { what, broker, topic, partition } = event;
    if (!ROLE.test(what) || !isId(broker) || typeof topic !== 'string' || !isId(partition)) return [];
    const name = `${broker}/${topic}-${partition}`;
    const before = this.replicas.get(name);
    const end = numberOr(what === 'truncated' ? event.to : event.logEndOffset, before?.logEnd ?? 0);
    const leader = numberOr(event.leader, before?.leader ?? -1);
    const leaderEpoch = numberOr(event.leaderEpoch, before?.leaderEpoch ?? 0);
    const sight: ReplicaSight = {
      what: 'replica',
      ...{ broker, topic, partition, leader, leaderEpoch },
      role: leader === broker ? 'leader' : 'follower',
      logStart: 0,
      highWatermark: Math.min(end, numberOr(event.highWatermark, before?.highWatermark ?? 0)),
      logEnd: end,
      syncedTo: 0,
      isr: Array.isArray(event.isr) ? idsOf(event.isr) : (before?.isr ?? []),
      epochs: epochsAfter(before?.epochs ?? [], { what, leaderEpoch, end, isLeader: leader === broker }),
      segments: [0],
    };
    this.replicas.set(name, sight);
    return [{ who: brokerHost(broker), ...sight }];
  }
}

/** A leader begins its epoch at its log's end; of a follower's epochs the leader's are known by and by. */
function epochsAfter(
  before: ReplicaSight['epochs'],
  now: { what: string; leaderEpoch: number; end: number; isLeader: boolean },
): ReplicaSight['epochs'] {
  const { what, leaderEpoch, end, isLeader } = now;
  const kept = what === 'truncated' ? before.filter(([, start]) => start < end) : before;
  if (kept.length === 0) return [[leaderEpoch, 0]];
  const isNew = what === 'became-leader' && isLeader && !kept.some(([epoch]) => epoch >= leaderEpoch);
  return isNew ? [...kept, [leaderEpoch, end]] : kept;
}

function brokersIn({ who, broker, leader, replica, isr }: Told): number[] {
  const named = /^broker-(\d{1,4})$/.exec(who)?.[1];
  return [named === undefined ? undefined : Number(named), broker, leader, replica, ...idsOf(isr)].filter(
    isId,
  );
}
