/**
 * What is seen of the network: each request and response as it is sent, who it is for, and when it arrives.
 * Its bytes are kept for a while, for whoever wants to look into it (message-details.ts).
 *
 * A chunk that is written may hold several frames, or a part of one: a message is told when its first bytes
 * are sent, and once more when its last bytes are, or when a cut link is whole again.
 */
import { allApis, apiByKey } from '../../src/protocol/apis';
import {
  leaderAndIsr,
  stopReplica,
  updateMetadata,
  controlledShutdown,
} from '../../src/protocol/messages/replica-control';
import { apiVersions, createTopics, listOffsets, metadata } from '../../src/protocol/messages/metadata';
import {
  fetch,
  initProducerId,
  offsetForLeaderEpoch,
  produce,
} from '../../src/protocol/messages/produce-fetch';
import { Api } from '../../src/protocol/schema';
import { Scanner } from '../../src/protocol/scan';
import { ChunkOnItsWay, Pair, Stream } from '../../src/simulation/sim-stream';
import { MessageKind, MessageSight } from '../shared/events';
import { EventLog } from './event-log';
import { Flight, InFlight } from './in-flight';

const MAX_KEPT = 5000;
const MAX_KEPT_BYTES = 4 * 1024 * 1024;
const LENGTH_BYTES = 4;

/** What is kept of a message. `api` is undefined where its bytes could not be read. */
export interface KeptMessage {
  sight: MessageSight;
  readonly api: Api | undefined;
  readonly chunks: Buffer[];
  /** Undefined for ZooKeeper's, which have no connection here. */
  readonly stream: Stream | undefined;
  /** Where its bytes travel: in each chunk that has some, up to `endsAt`. */
  readonly parts: { flight: Flight | undefined; endsAt: number }[];
  isComplete: boolean;
  isLost: boolean;
}

interface StreamState {
  current: KeptMessage | undefined;
  missing: number;
  /** Of a length that was sent in pieces. */
  prefix: Buffer | undefined;
}

const CONTROL: ReadonlySet<number> = new Set(
  [leaderAndIsr, stopReplica, updateMetadata, controlledShutdown].map(({ key }) => key),
);
const METADATA: ReadonlySet<number> = new Set(
  [apiVersions, metadata, listOffsets, createTopics].map(({ key }) => key),
);
const REPLICATION: ReadonlySet<number> = new Set([fetch.key, offsetForLeaderEpoch.key]);

function kindOf(key: number, requester: string): MessageKind {
  if (key === produce.key || key === initProducerId.key) return 'produce';
  if (REPLICATION.has(key)) return requester.startsWith('broker-') ? 'replica-fetch' : 'fetch';
  if (CONTROL.has(key)) return 'control';
  if (METADATA.has(key)) return 'metadata';
  return GROUP.has(key) ? 'group' : 'other';
}

const GROUP: ReadonlySet<number> = new Set(
  allApis
    .filter(({ name }) => /Group|Offset(Commit|Fetch|Delete)|Coordinator|Heartbeat/.test(name))
    .map(({ key }) => key),
);

export class MessageWatch {
  private nextId = 1;
  private readonly streams = new WeakMap<Stream, StreamState>();
  /** By connection and correlation id: what a response answers. */
  private readonly asked = new WeakMap<Pair, Map<number, { readonly api: Api; answers: number }>>();
  private readonly carried = new WeakMap<Flight, readonly KeptMessage[]>();
  /** What waits at a cut link, by its bytes. */
  private readonly held = new WeakMap<Buffer, KeptMessage[]>();
  private readonly kept = new Map<number, KeptMessage>();
  private keptBytes = 0;
  /** Messages told so far: what `step to the next message` waits for. */
  sent = 0;
  /** The last moment at which something that was sent arrives. */
  lastArrivalMs = 0;
  /** Arrivals that are still to come, by id. */
  private readonly onWay = new Map<number, number>();

  constructor(
    private readonly log: EventLog,
    private readonly nowMs: () => number,
    private readonly flights: InFlight,
  ) {}

  find(id: number): KeptMessage | undefined {
    return this.kept.get(id);
  }

