/**
 * The bytes on their way between two hosts, so that they can still be stopped, delayed or repeated; and links
 * that are slow.
 *
 * It is TCP: what is late makes everything behind it on its connection late, nothing overtakes, and what is
 * lost is lost with its connection. The simulated network keeps to itself what it has scheduled; this takes
 * note of it as it is scheduled.
 */
import { SimCluster } from '../../src/simulation/sim-cluster';
import { Stream } from '../../src/simulation/sim-stream';
import { Owner } from '../../src/simulation/world';
import { linkName } from '../shared/events';
import { ZOOKEEPER } from '../shared/run';

/** A part of a chunk; the network may divide a chunk in two. */
interface Piece {
  atMs: number;
  run: () => void;
  handle: { cancel(): void };
}

/** A chunk that was sent. */
export interface Flight {
  readonly stream: Stream;
  readonly chunk: Buffer;
  pieces: Piece[];
}

/** How a chunk is sent on with something behind one of its frames. */
export interface Repeat {
  readonly flight: Flight;
  /** Where in the chunk the frame ends. */
  readonly endsAt: number;
  readonly copy: Buffer;
}

const MAX_PIECES = 2;

export class InFlight {
  private readonly byStream = new WeakMap<Stream, Flight[]>();
  /** What was scheduled last, newest last: the pieces of the chunk that is just sent. */
  private recent: Piece[] = [];
  private pieces = 1;
  private readonly slow = new Map<string, number>();
  private readonly slowZooKeeper = new Set<string>();

  constructor(private readonly cluster: SimCluster) {
    const { network, world } = cluster;
    const schedule = world.schedule.bind(world);
    world.schedule = (delayMs: number, run: () => void, owner?: Owner) => {
      const handle = schedule(delayMs, run, owner);
      if (this.recent.length >= MAX_PIECES) this.recent.shift();
      this.recent.push({ atMs: world.nowMs + Math.max(0, delayMs), run, handle });
      return handle;
    };
    const split = network.split.bind(network);
    network.split = (chunk) => {
      const pieces = split(chunk);
      this.pieces = pieces.length;
      return pieces;
    };
    const latenessOf = network.latenessOf.bind(network);
    network.latenessOf = (stream, chunk) =>
      Math.max(latenessOf(stream, chunk), this.slow.get(linkName(stream.from.name, stream.to.name)) ?? 0);
  }

  private get nowMs(): number {
    return this.cluster.world.nowMs;
  }

  /** Called right after a chunk was sent on its way. */
  sent(stream: Stream, chunk: Buffer): Flight {
    const flight = { stream, chunk, pieces: this.recent.slice(-this.pieces) };
    this.pieces = 1;
    const others = (this.byStream.get(stream) ?? []).filter((one) => !this.hasArrived(one));
    this.byStream.set(stream, [...others, flight]);
    return flight;
  }

  hasArrived({ pieces }: Flight): boolean {
    return pieces.every(({ atMs }) => atMs <= this.nowMs);
  }

  arrivesMs({ pieces }: Flight): number {
    return Math.max(...pieces.map(({ atMs }) => atMs));
  }

  /** The chunk and everything behind it on its connection that has not arrived, in order. */
  from(flight: Flight): Flight[] {
    const all = (this.byStream.get(flight.stream) ?? []).filter((one) => !this.hasArrived(one));
    return all.slice(Math.max(0, all.indexOf(flight)));
  }

  /** What is on its way from here on never arrives, because the connection breaks. Returns what that is. */
  drop(flight: Flight): Flight[] {
    const lost = this.from(flight);
    for (const { pieces } of lost)
      for (const { atMs, handle } of pieces) if (atMs > this.nowMs) handle.cancel();
    flight.stream.pair.reset('ECONNRESET');
    return lost;
  }

  /** The chunk, and what is behind it, arrives later. Returns what that is. */
  delay(flight: Flight, delayMs: number): Flight[] {
    const late = this.from(flight);
    for (const one of late) this.sendOn(one, delayMs);
    flight.stream.delay(this.arrivesMs(late.at(-1)!) - this.nowMs);
    return late;
  }

  /** Schedules what has not arrived once more, in the order of before. */
  private sendOn(flight: Flight, delayMs: number): void {
    const { world } = this.cluster;
    flight.pieces = flight.pieces.map((piece) => {
      if (piece.atMs <= this.nowMs) return piece;
      piece.handle.cancel();
      const atMs = piece.atMs + delayMs;
      return { ...piece, atMs, handle: world.schedule(atMs - this.nowMs, piece.run, flight.stream.to.life) };
    });
  }

  /** Whether a copy can still be put behind the frame: the end of the chunk must not have arrived. */
  canRepeat({ flight, endsAt }: Omit<Repeat, 'copy'>): boolean {
    const waiting = flight.pieces.filter(({ atMs }) => atMs > this.nowMs).length;
    return endsAt === flight.chunk.length ? waiting > 0 : waiting === flight.pieces.length;
  }

  /** The receiver gets the copy right behind the frame. */
  repeat({ flight, endsAt, copy }: Repeat): void {
    const { stream, chunk, pieces } = flight;
    const receive = (bytes: Buffer) => {
      if (bytes.length > 0) stream.receiver.receive(bytes);
    };
    const last = pieces.at(-1)!;
    const { run } = last;
    stream.unread += copy.length;
    if (endsAt === chunk.length) {
      last.run = () => {
        run();
        receive(copy);
      };
    } else {
      for (const { handle } of pieces.slice(0, -1)) handle.cancel();
      flight.pieces = [last];
      last.run = () => [chunk.subarray(0, endsAt), copy, chunk.subarray(endsAt)].forEach(receive);
    }
    for (const one of this.from(flight)) this.sendOn(one, 0);
  }

  /** What is sent over the link takes at least so long from now on; 0: no longer. */
  slowDown(from: string, to: string, delayMs: number): void {
    if (delayMs === 0) this.slow.delete(linkName(from, to));
    else this.slow.set(linkName(from, to), delayMs);
    if (to === ZOOKEEPER) this.slowDownZooKeeper(from);
  }

  /** ZooKeeper's requests are no chunks: each is asked for its delay as it is issued. */
  private slowDownZooKeeper(host: string): void {
    if (this.slowZooKeeper.has(host)) return;
    this.slowZooKeeper.add(host);
    const { hooks } = this.cluster.zookeeper;
    let delayMs = 0;
    const effect = {
      get delayMs() {
        return delayMs;
      },
    };
    const hook = hooks.at(
      (operation) => {
        (hook.fired as unknown[]).length = 0;
        delayMs = this.slow.get(linkName(host, ZOOKEEPER)) ?? 0;
        return operation.host === host && delayMs > 0;
      },
      effect,
      Infinity,
    );
  }
}
