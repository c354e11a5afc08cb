/**
 * One RPC connection to each node. It is opened when first needed; after it broke it is opened again, with
 * exponential backoff.
 *
 * Kafka: clients/.../ClusterConnectionStates.java@2.8.2
 */
import { HostPort } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { Host, sleep } from '../common/host';
import { Api } from '../protocol/schema';
import { RpcConnection, RpcOptions } from './rpc-connection';

/**
 * Less than the idle time after which brokers close a connection (connections.max.idle.ms), so that a request
 * is not sent at the moment in which the broker closes it.
 */
const MAX_IDLE_MS = 540_000;

interface Slot {
  readonly address: HostPort;
  connection: Promise<RpcConnection>;
  open: RpcConnection | undefined;
}

export interface PoolOptions extends RpcOptions {
  readonly reconnectBackoffMs: number;
  readonly reconnectBackoffMaxMs: number;
}

export class ConnectionPool {
  private readonly slots = new Map<string, Slot>();
  private readonly failures = new Map<string, number>();
  private isClosed = false;

  constructor(
    private readonly host: Host,
    private readonly options: PoolOptions,
  ) {}

  /**
   * An open connection to the address. Rejects with DISCONNECTED if it cannot be opened, with ILLEGAL_STATE
   * after `close`.
   */
  get(address: HostPort): Promise<RpcConnection> {
    if (this.isClosed) return Promise.reject(new KafkaError('ILLEGAL_STATE', 'the client is closed'));
    const key = `${address.host}:${address.port}`;
    const slot = this.slots.get(key);
    if (slot?.open?.isIdle(MAX_IDLE_MS)) slot.open.close();
    if (slot && (slot.open === undefined || slot.open.isOpen)) return slot.connection;
    const fresh: Slot = { address, open: undefined, connection: this.connect(key, address) };
    this.slots.set(key, fresh);
    fresh.connection.then(
      (connection) => {
        fresh.open = connection;
        this.failures.delete(key);
        if (this.isClosed) connection.close();
      },
      () => {
        this.failures.set(key, Math.min(10, (this.failures.get(key) ?? 0) + 1));
        if (this.slots.get(key) === fresh) this.slots.delete(key);
      },
    );
    return fresh.connection;
  }

  /**
   * The number of requests without a response on the open connection to the address; undefined without a
   * connection.
   */
  requestsInFlight(address: HostPort): number | undefined {
    const open = this.slots.get(`${address.host}:${address.port}`)?.open;
    return open?.isOpen ? open.inFlightCount : undefined;
  }

  async request<Q, R>(address: HostPort, api: Api<Q, R>, body: Q, timeoutMs?: number): Promise<R> {
    return (await this.get(address)).request(api, body, timeoutMs);
  }

  private async connect(key: string, address: HostPort): Promise<RpcConnection> {
    const failures = this.failures.get(key) ?? 0;
    if (failures > 0) {
      const { reconnectBackoffMs, reconnectBackoffMaxMs } = this.options;
      await sleep(this.host.clock, Math.min(reconnectBackoffMaxMs, reconnectBackoffMs * 2 ** (failures - 1)));
      if (this.isClosed) throw new KafkaError('ILLEGAL_STATE', 'the client is closed');
    }
    return RpcConnection.open(this.host, address, this.options);
  }

  close(): void {
    this.isClosed = true;
    for (const slot of this.slots.values()) slot.open?.close();
    this.slots.clear();
  }
}
