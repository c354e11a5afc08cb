/**
 * TCP in virtual time: an ordered stream for each direction of a connection, delivered in pieces of any size
 * after a delay. Links between two hosts can be cut, in one direction or both.
 *
 * What is sent over a cut link waits, because a kernel would retransmit it. When the link is healed it is
 * delivered, or, by seed, the connection is reset. A host that dies resets its connections. A paused host
 * accepts connections and does not respond.
 */
import { Connection, Listener, Network } from '../common/host';
import { Prng } from './prng';
import { SimHost } from './sim-host';
import { ChunkOnItsWay, Pair, Stream, Wires } from './sim-stream';
import { World } from './world';

/**
 * A request starts with its length in four bytes, then an array of five elements, of which the first is the
 * API key.
 */
const ARRAY_OF_FIVE = 0x95;
const apiKeyOf = (chunk: Buffer) => (chunk[4] === ARRAY_OF_FIVE ? chunk[5] : undefined);

export class SimNetwork implements Wires {
  private readonly listeners = new Map<
    string,
    {
      host: SimHost;
      generation: number;
      accept: (connection: Connection) => void;
    }
  >();
  private readonly cuts = new Set<string>();
  private readonly streams = new Set<Stream>();
  private readonly random: Prng;
  private nextPort = 40000;
  /** The number of frames written to open connections, over all hosts. */
  framesSent = 0;
  /**
   * Called with every chunk that is sent, and again when a cut link is healed. It must not change anything.
   */
  onChunk: ((chunk: ChunkOnItsWay) => void) | undefined;
  private readonly lateRequests = new Map<string, { readonly apiKey: number; readonly delayMs: number }>();
  private readonly lateAnswers = new Map<string, number>();
  private readonly frameHooks = new Map<number, (pair: { reset(reason: string): void }) => boolean>();

  constructor(readonly world: World) {
    this.random = world.random.split('network');
  }

  isCut(from: string, to: string): boolean {
    return this.cuts.size > 0 && this.cuts.has(`${from}>${to}`);
  }

  cut(from: string, to: string): void {
    this.cuts.add(`${from}>${to}`);
  }

  heal(from: string, to: string): void {
    if (!this.cuts.delete(`${from}>${to}`)) return;
    for (const stream of [...this.streams]) {
      if (stream.from.name !== from || stream.to.name !== to) continue;
      if (stream.hasHeld && this.random.chance(0.5)) stream.pair.reset('ECONNRESET');
      else stream.flush();
    }
  }

  /** Resets the connection of the k-th frame from now: before the frame is sent, or after it. */
  resetAtFrame(k: number, when: 'before' | 'after'): void {
    this.frameHooks.set(this.framesSent + k, (pair) => {
      this.world.event('simulation', {
        what: 'fault',
        fault: `reset ${when} frame`,
        target: this.framesSent,
      });
      if (when === 'before') pair.reset('ECONNRESET');
      else this.world.afterAction(() => pair.reset('ECONNRESET'));
      return when === 'before';
    });
  }

  /** Counts a frame. Returns whether its connection was reset before it. */
  breaksAtFrame(pair: { reset(reason: string): void }): boolean {
    this.framesSent++;
    const hook = this.frameHooks.size > 0 ? this.frameHooks.get(this.framesSent) : undefined;
    return hook?.(pair) ?? false;
  }

  /** Heals every cut link. */
  healAll(): void {
    for (const cut of [...this.cuts]) {
      const [from, to] = cut.split('>');
      this.heal(from!, to!);
    }
  }

  /** Resets every connection between the two hosts at once. */
  resetBetween(a: string, b: string): void {
    for (const stream of [...this.streams]) {
      if (stream.from.name === a && stream.to.name === b) stream.pair.reset('ECONNRESET');
    }
  }

  /**
   * Delays what is sent from now on over open connections between the two hosts; new connections are faster.
   */
  delayOpen(from: string, to: string, delayMs: number): void {
    for (const stream of this.streams) {
      if (stream.from.name === from && stream.to.name === to) stream.delay(delayMs);
    }
  }

