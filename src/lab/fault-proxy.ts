/**
 * A TCP proxy with faults that can be switched on: black hole, refused connections, a reset after a number of
 * bytes, dropped responses, delays.
 *
 * It is placed in front of a ZooKeeper server or a broker. Needs neither Docker nor root.
 */
import * as net from 'node:net';

interface Link {
  readonly client: net.Socket;
  readonly server: net.Socket;
}

export class FaultProxy {
  private readonly links = new Set<Link>();
  private server: net.Server | undefined;
  port = 0;
  /** The number of connections accepted so far. */
  accepted = 0;
  /** Drops all bytes in both directions; connections stay open. */
  blackHole = false;
  /** Passes requests on, drops responses. */
  dropReplies = false;
  /** Closes new connections at once. */
  refuse = false;
  /** Closes the connection after this many more bytes of responses. */
  cutAfterBytes: number | undefined;
  /** Sends these bytes instead of the server's response. */
  garbage: Buffer | undefined;
  delayMs = 0;

  constructor(private readonly target: { readonly host: string; readonly port: number }) {}

  async listen(): Promise<this> {
    this.server = net.createServer((client) => this.accept(client));
    await new Promise<void>((resolve) => this.server!.listen(0, '127.0.0.1', resolve));
    this.port = (this.server.address() as net.AddressInfo).port;
    return this;
  }

  private accept(client: net.Socket): void {
    this.accepted++;
    client.on('error', () => {});
    if (this.refuse) return void client.destroy();
    const server = net.connect(this.target.port, this.target.host);
    const link = { client, server };
    this.links.add(link);
    server.on('error', () => {});
    client.on('data', (chunk) => {
      if (!this.blackHole) server.write(chunk);
    });
    server.on('data', (chunk) => this.reply(link, chunk));
    const end = () => {
      if (!this.blackHole) this.drop(link);
    };
    client.on('close', end);
    server.on('close', end);
  }

  private reply(link: Link, chunk: Buffer): void {
    if (this.blackHole || this.dropReplies) return;
    if (this.garbage !== undefined) {
      link.client.write(this.garbage);
      this.garbage = undefined;
    } else if (this.cutAfterBytes !== undefined) {
      const part = chunk.subarray(0, this.cutAfterBytes);
      this.cutAfterBytes = undefined;
      link.client.write(part, () => setImmediate(() => this.drop(link)));
    } else if (this.delayMs > 0) setTimeout(() => link.client.write(chunk), this.delayMs);
    else link.client.write(chunk);
  }

  private drop(link: Link): void {
    this.links.delete(link);
    link.client.destroy();
    link.server.destroy();
  }

  /** Closes every connection. */
  cut(): void {
    for (const link of [...this.links]) this.drop(link);
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server?.close(resolve) ?? resolve(undefined));
  }
}
