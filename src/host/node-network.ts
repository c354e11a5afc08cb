/**
 * TCP of the node host: Node's sockets behind the interfaces of common/host.ts (design D13).
 *
 * `write` corks the chunks of a call, so that they leave with one `writev`. An error of a socket is reported
 * as the reason in `onClose`, never thrown from an event.
 */
import * as net from 'node:net';
import { Connection, Listener, Network } from '../common/host';

/** Fields of the socket's libuv handle that Node's own socket timeout uses. */
interface WriteQueue {
  readonly bytesWritten?: number;
  readonly writeQueueSize?: number;
}

class NodeConnection implements Connection {
  readonly remoteAddress: string;
  private reason = 'closed by peer';

  constructor(private readonly socket: net.Socket) {
    this.remoteAddress = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? '?'}`;
    socket.setNoDelay(true);
    // The kernel detects a peer that vanished without closing the connection, as in Kafka's acceptor.
    socket.setKeepAlive(true);
    socket.on('error', (error) => {
      this.reason = (error as NodeJS.ErrnoException).code ?? error.message;
    });
  }

  onData(listener: (chunk: Buffer) => void): void {
    this.socket.on('data', listener);
  }

  onClose(listener: (reason: string) => void): void {
    this.socket.once('close', () => listener(this.reason));
  }

  onDrain(listener: () => void): void {
    this.socket.on('drain', listener);
  }

  write(chunks: readonly Buffer[]): boolean {
    if (chunks.length === 1) return this.socket.write(chunks[0]!);
    this.socket.cork();
    let ok = true;
    for (const chunk of chunks) ok = this.socket.write(chunk);
    this.socket.uncork();
    return ok;
  }

  pendingBytes(): number {
    return this.socket.writableLength;
  }

  /**
   * The bytes that libuv still holds of the current write decrease as the peer reads; `writableLength` does
   * not.
   */
  takenBytes(): number {
    const handle = (this.socket as { _handle?: WriteQueue | null })._handle;
    return (handle?.bytesWritten ?? this.socket.bytesWritten) - (handle?.writeQueueSize ?? 0);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.end();
  }

  destroy(reason: string): void {
    this.reason = reason;
    this.socket.destroy();
  }
}

export class NodeNetwork implements Network {
  /**
   * `localAddress`: the address that outgoing connections are bound to, by which a fault proxy tells brokers
   * apart.
   */
  constructor(private readonly localAddress?: string) {}

  listen(host: string, port: number, onConnection: (connection: Connection) => void): Promise<Listener> {
    return new Promise((resolve, reject) => {
      const server = net.createServer((socket) => onConnection(new NodeConnection(socket)));
      server.once('error', reject);
      server.listen({ host: host === '' ? undefined : host, port }, () => {
        server.removeListener('error', reject);
        server.on('error', () => {});
        resolve({
          port: (server.address() as net.AddressInfo).port,
          close: () => new Promise((done) => server.close(() => done())),
        });
      });
    });
  }

  dial(host: string, port: number, timeoutMs: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host, port, localAddress: this.localAddress });
      const timer = setTimeout(
        () => socket.destroy(Object.assign(new Error('connect timed out'), { code: 'ETIMEDOUT' })),
        timeoutMs,
      );
      const failed = (error: Error) => {
        clearTimeout(timer);
        reject(error);
      };
      socket.once('error', failed);
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.removeListener('error', failed);
        resolve(new NodeConnection(socket));
      });
    });
  }
}
