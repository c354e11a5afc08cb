/**
 * The requests that a follower sends to a leader, and the connection for them.
 *
 * Kafka: server/ReplicaFetcherBlockingSend.scala@2.8.2; server/LeaderEndPoint.scala@3.4
 */
import { HostPort } from '../common/cluster-types';
import { Host } from '../common/host';
import { RpcConnection, RpcOptions } from '../network/rpc-connection';
import { listOffsets } from '../protocol/messages/metadata';
import { fetch, offsetForLeaderEpoch } from '../protocol/messages/produce-fetch';
import { Api, TypeOf } from '../protocol/schema';

type EpochApi = typeof offsetForLeaderEpoch;
type Request<A extends { request: unknown }> = TypeOf<A['request']>;
type Response<A extends { response: unknown }> = TypeOf<A['response']>;

/** Each method rejects with a KafkaError if the leader cannot be reached. */
export interface LeaderEndPoint {
  fetch(request: Request<typeof fetch>): Promise<Response<typeof fetch>>;
  offsetsForLeaderEpoch(request: Request<EpochApi>): Promise<Response<EpochApi>>;
  listOffsets(request: Request<typeof listOffsets>): Promise<Response<typeof listOffsets>>;
  close(): void;
}

/** Connects on the first request, and again on the next request after the connection has ended. */
export class RemoteLeaderEndPoint implements LeaderEndPoint {
  private connection: RpcConnection | undefined;
  private isClosed = false;

  constructor(
    private readonly host: Host,
    private readonly address: HostPort,
    private readonly options: RpcOptions,
  ) {}

  private async ask<Q, R>(api: Api<Q, R>, body: Q): Promise<R> {
    if (!this.connection?.isOpen) {
      this.connection = await RpcConnection.open(this.host, this.address, this.options);
      if (this.isClosed) this.connection.close();
    }
    return this.connection.request(api, body);
  }

  fetch(request: Request<typeof fetch>): Promise<Response<typeof fetch>> {
    return this.ask(fetch, request);
  }

  offsetsForLeaderEpoch(request: Request<EpochApi>): Promise<Response<EpochApi>> {
    return this.ask(offsetForLeaderEpoch, request);
  }

  listOffsets(request: Request<typeof listOffsets>): Promise<Response<typeof listOffsets>> {
    return this.ask(listOffsets, request);
  }

  close(): void {
    this.isClosed = true;
    this.connection?.close();
  }
}
