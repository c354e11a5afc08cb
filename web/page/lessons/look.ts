/** What lessons look for: questions to one event, and to the state of the picture. Pure. */
import { BrokerStatus } from '../../shared/events';
import { Action, brokerHost } from '../../shared/run';
import { State } from '../../shared/state';
import { TOPIC } from './facts';
import type { AnyEvent, Notes } from './script';

type Is = (event: AnyEvent, notes: Notes) => boolean;

/** An event of this name with these fields. */
export function told(what: string, fields: Readonly<Record<string, unknown>> = {}): Is {
  const wanted = Object.entries(fields);
  return (event) => event.what === what && wanted.every(([name, value]) => event[name] === value);
}

/** The same, about partition 0 of the lesson's topic. */
export const toldOfT = (what: string, fields: Readonly<Record<string, unknown>> = {}): Is =>
  told(what, { topic: TOPIC, partition: 0, ...fields });

/** The user did this: by the lesson's button, by a key, or in a menu. */
export function asked(what: Action['what'], fields: Readonly<Record<string, unknown>> = {}): Is {
  return (event) => {
    if (event.what !== 'command') return false;
    const action = event.action as Readonly<Record<string, unknown>>;
    return action.what === what && Object.entries(fields).every(([name, value]) => action[name] === value);
  };
}

/** A fault happened to the broker that is noted under this name. */
export const struck =
  (who: string, ...faults: readonly string[]): Is =>
  ({ what, fault, target }, notes) =>
    what === 'fault' && faults.includes(String(fault)) && Number(target) === notes[who];

/** What ends or silences a broker without its doing. */
export const DEATHS = ['kill -9', 'power cut', 'SIGSTOP', 'expire session'] as const;

export const isrOf = ({ isr }: AnyEvent): readonly number[] => (Array.isArray(isr) ? (isr as number[]) : []);

/** The ISR was written with so many members, by the leader or by the controller. */
export const isrHas =
  (count: number): Is =>
  (event) =>
    (toldOfT('isr-changed')(event, {}) || toldOfT('replica-left-isr')(event, {})) &&
    isrOf(event).length === count;

type Replica = State['replicas'][string];

const replicasOfT = ({ replicas }: State): Replica[] =>
  Object.values(replicas).filter(({ topic, partition }) => topic === TOPIC && partition === 0);

/** Who leads the topic now, as it believes itself; of two the one with the later epoch. */
export function leaderOf(state: State): number | undefined {
  return replicasOfT(state)
    .filter(({ broker, role }) => role === 'leader' && state.brokers[broker]?.status === 'up')
    .sort((a, b) => b.leaderEpoch - a.leaderEpoch)[0]?.broker;
}

/** The other replicas whose brokers are in this state, by id. */
export function followersOf(state: State, status: BrokerStatus = 'up'): number[] {
  const leader = leaderOf(state);
  return replicasOfT(state)
    .map(({ broker }) => broker)
    .filter((broker) => broker !== leader && state.brokers[broker]?.status === status)
    .sort((a, b) => a - b);
}

export function brokersThatAre(state: State, status: BrokerStatus): number[] {
  return Object.values(state.brokers)
    .filter((one) => one.status === status)
    .map(({ broker }) => broker)
    .sort((a, b) => a - b);
}

export const controllerOf = ({ brokers }: State): number | undefined =>
  Object.values(brokers).find(({ isController, status }) => isController && status === 'up')?.broker;

/** Both directions between a broker and others. */
export const cutOff = (broker: number, others: readonly string[]): Action[] =>
  others.map((to) => ({ what: 'cut-link', from: brokerHost(broker), to, isOneWay: false }));

export const nameOf = (broker: number | undefined): string => String(broker ?? '–');

export const counted = (count: number): string => (count === 0 ? 'none' : count < 10 ? 'a few' : 'many');

/** Milliseconds from one noted moment to another. */
export const between = (notes: Notes, from: string, to: string): number =>
  (notes[to] ?? NaN) - (notes[from] ?? NaN);
