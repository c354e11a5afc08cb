/**
 * The fetchers of this broker, one for each leader it follows.
 *
 * Invariant: a partition is followed by at most one fetcher.
 *
 * Kafka: server/{AbstractFetcherManager,ReplicaFetcherManager}.scala@2.8.2; differs: one fetcher per leader
 */
import { HostPort, TopicPartition } from '../common/cluster-types';
import { Host } from '../common/host';
import { RemoteLeaderEndPoint } from './leader-end-point';
import { Partition } from './partition';
import { FetcherOptions, ReplicaFetcher } from './replica-fetcher';

interface Following {
  readonly fetcher: ReplicaFetcher;
  readonly address: HostPort;
}

export class ReplicaFetcherManager {
  private readonly fetchers = new Map<number, Following>();
  private isLeaving = false;
  private isClosed = false;

  constructor(
    private readonly host: Host,
    private readonly options: Omit<FetcherOptions, 'leaderId'>,
    private readonly socketTimeoutMs: number,
  ) {}

  add(partition: Partition, leaderId: number, address: HostPort): void {
    if (this.isClosed || (this.isLeaving && !partition.isr.includes(this.options.brokerId))) return;
    const known = this.fetchers.get(leaderId);
    const isThere = known?.address.host === address.host && known.address.port === address.port;
    if (isThere) return known.fetcher.add(partition);
    const moved = known?.fetcher.partitions ?? [];
    known?.fetcher.close();
    const fetcher = this.open(leaderId, address);
    this.fetchers.set(leaderId, { fetcher, address });
    for (const one of moved) fetcher.add(one);
    fetcher.add(partition);
  }

  private open(leaderId: number, address: HostPort): ReplicaFetcher {
    const { brokerId } = this.options;
    const log = this.host.log.child(`ReplicaFetcher broker=${brokerId} leader=${leaderId}`);
    const leader = new RemoteLeaderEndPoint(this.host, address, {
      clientId: `broker-${brokerId}-fetcher`,
      requestTimeoutMs: this.socketTimeoutMs,
    });
    return new ReplicaFetcher(this.host, log, leader, { ...this.options, leaderId });
  }

  remove(tp: TopicPartition): void {
    for (const { fetcher } of this.fetchers.values()) fetcher.remove(tp);
  }

  /**
   * The broker is about to stop: from now on it does not follow a partition if it is not in the ISR, because
   * it would join the ISR again.
   */
  leave(): void {
    this.isLeaving = true;
  }

  /** The fetchers with their leaders' ids, for the checkers. */
  get all(): readonly { readonly leaderId: number; readonly fetcher: ReplicaFetcher }[] {
    return [...this.fetchers].map(([leaderId, { fetcher }]) => ({ leaderId, fetcher }));
  }

  /** Closes the fetchers without partitions. */
  closeIdle(): void {
    for (const [id, { fetcher }] of this.fetchers) {
      if (fetcher.size > 0) continue;
      fetcher.close();
      this.fetchers.delete(id);
    }
  }

  close(): void {
    this.isClosed = true;
    for (const { fetcher } of this.fetchers.values()) fetcher.close();
  }
}
