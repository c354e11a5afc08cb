/**
 * From events to the state of the picture. Pure: the state that goes in is never changed, and what an event
 * does not touch is the same object afterwards, so that views compare by identity.
 *
 * `foldAll` copies each map once for many events; it is what a frame of the page wants. Events that it does
 * not know are happenings: a page that is older than its worker shows them as lines.
 */
import { Happening, isSight, LabEvent, LabSight, linkName, replicaName } from './events';
import { EMPTY_STATE, MAX_HAPPENINGS, MAX_RATES, Rate, RATE_STEP_MS, State } from './state';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type MapName =
  | 'brokers'
  | 'disks'
  | 'cuts'
  | 'slow'
  | 'znodes'
  | 'sessions'
  | 'replicas'
  | 'messages'
  | 'producers'
  | 'consumers'
  | 'groups'
  | 'checks';

/** A state in the making: each map is copied when it is first written to. */
class Draft {
  readonly state: Mutable<State>;
  private readonly copied = new Set<MapName>();
  private happenings: Happening[] | undefined;
  private rates: Rate[] | undefined;

  constructor(before: State) {
    this.state = { ...before };
  }

  private map(name: MapName): Record<string | number, unknown> {
    if (!this.copied.has(name)) {
      this.copied.add(name);
      (this.state as Record<MapName, unknown>)[name] = { ...this.state[name] };
    }
    return this.state[name] as Record<string | number, unknown>;
  }

  put(name: MapName, key: string | number, event: LabSight, more: object = {}): void {
    const { what: _what, seq: _seq, who: _who, atMs, ...said } = event;
    this.map(name)[key] = { ...said, ...more, seenMs: atMs };
  }

  remove(name: MapName, key: string | number): void {
    if (key in this.state[name]) delete this.map(name)[key];
  }

  happened(event: Happening): void {
    this.happenings ??= [...this.state.happenings];
    this.happenings.push(event);
  }

  count(atMs: number, add: { acked?: number; latencyMs?: number; read?: number }): void {
    this.rates ??= [...this.state.rates];
    const step = Math.floor(atMs / RATE_STEP_MS) * RATE_STEP_MS;
    const last = this.rates.at(-1);
    const isSame = last?.atMs === step;
    const before = isSame ? last : { atMs: step, acked: 0, latencySumMs: 0, read: 0 };
    const { acked = 0, latencyMs = 0, read = 0 } = add;
    const after = {
      atMs: step,
      acked: before.acked + acked,
      latencySumMs: before.latencySumMs + latencyMs,
      read: before.read + read,
    };
    this.rates.splice(isSame ? -1 : this.rates.length, isSame ? 1 : 0, after);
  }

  /** Messages that have arrived are no longer on their way; one millisecond is left to see them arrive. */
  private dropArrived(): void {
    for (const { id, arrivesMs } of Object.values(this.state.messages)) {
      if (arrivesMs !== null && arrivesMs < this.state.nowMs - 1) this.remove('messages', id);
    }
  }

  finish(): State {
    if (this.happenings) this.state.happenings = this.happenings.slice(-MAX_HAPPENINGS);
    if (this.rates) this.state.rates = this.rates.slice(-MAX_RATES);
    this.dropArrived();
    return this.state;
  }
}

function see(draft: Draft, event: LabSight): void {
  switch (event.what) {
    case 'broker':
      return draft.put('brokers', event.broker, event);
    case 'disk':
      return draft.put('disks', event.broker, event);
    case 'link':
      if (event.isCut) return draft.put('cuts', linkName(event.from, event.to), event);
      return draft.remove('cuts', linkName(event.from, event.to));
    case 'slow-link':
      if (event.delayMs > 0) return draft.put('slow', linkName(event.from, event.to), event);
      return draft.remove('slow', linkName(event.from, event.to));
    case 'message-gone':
      return draft.remove('messages', event.message);
    case 'znode':
      return seeZnode(draft, event);
    case 'session':
      if (event.state === 'ended') return draft.remove('sessions', event.session);
      return draft.put('sessions', event.session, event);
    case 'replica':
      return draft.put('replicas', replicaName(event), event);
    case 'replica-gone':
      return draft.remove('replicas', replicaName(event));
    case 'message':
      return draft.put('messages', event.id, event);
    case 'producer':
      return draft.put('producers', event.producer, event);
    case 'consumer':
      return draft.put('consumers', event.consumer, event);
    case 'group':
      return draft.put('groups', event.group, event);
    case 'acked':
      return draft.count(event.atMs, { acked: 1, latencyMs: event.atMs - event.sentMs });
    case 'read':
      return draft.count(event.atMs, { read: event.count });
    case 'check':
      return seeCheck(draft, event);
    case 'verdict': {
      const { what: _what, seq: _seq, who: _who, atMs, ...counts } = event;
      draft.state.verdict = { ...counts, seenMs: atMs };
      return;
    }
    case 'ready':
      draft.state.isReady = true;
      return;
    case 'send-failed':
      return draft.happened(event as LabSight & Happening);
  }
}

/** What was deleted is shown until something else happens to the tree at a later time. */
function seeZnode(draft: Draft, event: LabSight & { what: 'znode' }): void {
  for (const { path, change, seenMs } of Object.values(draft.state.znodes)) {
    if (change === 'deleted' && seenMs < event.atMs) draft.remove('znodes', path);
  }
  draft.put('znodes', event.path, event);
}

function seeCheck(draft: Draft, event: LabSight & { what: 'check' }): void {
  if (draft.state.checks[event.check]?.isGood === false) return;
  draft.put('checks', event.check, event, { brokenBy: event.isGood ? null : event.seq });
}

/** `nowMs`: how far time has come since the last event. */
export function foldAll(state: State, events: readonly LabEvent[], nowMs = 0): State {
  const draft = new Draft(state);
  for (const event of events) {
    draft.state.lastSeq = event.seq;
    draft.state.nowMs = Math.max(draft.state.nowMs, event.atMs);
    if (isSight(event)) see(draft, event);
    else draft.happened(event);
  }
  draft.state.nowMs = Math.max(draft.state.nowMs, nowMs);
  return draft.finish();
}

export function fold(state: State, event: LabEvent): State {
  return foldAll(state, [event]);
}

export function foldFromStart(events: readonly LabEvent[]): State {
  return foldAll(EMPTY_STATE, events);
}
