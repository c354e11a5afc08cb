/**
 * What page and source say to each other; all plain data (structured clone). The source is the worker with
 * the virtual cluster, or a tape: what was told of real processes (tape-player.ts).
 *
 * The page asks, and takes what comes: every change of the cluster arrives as `events`, in the order of their
 * numbers. `reset` means: begin with the empty state, the events of the run follow from number 1. An
 * impossible action is a `refused` happening among the events; `failed` is for what ends the run (a worker
 * that threw, a run that is invalid).
 */
import { LabEvent, MessageSight } from './events';
import { Action, Run } from './run';

/**
 * Virtual milliseconds for each real one. `auto`: slowly while a message travels, fast while nothing does.
 */
export type Speed = number | 'auto';
export const MIN_SPEED = 1 / 1000;
export const MAX_SPEED = 100;
export const TRAVEL_SPEED = 1 / 120;
export const IDLE_SPEED = 4;

export type ToWorker =
  /** Starts a run and goes to `atMs` (default: when the scene is ready); then it stands still. */
  | { readonly type: 'load'; readonly run: Run; readonly atMs?: number }
  | { readonly type: 'play'; readonly speed: Speed }
  | { readonly type: 'pause' }
  /** Goes on to the next happening, or to the next message that is sent or arrives, and stands still. */
  | { readonly type: 'step'; readonly to: 'event' | 'message' }
  /**
   * To any moment; back is a run again from the start. It stands still afterwards. Whoever has the picture of
   * that moment (`isKnown`) is told `resumed`, anybody else `reset` with all events.
   */
  | { readonly type: 'seek'; readonly atMs: number; readonly isKnown?: boolean }
  /** Does it now, and drops the actions that were to come: a branch. */
  | { readonly type: 'command'; readonly action: Action }
  /** `ask` comes back with the answer. */
  | { readonly type: 'details'; readonly ask: number; readonly message: number }
  /** Who watches a znode now. */
  | { readonly type: 'watchers'; readonly ask: number; readonly path: string };

export type FromWorker =
  | { readonly type: 'reset'; readonly run: Run }
  /** It is at the moment that the page has the picture of; events after `lastSeq` follow. */
  | { readonly type: 'resumed'; readonly lastSeq: number; readonly messages: readonly MessageSight[] }
  | { readonly type: 'events'; readonly events: readonly LabEvent[] }
  | TimeReport
  /** The run as it is now, for the address bar: after `load` and after each command. */
  | { readonly type: 'run'; readonly run: Run }
  | { readonly type: 'details'; readonly ask: number; readonly details: MessageDetails | null }
  | { readonly type: 'watchers'; readonly ask: number; readonly hosts: readonly string[] }
  | SourceReport
  | { readonly type: 'failed'; readonly why: string };

/**
 * Where the events come from, and how it stands with it. The virtual cluster, which can do all, says nothing.
 */
export interface SourceReport {
  readonly type: 'source';
  readonly kind: 'virtual' | 'real' | 'replay';
  /** What stands in the head of the page: which cluster, or which file. */
  readonly title: string;
  /** `closed`: there will be nothing more; what was told can still be looked at. */
  readonly connection: 'opening' | 'open' | 'lost' | 'closed';
  /** Why it is lost or closed, and what the user can do, in words; null while it is open. */
  readonly why: string | null;
  /** By name of an action, why this source never can do it. */
  readonly cannot: Readonly<Record<string, string>>;
  /** The picture shows the present, not a moment before. */
  readonly isAtTheEdge: boolean;
}

export const VIRTUAL_SOURCE: SourceReport = {
  type: 'source',
  kind: 'virtual',
  title: '',
  connection: 'open',
  why: null,
  cannot: {},
  isAtTheEdge: true,
};

/** After each turn of the worker, up to 60 times a second. */
export interface TimeReport {
  readonly type: 'time';
  readonly nowMs: number;
  readonly isPlaying: boolean;
  /** What was asked for. */
  readonly speed: Speed;
  /** What is driven at: with `auto` it changes; 0 while it stands still. Virtual time may lag behind it. */
  readonly drivenSpeed: number;
  /** Of all actions so far: two runs of the same `Run` agree at each moment. Eight hexadecimal digits. */
  readonly traceHash: string;
  /** The last action of the run that is still to come; null: none. Seeking beyond is allowed. */
  readonly lastActionMs: number | null;
}

/** Before anything was told. */
export const STOPPED: TimeReport = {
  type: 'time',
  nowMs: 0,
  isPlaying: false,
  speed: 'auto',
  drivenSpeed: 0,
  traceHash: '',
  lastActionMs: null,
};

export interface MessageDetails {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  /** Kafka's API, its key and version, and what it is for; for ZooKeeper the operation. */
  readonly title: string;
  readonly doc: string;
  readonly bytes: number;
  readonly fields: readonly DetailField[];
  /** The first bytes, as hexadecimal digits; at most 4096 bytes. */
  readonly hex: string;
}

export interface DetailField {
  readonly name: string;
  /** int32, string, array, struct, records … */
  readonly type: string;
  readonly doc: string;
  /** Of a record batch, as hexadecimal digits. */
  readonly bytes?: string;
  /** As text; null where it has fields of its own. */
  readonly value: string | null;
  readonly fields: readonly DetailField[];
}