  /** When the next message arrives; undefined: none is on its way. */
  nextArrivalMs(): number | undefined {
    let next: number | undefined;
    for (const [id, arrivesMs] of this.onWay) {
      if (arrivesMs <= this.nowMs()) this.onWay.delete(id);
      else if (next === undefined || arrivesMs < next) next = arrivesMs;
    }
    return next;
  }

  /** Those that have not arrived, in the order of their numbers. */
  get travelling(): MessageSight[] {
    return [...this.kept.values()]
      .filter(({ sight, isLost }) => !isLost && (sight.arrivesMs === null || sight.arrivesMs > this.nowMs()))
      .map(({ sight }) => sight);
  }

  /** A message that is not one of bytes on a connection: ZooKeeper's. */
  tell(from: string, to: string, said: { name: string; isResponse: boolean; arrivesMs: number }): number {
    const sight: MessageSight = {
      what: 'message',
      id: this.nextId++,
      from,
      to,
      kind: 'zookeeper',
      correlationId: -1,
      bytes: 0,
      sentMs: this.nowMs(),
      ...said,
    };
    const nothing = { api: undefined, chunks: [], stream: undefined, parts: [] };
    this.see({ sight, ...nothing, isComplete: true, isLost: false });
    return sight.id;
  }

  /** For SimNetwork.onChunk. */
  chunk({ stream, chunk, arrivesMs }: ChunkOnItsWay): void {
    const flight = arrivesMs === Infinity ? undefined : this.flights.sent(stream, chunk);
    const waiting = this.held.get(chunk);
    if (waiting) {
      this.held.delete(chunk);
      for (const one of waiting) this.goesOn(one, arrivesMs);
    }
    const messages = waiting ?? this.read(stream, chunk, arrivesMs === Infinity ? null : arrivesMs);
    if (!flight) return void this.held.set(chunk, messages);
    this.carried.set(flight, messages);
    // A message has one part in a chunk; the last one told has no flight yet.
    for (const { parts } of messages) {
      const part = parts.find((one) => one.flight === undefined);
      if (part) part.flight = flight;
    }
  }

  /** Those with bytes in the chunk will not arrive. */
  lostWith(flight: Flight): void {
    for (const { sight } of this.carried.get(flight) ?? []) this.lost(sight.id);
  }

  /** All that waited at a cut link on this connection. */
  lostAt(stream: Stream): void {
    for (const { sight, stream: its } of this.kept.values())
      if (its === stream && sight.arrivesMs === null) this.lost(sight.id);
  }

  lost(id: number): void {
    const one = this.kept.get(id);
    this.onWay.delete(id);
    if (!one || one.isLost) return;
    one.isLost = true;
    this.log.see(one.sight.from, { what: 'message-gone', message: id });
  }

  arrivesWith(flight: Flight, arrivesMs: number): void {
    for (const one of this.carried.get(flight) ?? []) this.goesOn(one, arrivesMs);
  }

  arrivesAt(id: number, arrivesMs: number): void {
    const one = this.kept.get(id);
    if (one) this.goesOn(one, arrivesMs);
  }

  /** A second copy of it is on its way; a repeated request will be answered twice. */
  repeated(one: KeptMessage): void {
    const { sight, stream, chunks, api } = one;
    const asked = sight.isResponse ? undefined : this.asked.get(stream!.pair)?.get(sight.correlationId);
    if (asked) asked.answers++;
    this.see({
      ...{ api, chunks, stream, parts: [], isComplete: false, isLost: false },
      sight: { ...sight, id: this.nextId++, sentMs: this.nowMs() },
    });
  }

  /** Its bytes as they are sent. */
  frameOf({ chunks }: KeptMessage): Buffer {
    const body = Buffer.concat(chunks);
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(body.length);
    return Buffer.concat([length, body]);
  }

  private goesOn(one: KeptMessage, arrivesMs: number | null): void {
    if (one.sight.arrivesMs === arrivesMs) return;
    one.sight = { ...one.sight, arrivesMs };
    this.see(one);
  }

