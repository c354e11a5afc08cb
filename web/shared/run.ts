/**
 * A run: everything that decides what happens in the virtual cluster. The same run gives the same events,
 * byte for byte, in Node and in any browser; the address bar holds one (link.ts).
 *
 * Invariant: `actions` are in the order of their times, which are virtual milliseconds since the start. Plain
 * data.
 */

export const RUN_VERSION = 1;

export interface Run {
  readonly version: number;
  readonly seed: string;
  /** How many brokers; their ids are 1 to this. */
  readonly brokers: number;
  /**
   * `lab`: short sessions and waits, so that a virtual minute holds many elections. `kafka`: Kafka's
   * defaults.
   */
  readonly profile: Profile;
  /** Settings of every broker, over those of the profile. */
  readonly settings: Readonly<Record<string, string>>;
  /** `default`: topic `t` with a replica on up to three brokers, producer `p1` and consumer `c1`. */
  readonly scene: Scene;
  readonly lesson: string | null;
  /** The exercise that it is played for; its judges run it again. */
  readonly exercise: string | null;
  readonly actions: readonly Command[];
}

export const PROFILES = ['lab', 'kafka'] as const;
export type Profile = (typeof PROFILES)[number];
export const SCENES = ['default', 'empty'] as const;
export type Scene = (typeof SCENES)[number];

/** Hosts are named `broker-1`, `client-1`, `zookeeper`; links lead from one to another. */
export const ZOOKEEPER = 'zookeeper';
export const brokerHost = (broker: number): string => `broker-${broker}`;

/** What a user asks for, without its time. `acks` is `all`, `1` or `0`. */
export type Action =
  | { readonly what: BrokerAction; readonly broker: number }
  | {
      readonly what: 'cut-link' | 'heal-link';
      readonly from: string;
      readonly to: string;
      readonly isOneWay: boolean;
    }
  /** What is sent takes at least so long; 0: no longer. */
  | {
      readonly what: 'slow-link';
      readonly from: string;
      readonly to: string;
      readonly isOneWay: boolean;
      readonly delayMs: number;
    }
  /** A message on its way, by its number in the run. What is lost is lost with its connection. */
  | { readonly what: 'drop-message' | 'duplicate-message'; readonly message: number }
  | { readonly what: 'delay-message'; readonly message: number; readonly delayMs: number }
  | { readonly what: 'heal-all' }
  | { readonly what: 'zookeeper-down' | 'zookeeper-up' }
  | {
      readonly what: 'produce';
      readonly producer: string;
      readonly partition: number | null;
      readonly key: string | null;
      readonly value: string | null;
      readonly count: number;
    }
  | {
      readonly what: 'start-producer';
      readonly producer: string;
      readonly topic: string;
      readonly acks: string;
      readonly isIdempotent: boolean;
      readonly everyMs: number;
      readonly bytes: number;
      /** How many different keys its records have; without it each has one of its own. */
      readonly keys?: number;
      readonly settings: Readonly<Record<string, string>>;
    }
  | { readonly what: 'stop-producer'; readonly producer: string }
  | {
      readonly what: 'start-consumer';
      readonly consumer: string;
      readonly topic: string;
      readonly group: string | null;
      /** It commits before or after it has processed what a poll returned; without it now and then. */
      readonly commits?: 'before' | 'after';
      /** How long it takes to process a record. */
      readonly processMs?: number;
      /** The consumer of 0.8, whose group is in ZooKeeper. */
      readonly era?: '0.8';
      readonly settings: Readonly<Record<string, string>>;
    }
  /** Killed, it says nothing to anybody; one that takes time for its records dies between two of a poll. */
  | { readonly what: 'stop-consumer' | 'kill-consumer'; readonly consumer: string }
  | {
      readonly what: 'create-topic';
      readonly topic: string;
      readonly assignment: readonly (readonly number[])[];
      readonly settings: Readonly<Record<string, string>>;
    }
  | { readonly what: 'preferred-election'; readonly topic: string; readonly partition: number }
  | { readonly what: 'set-topic'; readonly topic: string; readonly name: string; readonly value: string }
  | { readonly what: 'set-broker'; readonly broker: number; readonly name: string; readonly value: string };

/** `set-broker` counts from the broker's next start. `power-cut` loses what was not yet synced. */
export const BROKER_ACTIONS = [
  'kill',
  'power-cut',
  'terminate',
  'pause',
  'resume',
  'start',
  'expire-session',
  'fill-disk',
  'fail-disk',
  'mend-disk',
] as const;
export type BrokerAction = (typeof BROKER_ACTIONS)[number];

/** An action with its virtual time. */
export type Command = Action & { readonly atMs: number };

export const DEFAULT_RUN: Run = {
  version: RUN_VERSION,
  seed: '1',
  brokers: 3,
  profile: 'lab',
  settings: {},
  scene: 'default',
  lesson: null,
  exercise: null,
  actions: [],
};

/** The run with an action added at `atMs`; what was to come later is dropped: a branch. */
export function withAction(run: Run, action: Action, atMs: number): Run {
  const kept = run.actions.filter((one) => one.atMs <= atMs);
  return { ...run, actions: [...kept, { ...action, atMs }] };
}
