/**
 * Sources that are tapes: the server of real processes, whose stream is followed, and a timeline out of a
 * file or from the server.
 */
import { LiveClient } from '../shared/live-client';
import { REPLAY_PATH, TOKEN_HEADER } from '../shared/live-protocol';
import { BROKER_ACTIONS } from '../shared/run';
import { TapePlayer } from '../shared/tape-player';
import { readTimeline, TIMELINE_LIMITS, TimelineError } from '../shared/timeline-file';
import { FromWorker, VIRTUAL_SOURCE } from '../shared/worker-protocol';
import { Source } from './source';

const NO_ACTION = 'This is a replay: what is to be seen has happened already.';
const NOTHING: Readonly<Record<string, string>> = Object.fromEntries(
  [...BROKER_ACTIONS, 'cut-link', 'heal-link', 'start-producer'].map((what) => [what, NO_ACTION]),
);
const nowMs = () => performance.now();
const later = (ms: number, run: () => void) => void setTimeout(run, ms);

export function liveSource(token: string): Source {
  let listener = (_: FromWorker) => {};
  const client = new LiveClient({
    address: '',
    token,
    fetch: (...request) => fetch(...request),
    nowMs,
    later,
    send: (message) => listener(message),
  });
  return {
    send: (message) => client.handle(message),
    listen: (wanted) => {
      listener = wanted;
      client.start();
    },
    close: () => client.close(),
    retry: () => client.retryNow(),
  };
}

/** Throws TimelineError for a text that is no timeline. */
export function replaySource(name: string, text: string, verdict?: unknown): Source {
  const { events, endMs, note } = readTimeline(text, verdict);
  let listener = (_: FromWorker) => {};
  const tape = new TapePlayer(
    { nowMs, later, send: (message) => listener(message) },
    { ...VIRTUAL_SOURCE, kind: 'replay', title: name, why: note, isAtTheEdge: false, cannot: NOTHING },
  );
  return {
    send: (message) => tape.handle(message),
    listen: (wanted) => {
      listener = wanted;
      tape.begin(events, endMs);
    },
    close: () => tape.close(),
  };
}

/** Of a file that the user has chosen or dropped. Rejects with TimelineError. */
export async function replayOfFile(file: File): Promise<Source> {
  if (file.size > TIMELINE_LIMITS.bytes)
    throw new TimelineError(`${file.name} is larger than any timeline of a run.`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw new TimelineError(`${file.name} is not text: a timeline is the file timeline.ndjson of a run.`);
  }
  return replaySource(file.name, text);
}

/** The one that `./scripts/lab --replay` was given. Rejects with an Error that explains. */
export async function replayOfServer(token: string): Promise<Source> {
  const response = await fetch(REPLAY_PATH, { headers: { [TOKEN_HEADER]: token } });
  const text = await response.text();
  if (!response.ok) throw new TimelineError(text.trim());
  const end = text.indexOf('\n');
  const { replay, verdict } = JSON.parse(text.slice(0, end)) as { replay: string; verdict?: unknown };
  return replaySource(replay, text.slice(end + 1), verdict);
}
