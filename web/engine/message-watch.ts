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

const MAX_KEPT = 5000;
const MAX_KEPT_BYTES = 4 * 1024 * 1024;
const LENGTH_BYTES = 4;

/** What is kept of a message. `api` is undefined where its bytes could not be read. */
export interface KeptMessage {
  sight: MessageSight;
  readonly api: Api | undefined;
  readonly chunks: Buffer[];
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
  private readonly asked = new WeakMap<Pair, Map<number, Api>>();
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

  /** A message that is not one of bytes on a connection: ZooKeeper's. */
  tell(from: string, to: string, said: { name: string; isResponse: boolean; arrivesMs: number }): void {
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
    this.see({ sight, api: undefined, chunks: [] });
  }

  /** For SimNetwork.onChunk. */
  chunk({ stream, chunk, arrivesMs }: ChunkOnItsWay): void {
    const waiting = this.held.get(chunk);
    if (waiting) {
      this.held.delete(chunk);
      for (const one of waiting) this.goesOn(one, arrivesMs);
      return;
    }
    const messages = this.read(stream, chunk, arrivesMs === Infinity ? null : arrivesMs);
    if (arrivesMs === Infinity) this.held.set(chunk, messages);
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
    }
    return messages;
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
    const message: KeptMessage = { sight, api, chunks: [body] };
    this.see(message);
    return message;
  }

  private headOf(
    stream: Stream,
    body: Buffer,
    isResponse: boolean,
  ): { api: Api | undefined; correlationId: number } {
    const asked = this.asked.get(stream.pair) ?? new Map<number, Api>();
    this.asked.set(stream.pair, asked);
    try {
      const scanner = new Scanner(body);
      scanner.arrayLength();
      if (isResponse) {
        const correlationId = scanner.integer();
        const api = asked.get(correlationId);
        asked.delete(correlationId);
        return { api, correlationId };
      }
      const api = apiByKey.get(scanner.integer());
      scanner.integer();
      const correlationId = scanner.integer();
      if (api) asked.set(correlationId, api);
      return { api, correlationId };
    } catch {
      return { api: undefined, correlationId: -1 };
    }
  }
}