  private see(one: KeptMessage): void {
    const { sight } = one;
    this.sent++;
    this.keep(one);
    if (sight.arrivesMs !== null) {
      this.lastArrivalMs = Math.max(this.lastArrivalMs, sight.arrivesMs);
      this.onWay.set(sight.id, sight.arrivesMs);
      if (this.onWay.size > 1000) this.nextArrivalMs();
    }
    this.log.see(sight.from, { ...sight });
  }

  private keep(one: KeptMessage): void {
    const { id, bytes } = one.sight;
    if (!this.kept.has(id)) this.keptBytes += bytes;
    this.kept.set(id, one);
    while (this.kept.size > MAX_KEPT || this.keptBytes > MAX_KEPT_BYTES) {
      const [oldest, { sight }] = this.kept.entries().next().value!;
      if (oldest === id) return;
      this.kept.delete(oldest);
      this.keptBytes -= sight.bytes;
    }
  }

  /** Cuts what was written into frames; returns the messages that have a part in it. */
  private read(stream: Stream, chunk: Buffer, arrivesMs: number | null): KeptMessage[] {
    const state = this.streams.get(stream) ?? { current: undefined, missing: 0, prefix: undefined };
    this.streams.set(stream, state);
    const messages: KeptMessage[] = [];
    let rest = state.prefix ? Buffer.concat([state.prefix, chunk]) : chunk;
    state.prefix = undefined;
    while (rest.length > 0) {
      if (state.missing > 0 && state.current) {
        const part = rest.subarray(0, state.missing);
        state.current.chunks.push(part);
        state.missing -= part.length;
        rest = rest.subarray(part.length);
        this.hasPart(state.current, chunk.length - rest.length, state.missing);
        this.goesOn(state.current, arrivesMs);
        messages.push(state.current);
        continue;
      }
      if (rest.length < LENGTH_BYTES) {
        state.prefix = rest;
        break;
      }
      const length = rest.readUInt32BE(0);
      const body = rest.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
      const message = this.begins(stream, body, { length, arrivesMs });
      messages.push(message);
      state.current = message;
      state.missing = length - body.length;
      rest = rest.subarray(LENGTH_BYTES + body.length);
      this.hasPart(message, chunk.length - rest.length, state.missing);
    }
    return messages;
  }

  private hasPart(message: KeptMessage, endsAt: number, missing: number): void {
    message.parts.push({ flight: undefined, endsAt });
    message.isComplete = missing === 0;
  }

  private begins(
    stream: Stream,
    body: Buffer,
    { length, arrivesMs }: { length: number; arrivesMs: number | null },
  ): KeptMessage {
    const isResponse = stream.pair.client.out !== stream;
    const { api, correlationId } = this.headOf(stream, body, isResponse);
    const from = stream.from.name;
    const to = stream.to.name;
    const sight: MessageSight = {
      what: 'message',
      id: this.nextId++,
      from,
      to,
      kind: kindOf(api?.key ?? -1, isResponse ? to : from),
      name: api?.name ?? 'unknown',
      isResponse,
      correlationId,
      bytes: LENGTH_BYTES + length,
      sentMs: this.nowMs(),
      arrivesMs,
    };
    const message: KeptMessage = {
      sight,
      api,
      chunks: [body],
      stream,
      parts: [],
      isComplete: false,
      isLost: false,
    };
    this.see(message);
    return message;
  }

  private headOf(
    stream: Stream,
    body: Buffer,
    isResponse: boolean,
  ): { api: Api | undefined; correlationId: number } {
    const asked = this.asked.get(stream.pair) ?? new Map<number, { readonly api: Api; answers: number }>();
    this.asked.set(stream.pair, asked);
    try {
      const scanner = new Scanner(body);
      scanner.arrayLength();
      if (isResponse) {
        const correlationId = scanner.integer();
        const question = asked.get(correlationId);
        if (question && --question.answers === 0) asked.delete(correlationId);
        return { api: question?.api, correlationId };
      }
      const api = apiByKey.get(scanner.integer());
      scanner.integer();
      const correlationId = scanner.integer();
      if (api) asked.set(correlationId, { api, answers: 1 });
      return { api, correlationId };
    } catch {
      return { api: undefined, correlationId: -1 };
    }
  }
}
