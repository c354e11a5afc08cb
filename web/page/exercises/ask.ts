/** What exercises ask of an event and of the state, beside what lessons ask (look.ts). Pure. */
import { brokerHost } from '../../shared/run';
import { State } from '../../shared/state';
import { TOPIC } from '../lessons/facts';
import { told, toldOfT } from '../lessons/look';
import type { AnyEvent } from '../lessons/script';
import { partitionState } from '../model/broker-view';
import { isCutFrom } from '../model/faults';
import { listed } from '../model/words';
import type { Notes, Tool } from './script';

type Fields = Readonly<Record<string, unknown>>;

export const isTold = (event: AnyEvent, what: string, fields?: Fields): boolean =>
  told(what, fields)(event, {});

export const isToldOfT = (event: AnyEvent, what: string, fields?: Fields): boolean =>
  toldOfT(what, fields)(event, {});

/** A record that was sent at this moment or later was acknowledged to the producer. */
export const isAckedSince = (event: AnyEvent, producer: string, sinceMs: number): boolean =>
  isTold(event, 'acked', { producer }) && Number(event.sentMs) >= sinceMs;

/** Leader, leader epoch and ISR of t-0 as they are in ZooKeeper. */
export const stateOfT = (state: State) => partitionState(state, TOPIC, 0);

export const isrOfT = (state: State): readonly number[] => stateOfT(state)?.isr ?? [];

export const isrInWords = (state: State): string =>
  `The ISR of t-0 is ${listed([...isrOfT(state)].sort((a, b) => a - b))}.`;

/** Brokers that run, and believe to lead t-0. */
export const leadersOfT = (state: State): number[] =>
  Object.values(state.replicas)
    .filter(({ topic, partition, role }) => topic === TOPIC && partition === 0 && role === 'leader')
    .map(({ broker }) => broker)
    .filter((broker) => state.brokers[broker]?.status === 'up')
    .sort((a, b) => a - b);

export const isUp = ({ brokers }: State, broker: number): boolean => brokers[broker]?.status === 'up';

export const isCutBetween = (state: State, host: string, broker: number): boolean =>
  isCutFrom(state, host, brokerHost(broker));

/** An action of the user: its fields; undefined: the event is none. */
export function actionOf(event: AnyEvent): Fields | undefined {
  return event.what === 'command' ? (event.action as Fields) : undefined;
}

/** How many records of a producer, or of all of them, are lost. */
export const lostOf = ({ verdict }: State, producer?: string): number =>
  (producer === undefined ? verdict?.lost : verdict?.lostOf[producer]) ?? 0;

/** When p1 was acknowledged last is noted as `acked`; the first event that is seen counts as one. */
export const watchAcks = (event: AnyEvent, notes: Notes): Notes =>
  notes.acked === undefined || isTold(event, 'acked', { producer: 'p1' })
    ? { ...notes, acked: event.atMs }
    : notes;

/** How long p1 has waited, at the moment when it is acknowledged; 0 at any other. */
export const gapMs = (event: AnyEvent, { acked = event.atMs }: Notes): number =>
  isTold(event, 'acked', { producer: 'p1' }) ? event.atMs - acked : 0;

export const secondsOf = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** A button that starts a producer that sends a record to t every half second. */
export const producerTool = (
  label: string,
  plan: {
    readonly producer: string;
    readonly acks: string;
    readonly isIdempotent: boolean;
    readonly settings?: Readonly<Record<string, string>>;
  },
): Tool => ({
  label,
  actions: () => [{ what: 'start-producer', topic: TOPIC, everyMs: 500, bytes: 0, settings: {}, ...plan }],
});

export const topicTool = (name: string, value: string): Tool => ({
  label: `set ${name}=${value}`,
  actions: () => [{ what: 'set-topic', topic: TOPIC, name, value }],
});
