/**
 * One connection and one queue of requests per live broker.
 *
 * Invariant: requests to a broker arrive in the order they were queued, because leadership changes depend on
 * that order. A request is retried until the broker answers it or is removed. At most `MAX_QUEUED` requests
 * wait for a broker that does not answer; one more drops the queue, and `onOverflow` has the full state sent
 * instead.
 *
 * Kafka: controller/ControllerChannelManager.scala#{ControllerChannelManager,RequestSendThread}@2.8.2
 */
import { inBackground } from '../common/background';
import { BrokerInfo, HostPort } from '../common/cluster-types';
import { messageOf } from '../common/errors';
import { Host, Log, sleep } from '../common/host';
import { RpcConnection } from '../network/rpc-connection';
import { BrokerRequest } from './broker-request-batch';

export interface ChannelOptions {
  /** Listener names in order of preference: the first for which the broker has an endpoint is used. */
  readonly listeners: readonly string[];
  readonly socketTimeoutMs: number;
  readonly retryBackoffMs: number;
}

export type OnResponse = (request: BrokerRequest, response: unknown) => void;

const MAX_QUEUED = 10_000;

export class ChannelManager {
  private readonly channels = new Map<number, Channel>();

  constructor(
    private readonly host: Host,
    private readonly log: Log,
    private readonly options: ChannelOptions,
    private readonly onResponse: OnResponse,
    private readonly onOverflow: (brokerId: number) => void,
  ) {}

  addBroker(broker: BrokerInfo): void {
    this.removeBroker(broker.id);
    const on = (listener: string) => broker.endpoints.find((one) => one.listener === listener);
    const endpoint = this.options.listeners.map(on).find((one) => one !== undefined);
    if (endpoint === undefined) {
      const { listeners } = this.options;
      const text = `Broker ${broker.id} has no endpoint on listener ${listeners.join(' or ')}`;
      this.log.error(`${text}; it cannot be told anything`);
      return;
    }
    this.channels.set(
      broker.id,
      new Channel(this.host, this.log, endpoint, broker.id, this.options, this.onResponse),
    );
  }

  removeBroker(id: number): void {
    this.channels.get(id)?.close();
    this.channels.delete(id);
  }

  send(requests: readonly BrokerRequest[]): void {
    for (const request of requests) {
      const channel = this.channels.get(request.brokerId);
      if (channel?.put(request) === false) this.onOverflow(request.brokerId);
    }
  }

  close(): void {
    for (const id of [...this.channels.keys()]) this.removeBroker(id);
  }
}

class Channel {
  private queue: BrokerRequest[] = [];
  private sending = false;
  private isClosed = false;
  private connection: RpcConnection | undefined;

  constructor(
    private readonly host: Host,
    private readonly log: Log,
    private readonly address: HostPort,
    private readonly brokerId: number,
    private readonly options: ChannelOptions,
    private readonly onResponse: OnResponse,
  ) {}

  /** Queues a request. Returns false if the queue was full and has been dropped. */
  put(request: BrokerRequest): boolean {
    if (this.queue.length >= MAX_QUEUED) {
      this.log.warn(
        `${MAX_QUEUED} requests wait for broker ${this.brokerId}; dropping them and starting over`,
      );
      this.queue = [];
      return false;
    }
    this.queue.push(request);
    if (!this.sending) inBackground(this.log, `Sending to broker ${this.brokerId}`, this.drain());
    return true;
  }

  private async drain(): Promise<void> {
    this.sending = true;
    for (let request = this.queue.shift(); request && !this.isClosed; request = this.queue.shift())
      await this.deliver(request);
    this.sending = false;
  }

  private async deliver(request: BrokerRequest): Promise<void> {
    while (!this.isClosed) {
      try {
        if (!this.connection?.isOpen) this.connection = await this.connect();
        const response = await this.connection.request(request.api, request.body);
        if (!this.isClosed) this.onResponse(request, response);
        return;
      } catch (error) {
        if (this.isClosed) return;
        this.log.warn(
          `${request.api.name} to broker ${this.brokerId} failed, trying again: ${messageOf(error)}`,
        );
        await sleep(this.host.clock, this.options.retryBackoffMs);
      }
    }
  }

  private async connect(): Promise<RpcConnection> {
    const connection = await RpcConnection.open(this.host, this.address, {
      clientId: 'controller',
      requestTimeoutMs: this.options.socketTimeoutMs,
    });
    if (this.isClosed) connection.close();
    return connection;
  }

  close(): void {
    this.isClosed = true;
    this.queue = [];
    this.connection?.close();
  }
}
