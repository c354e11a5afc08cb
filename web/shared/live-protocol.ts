/**
 * What the page and the server of real processes say to each other: events out as server-sent events, actions
 * in by POST. The token of the printed address goes in a header with both; a header, unlike a cookie, is
 * never sent along for somebody else.
 *
 * `EventSource` cannot send a header, so the page reads the stream itself (live-client.ts).
 */
import { LabEvent } from './events';

export const EVENTS_PATH = '/events';
export const COMMANDS_PATH = '/commands';
export const REPLAY_PATH = '/replay';
export const TOKEN_HEADER = 'x-samsa-token';
/** The last event that the page has: `RUN.SEQ`, as an `id:` of the stream. */
export const LAST_EVENT_HEADER = 'last-event-id';

/** In an address of the page: `#real.TOKEN` or `#replay.TOKEN`. */
export const PLACES = ['real', 'replay'] as const;
export type Place = (typeof PLACES)[number];

export const LIVE_LIMITS = {
  commandBytes: 64 * 1024,
  replayBytes: 64 * 1024 * 1024,
  clients: 16,
  /** Of one client that reads too slowly. */
  bufferedBytes: 8 * 1024 * 1024,
  keptEvents: 20_000,
  keptBytes: 16 * 1024 * 1024,
};

/** Begins, or begins again: `events` are a snapshot. */
export interface LiveReset {
  readonly title: string;
  readonly cannot: Readonly<Record<string, string>>;
  /** When the run's time 0 was, in ms since 1970. */
  readonly startedMs: number;
  readonly nowMs: number;
  readonly events: readonly LabEvent[];
}

export interface LiveEvents {
  readonly nowMs: number;
  readonly events: readonly LabEvent[];
}

/** The server ends of its own will; there is no use in asking again. */
export interface LiveEnded {
  readonly why: string;
}

/** What comes in the stream, by its `event:`. `ping` says that nothing happened. */
export type LiveMessage =
  | { readonly event: 'reset'; readonly data: LiveReset }
  | { readonly event: 'events'; readonly data: LiveEvents }
  | { readonly event: 'ping'; readonly data: { readonly nowMs: number } }
  | { readonly event: 'ended'; readonly data: LiveEnded };

export const PING_MS = 5000;
/** After so much silence the stream is held for dead. */
export const SILENCE_MS = 15_000;

/** The answer to an action: it was done or is under way (null), or why it is impossible. */
export interface CommandAnswer {
  readonly refused: string | null;
}
