/**
 * Everything that is told of the real cluster, numbered, and given to each client that listens: at once, one
 * write for all that happened in a turn of the event loop.
 *
 * A client that comes back names the last event that it has, and gets the rest; if that is too long ago, or
 * was told by another run of the server, it gets a snapshot. Bounds: events that are kept, clients, and the
 * bytes that wait for a client that reads too slowly: it is dropped, and may come back.
 */
import * as crypto from 'node:crypto';
import { EventTeller } from '../engine/event-log';
import { formatEvent } from '../shared/event-stream';
import { LabEvent, Sight } from '../shared/events';
import { LIVE_LIMITS, LiveMessage, PING_MS } from '../shared/live-protocol';
import { Snapshot } from '../shared/snapshot';

/** Who listens: a response of the server, or a test. */
export interface HubClient {
  /** Bytes that wait to be read. */
  readonly bufferedBytes: number;
  write(text: string): void;
  /** `isSlow`: it is cut off; otherwise the stream ends in order. */
  end(isSlow: boolean): void;
}

interface Kept {
  readonly seq: number;
  readonly json: string;
}

export interface HubInfo {
  readonly title: string;
  readonly cannot: Readonly<Record<string, string>>;
}

export class EventHub implements EventTeller {
  readonly startedMs: number;
  private readonly run = crypto.randomBytes(6).toString('hex');
  private readonly clients = new Set<HubClient>();
  private readonly snapshot = new Snapshot();
  private kept: Kept[] = [];
  private keptBytes = 0;
  private unsent: Kept[] = [];
  private seq = 0;
  private ended: string | undefined;
  private readonly pings: NodeJS.Timeout;
  /** Called with each event, before anybody is told. */
  readonly onEvent: ((event: LabEvent) => void)[] = [];

  constructor(
    private info: HubInfo,
    private readonly wallMs: () => number = Date.now,
  ) {
    this.startedMs = wallMs();
    this.pings = setInterval(() => this.broadcast('ping', { nowMs: this.nowMs }), PING_MS);
    this.pings.unref();
  }

  /** Time of the run. */
  get nowMs(): number {
    return this.wallMs() - this.startedMs;
  }
  get clientCount(): number {
    return this.clients.size;
  }

  /** A sight that is as it is now, or was at `atMs`. */
  see(who: string, sight: Sight, atMs = this.nowMs): void {
    this.add({ seq: ++this.seq, atMs, who, ...sight } as LabEvent);
  }

  happened(who: string, what: string, fields: Readonly<Record<string, unknown>>, atMs = this.nowMs): void {
    const said = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value ?? null]));
    this.add({ ...said, seq: ++this.seq, atMs, who, what });
  }

  private add(event: LabEvent): void {
    if (this.ended !== undefined) return;
    this.snapshot.take(event);
    const one = { seq: event.seq, json: JSON.stringify(event) };
    this.kept.push(one);
    this.keptBytes += one.json.length;
    if (this.unsent.length === 0) setImmediate(() => this.flush());
    this.unsent.push(one);
    this.forget();
    for (const listener of this.onEvent) listener(event);
  }

  /** In halves, so that it is not done for each event. */
  private forget(): void {
    const { keptEvents, keptBytes } = LIVE_LIMITS;
    if (this.kept.length <= keptEvents && this.keptBytes <= keptBytes) return;
    this.kept = this.kept.slice(Math.ceil(this.kept.length / 2));
    this.keptBytes = this.kept.reduce((sum, { json }) => sum + json.length, 0);
  }

  private flush(): void {
    const batch = this.unsent;
    this.unsent = [];
    if (batch.length > 0) this.write(this.textOf(batch));
  }

  private textOf(batch: readonly Kept[]): string {
    const data = `{"nowMs":${this.nowMs},"events":[${batch.map(({ json }) => json).join(',')}]}`;
    return formatEvent('events', data, this.idOf(batch.at(-1)!.seq));
  }

  private idOf(seq: number): string {
    return `${this.run}.${seq}`;
  }

  private broadcast<M extends LiveMessage>(event: M['event'], data: M['data']): void {
    this.write(formatEvent(event, JSON.stringify(data)));
  }

  private write(text: string): void {
    for (const client of [...this.clients]) {
      if (client.bufferedBytes > LIVE_LIMITS.bufferedBytes) {
        this.clients.delete(client);
        client.end(true);
      } else client.write(text);
    }
  }

  /** False: there are too many clients already. `lastId`: of the last event that it has. */
  join(client: HubClient, lastId: string | undefined): boolean {
    if (this.clients.size >= LIVE_LIMITS.clients) return false;
    // What waits for the end of this turn is for those who were there.
    this.flush();
    const missed = this.since(lastId);
    if (missed === undefined) client.write(this.resetText());
    else client.write(missed.length > 0 ? this.textOf(missed) : this.pingText());
    if (this.ended !== undefined) {
      client.write(formatEvent('ended', JSON.stringify({ why: this.ended })));
      client.end(false);
    } else this.clients.add(client);
    return true;
  }

  /** What the cluster is called, and cannot do: told to everybody. */
  describe(info: Partial<HubInfo>): void {
    this.flush();
    this.info = { ...this.info, ...info };
    this.write(this.resetText());
  }

  leave(client: HubClient): void {
    this.clients.delete(client);
  }

  private pingText(): string {
    return formatEvent('ping', JSON.stringify({ nowMs: this.nowMs }));
  }

  private resetText(): string {
    const { info, startedMs, nowMs } = this;
    const data = { ...info, startedMs, nowMs, events: this.snapshot.events() };
    return formatEvent('reset', JSON.stringify(data), this.idOf(this.seq));
  }

  /** Undefined: not all of them are kept. */
  private since(lastId: string | undefined): Kept[] | undefined {
    const [run, text] = (lastId ?? '').split('.');
    const seq = Number(text);
    if (run !== this.run || !Number.isInteger(seq) || seq < 0 || seq > this.seq) return undefined;
    const first = this.kept[0]?.seq ?? this.seq + 1;
    if (seq + 1 < first) return undefined;
    return this.kept.slice(seq + 1 - first);
  }

  /** Tells every client that there will be nothing more, and ends their streams. */
  end(why: string): void {
    if (this.ended !== undefined) return;
    this.flush();
    this.ended = why;
    clearInterval(this.pings);
    this.broadcast('ended', { why });
    for (const client of this.clients) client.end(false);
    this.clients.clear();
  }
}
