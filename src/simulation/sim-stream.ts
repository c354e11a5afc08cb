/**
 * The connections of the simulated network: two streams each, and an end on either side, which the program
 * uses.
 *
 * Invariant: sent bytes are unread until the program at the other end has taken them. So a paused or stopped
 * receiver is slow, and its sender is notified when the receiver has caught up.
 */
import { Connection } from '../common/host';
import { SimHost } from './sim-host';
import { World } from './world';

/** A receiver with more unread bytes than this is slow, as with Node's sockets. */
const SLOW_BYTES = 16 * 1024;

/** What a stream needs from the network. */
export interface Wires {
  readonly world: World;
  open(stream: Stream): void;
  forget(stream: Stream): void;
  isCut(from: string, to: string): boolean;
  breaksAtFrame(pair: { reset(reason: string): void }): boolean;
  latenessOf(stream: Stream, chunk: Buffer): number;
  latencyMs(): number;
  split(chunk: Buffer): Buffer[];
  readonly onChunk: ((chunk: ChunkOnItsWay) => void) | undefined;
}

/** A chunk that was just sent; `arrivesMs` is Infinity while the link is cut. */
export interface ChunkOnItsWay {
  readonly stream: Stream;
  readonly chunk: Buffer;
  readonly arrivesMs: number;
}

/** Both ends of a connection. */
export class Pair {
  readonly client: End;
  readonly server: End;
  private isClosed = false;

  constructor(
    private readonly network: Wires,
    clientHost: SimHost,
    serverHost: SimHost,
  ) {
    const up = new Stream(network, this, clientHost, serverHost);
    const down = new Stream(network, this, serverHost, clientHost);
    network.open(up);
    network.open(down);
    this.client = new End(serverHost.name, up, down);
    this.server = new End(clientHost.name, down, up);
    up.receiver = this.server;
    up.sender = this.client;
    down.receiver = this.client;
    down.sender = this.server;
  }

  /** Closes the connection. Each side is notified after the bytes already in flight to it, or at once. */
  reset(reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const end of [this.client, this.server]) end.closing(reason);
    this.network.forget(this.client.out);
    this.network.forget(this.server.out);
  }
}

/** One direction of a connection. */
export class Stream {
  receiver!: End;
  sender!: End;
  /** The sender knows that the receiver is slow, and waits for the notification that all bytes were read. */
  isSlow = false;
  private lastArrivalMs = 0;
  private held: Buffer[] = [];
  /** Bytes sent and not yet taken by the process at the other end. */
  unread = 0;
  taken = 0;

  constructor(
    readonly network: Wires,
    readonly pair: Pair,
    readonly from: SimHost,
    readonly to: SimHost,
  ) {}

  get hasHeld(): boolean {
    return this.held.length > 0;
  }

  send(chunk: Buffer): void {
    if (this.network.breaksAtFrame(this.pair)) return;
    this.unread += chunk.length;
    if (this.held.length > 0 || this.network.isCut(this.from.name, this.to.name)) {
      this.held.push(chunk);
      this.network.onChunk?.({ stream: this, chunk, arrivesMs: Infinity });
      return;
    }
    this.delay(this.network.latenessOf(this, chunk));
    for (const piece of this.network.split(chunk)) this.deliver(piece);
    this.network.onChunk?.({ stream: this, chunk, arrivesMs: this.lastArrivalMs });
  }

  private deliver(piece: Buffer): void {
    const { world } = this.network;
    this.lastArrivalMs = Math.max(this.lastArrivalMs, world.nowMs + this.network.latencyMs());
    world.schedule(this.lastArrivalMs - world.nowMs, () => this.receiver.receive(piece), this.to.life);
  }

  /** The receiver has read the piece. */
  took(piece: Buffer): void {
    this.unread -= piece.length;
    this.taken += piece.length;
    if (this.unread === 0 && this.isSlow) {
      this.isSlow = false;
      this.sender.drained();
    }
  }

  flush(): void {
    const chunks = this.held;
    this.held = [];
    for (const chunk of chunks) {
      this.deliver(chunk);
      this.network.onChunk?.({ stream: this, chunk, arrivesMs: this.lastArrivalMs });
    }
  }

  delay(delayMs: number): void {
    if (delayMs === 0) return;
    this.lastArrivalMs = Math.max(this.lastArrivalMs, this.network.world.nowMs + delayMs);
  }

  /** The time until the last byte in flight arrives, in ms. */
  get arrivalDelayMs(): number {
    return Math.max(0, this.lastArrivalMs - this.network.world.nowMs);
  }
}

class End implements Connection {
  private onDataListener: ((chunk: Buffer) => void) | undefined;
  private onDrainListener: (() => void) | undefined;
  private onCloseListener: ((reason: string) => void) | undefined;
  private early: Buffer[] = [];
  private paused = false;
  private isClosed = false;
  private closedReason: string | undefined;

  constructor(
    readonly remoteAddress: string,
    readonly out: Stream,
    private readonly incoming: Stream,
  ) {}

  onData(listener: (chunk: Buffer) => void): void {
    this.onDataListener = listener;
    this.flushEarly();
  }

  onClose(listener: (reason: string) => void): void {
    const before = this.onCloseListener;
    this.onCloseListener = (reason) => {
      before?.(reason);
      listener(reason);
    };
    if (this.closedReason !== undefined) listener(this.closedReason);
  }

  onDrain(listener: () => void): void {
    this.onDrainListener = listener;
  }

  /** The other end has read everything; the sender's host is notified some time later. */
  drained(): void {
    const { world } = this.out.network;
    world.schedule(
      0,
      () => {
        if (!this.isClosed) this.onDrainListener?.();
      },
      this.out.from.life,
    );
  }

  receive(chunk: Buffer): void {
    if (this.closedReason !== undefined) return;
    if (this.paused || this.onDataListener === undefined || this.early.length > 0) this.early.push(chunk);
    else this.hand(chunk);
  }

  private hand(chunk: Buffer): void {
    this.incoming.took(chunk);
    this.onDataListener!(chunk);
  }

  private flushEarly(): void {
    while (!this.paused && this.onDataListener && this.early.length > 0) {
      this.hand(this.early.shift()!);
    }
  }

  /** Copies the bytes: memory is not shared between hosts. */
  write(chunks: readonly Buffer[]): boolean {
    this.out.from.checkAlive('write');
    if (!this.isClosed && !this.out.from.life.isCrashed) this.out.send(Buffer.concat(chunks));
    this.out.isSlow ||= this.out.unread > SLOW_BYTES;
    return !this.out.isSlow;
  }

  pendingBytes(): number {
    return this.out.unread;
  }

  takenBytes(): number {
    return this.out.taken;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.flushEarly();
  }

  end(): void {
    this.out.pair.reset('closed by peer');
  }

  destroy(reason: string): void {
    this.closedReason ??= reason;
    this.out.pair.reset('closed by peer');
  }

  closing(reason: string): void {
    this.isClosed = true;
    const { network, to } = this.incoming;
    const tell = () => {
      this.closedReason ??= reason;
      this.onCloseListener?.(this.closedReason);
    };
    network.world.schedule(this.incoming.arrivalDelayMs + network.latencyMs(), tell, to.life);
  }
}