  /** Delays the next request of this kind from `from`, and everything after it on its connection. */
  delayNextRequest(from: string, apiKey: number, delayMs: number): void {
    this.lateRequests.set(from, { apiKey, delayMs });
  }

  /** Whether the request to be delayed has not been sent yet. */
  willDelayRequest(from: string): boolean {
    return this.lateRequests.has(from);
  }

  /**
   * Delays the response to the next request of this kind from `from`; counted from the time of the request.
   */
  delayNextAnswer(from: string, apiKey: number, delayMs: number): void {
    this.lateAnswers.set(`${from} ${apiKey}`, delayMs);
  }

  /** The delay of a chunk, in ms. */
  latenessOf({ from: { name }, pair }: Stream, chunk: Buffer): number {
    if (this.lateRequests.size + this.lateAnswers.size === 0) return 0;
    const apiKey = apiKeyOf(chunk);
    const answer = `${name} ${apiKey}`;
    const answerMs = this.lateAnswers.get(answer);
    if (answerMs !== undefined && pair.client.out.from.name === name) {
      this.lateAnswers.delete(answer);
      pair.server.out.delay(answerMs);
    }
    const late = this.lateRequests.get(name);
    if (!late || late.apiKey !== apiKey) return 0;
    this.lateRequests.delete(name);
    return late.delayMs;
  }

  latencyMs(): number {
    return 0.1 + this.random.below(20) / 10;
  }

  /** The network as one host sees it. */
  of(host: SimHost): Network {
    return {
      listen: (name, port, accept) => this.listen(host, name, port, accept),
      dial: (name, port, timeoutMs) => this.dial(host, name, port, timeoutMs),
    };
  }

  private async listen(
    host: SimHost,
    name: string,
    port: number,
    accept: (connection: Connection) => void,
  ): Promise<Listener> {
    host.checkAlive('listen');
    const bound = port === 0 ? this.nextPort++ : port;
    const key = `${name}:${bound}`;
    const known = this.listeners.get(key);
    if (known && known.host.isAlive(known.generation)) {
      throw Object.assign(new Error(`EADDRINUSE ${key}`), { code: 'EADDRINUSE' });
    }
    this.listeners.set(key, { host, generation: host.generation, accept });
    return {
      port: bound,
      close: async () => {
        this.listeners.delete(key);
      },
    };
  }

  private dial(host: SimHost, name: string, port: number, timeoutMs: number): Promise<Connection> {
    host.checkAlive('dial');
    if (host.life.isCrashed) return new Promise(() => {});
    const owner = host.life;
    return new Promise((resolve, reject) => {
      const fail = (code: string) => reject(Object.assign(new Error(`${code} ${name}:${port}`), { code }));
      const timer = this.world.schedule(timeoutMs, () => fail('ETIMEDOUT'), owner);
      const target = this.listeners.get(`${name}:${port}`);
      const remote = target?.host.name ?? name;
      if (this.isCut(host.name, remote) || this.isCut(remote, host.name)) return;
      this.world.schedule(
        this.latencyMs(),
        () => {
          timer.cancel();
          const listener = this.listeners.get(`${name}:${port}`);
          if (!listener || !listener.host.isAlive(listener.generation)) return fail('ECONNREFUSED');
          const pair = new Pair(this, host, listener.host);
          this.world.schedule(0, () => listener.accept(pair.server), listener.host.life);
          resolve(pair.client);
        },
        owner,
      );
    });
  }

  open(stream: Stream): void {
    this.streams.add(stream);
  }

  forget(stream: Stream): void {
    this.streams.delete(stream);
  }

  /** The process on `host` died: its connections are reset. */
  hostDied(host: SimHost): void {
    for (const stream of [...this.streams]) if (stream.from === host) stream.pair.reset('ECONNRESET');
    for (const [key, listener] of [...this.listeners]) if (listener.host === host) this.listeners.delete(key);
  }

  split(chunk: Buffer): Buffer[] {
    if (chunk.length < 2 || !this.random.chance(0.05)) return [chunk];
    const at = 1 + this.random.below(chunk.length - 1);
    return [chunk.subarray(0, at), chunk.subarray(at)];
  }
}
