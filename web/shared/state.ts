/**
 * What the picture is drawn from: plain data, folded from events (fold.ts). Maps are objects by name, in the
 * order in which things were first told.
 */
import {
  BrokerSight,
  CheckSight,
  ConsumerSight,
  DiskSight,
  GroupSight,
  Happening,
  LinkSight,
  MessageSight,
  ProducerSight,
  ReplicaSight,
  SessionSight,
  SlowLinkSight,
  VerdictSight,
  ZnodeSight,
} from './events';

/** A sight without the name of its kind, with the time when it was told last. */
export type Seen<S> = Omit<S, 'what'> & { readonly seenMs: number };

export interface State {
  readonly nowMs: number;
  readonly lastSeq: number;
  readonly isReady: boolean;
  /** By id. */
  readonly brokers: Readonly<Record<number, Seen<BrokerSight>>>;
  readonly disks: Readonly<Record<number, Seen<DiskSight>>>;
  /** Cut links only, by linkName. */
  readonly cuts: Readonly<Record<string, Seen<LinkSight>>>;
  /** Slow links only, by linkName. */
  readonly slow: Readonly<Record<string, Seen<SlowLinkSight>>>;
  /** By path; deleted ones stay, so that the picture can show them go, until the next is told. */
  readonly znodes: Readonly<Record<string, Seen<ZnodeSight>>>;
  /** By id; ended ones are gone. */
  readonly sessions: Readonly<Record<string, Seen<SessionSight>>>;
  /** By replicaName. What a dead broker has on its disk stays as it was. */
  readonly replicas: Readonly<Record<string, Seen<ReplicaSight>>>;
  /** By id: on their way, or waiting at a cut link. Those that arrived are dropped as time goes on. */
  readonly messages: Readonly<Record<number, Seen<MessageSight>>>;
  readonly producers: Readonly<Record<string, Seen<ProducerSight>>>;
  readonly consumers: Readonly<Record<string, Seen<ConsumerSight>>>;
  readonly groups: Readonly<Record<string, Seen<GroupSight>>>;
  /**
   * By name of the check. The first that broke it stays: `seenMs` is its moment, `brokenBy` the event's
   * number.
   */
  readonly checks: Readonly<Record<string, Seen<CheckSight> & { readonly brokenBy: number | null }>>;
  readonly verdict: Seen<VerdictSight> | null;
  /** The newest happenings, oldest first; at most MAX_HAPPENINGS. */
  readonly happenings: readonly Happening[];
  /**
   * Acknowledgements and reads of the last seconds, for the curves: [atMs, acked, latency sum in ms, read].
   */
  readonly rates: readonly Rate[];
}

/** What was counted within one step of RATE_STEP_MS. */
export interface Rate {
  readonly atMs: number;
  readonly acked: number;
  readonly latencySumMs: number;
  readonly read: number;
}

export const MAX_HAPPENINGS = 5000;
export const RATE_STEP_MS = 100;
export const MAX_RATES = 1200;

export const EMPTY_STATE: State = {
  nowMs: 0,
  lastSeq: 0,
  isReady: false,
  brokers: {},
  disks: {},
  cuts: {},
  slow: {},
  znodes: {},
  sessions: {},
  replicas: {},
  messages: {},
  producers: {},
  consumers: {},
  groups: {},
  checks: {},
  verdict: null,
  happenings: [],
  rates: [],
};
