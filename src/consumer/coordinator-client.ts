/**
 * Finds the group's coordinator and sends requests to it. Forgets the address when the broker responds that
 * it is not the coordinator, or when the connection breaks.
 *
 * It has connections of its own: a JoinGroup may wait for minutes, and the responses of a connection come in
 * order.
 *
 * Kafka: clients/consumer/internals/AbstractCoordinator.java#{lookupCoordinator,ensureCoordinatorReady}@2.8.2
 */
import { HostPort } from '../common/cluster-types';
import { ErrorName, errorName, KafkaError, messageOf } from '../common/errors';
import { Host, Log, sleep, withDeadline } from '../common/host';
import { ClusterMetadata } from '../client/cluster-metadata';
import { ConnectionPool } from '../network/connection-pool';
import { findCoordinator } from '../protocol/messages/groups';
import { Api } from '../protocol/schema';

/** After these errors the coordinator has to be looked up again. */
const MOVED: readonly ErrorName[] = [
  'NOT_COORDINATOR',
  'COORDINATOR_NOT_AVAILABLE',
  'DISCONNECTED',
  'REQUEST_TIMED_OUT',
  'NETWORK_EXCEPTION',
];

export class CoordinatorClient {
  private address: HostPort | undefined;
  private looking: Promise<HostPort> | undefined;
  private isClosed = false;

  constructor(
    private readonly host: Host,
    private readonly log: Log,
    private readonly groupId: string,
    private readonly retryBackoffMs: number,
    private readonly metadata: ClusterMetadata,
    private readonly pool: ConnectionPool,
  ) {}

  get isKnown(): boolean {
    return this.address !== undefined;
  }

  /**
   * The coordinator's address; looks it up without a time limit. Rejects only if the client is closed or the
   * group id is refused.
   */
  find(): Promise<HostPort> {
    if (this.address) return Promise.resolve(this.address);
    this.looking ??= this.look().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  private async look(): Promise<HostPort> {
    for (let attempt = 0; ; attempt++) {
      if (this.isClosed) throw new KafkaError('ILLEGAL_STATE', 'the consumer is closed');
      const brokers = this.metadata.addresses();
      if (brokers.length > 0) {
        const found = await this.ask(
          brokers[(attempt + this.host.random.below(brokers.length)) % brokers.length]!,
        );
        if (found) return found;
      }
      await sleep(this.host.clock, this.retryBackoffMs);
    }
  }

  private async ask(broker: HostPort): Promise<HostPort | undefined> {
    try {
      const answer = await this.pool.request(broker, findCoordinator, { key: this.groupId, keyType: 0 });
      if (answer.errorCode === 0) {
        this.address = { host: answer.host, port: answer.port };
        this.log.info(`Discovered group coordinator ${answer.host}:${answer.port} (id ${answer.nodeId})`);
        return this.address;
      }
      const error = KafkaError.ofCode(answer.errorCode, answer.errorMessage ?? undefined);
      if (!error.retriable) throw error;
      this.log.debug(`No coordinator yet: ${messageOf(error)}`);
    } catch (error) {
      if (!(error instanceof KafkaError) || (!error.retriable && error.errorName !== 'ILLEGAL_STATE'))
        throw error;
      this.log.debug(`Group coordinator lookup failed: ${messageOf(error)}`);
    }
    return undefined;
  }

  /**
   * Sends a request to the coordinator, which may have to be looked up first. Rejects like the connection,
   * and TIMEOUT.
   */
  async request<Q, R>(api: Api<Q, R>, body: Q, timeoutMs: number): Promise<R> {
    const { clock } = this.host;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    const address = await withDeadline(
      clock,
      timeoutMs,
      this.find(),
      () => new KafkaError('TIMEOUT', 'the group coordinator was not found in time'),
    );
    try {
      return await this.pool.request(address, api, body, Math.max(1, deadlineMs - clock.monotonicMs()));
    } catch (error) {
      this.noteError(error instanceof KafkaError ? error.errorName : 'DISCONNECTED', address);
      throw error;
    }
  }

  /**
   * Takes the error code of a response: forgets the coordinator if the code says so. Returns the error's
   * name.
   */
  note(code: number): ErrorName {
    const name = errorName(code);
    this.noteError(name, this.address);
    return name;
  }

  private noteError(name: ErrorName, address: HostPort | undefined): void {
    if (!MOVED.includes(name) || this.address === undefined || this.address !== address) return;
    this.log.info(
      `Group coordinator ${address.host}:${address.port} is unavailable or invalid due to ${name}; looking ` +
        `for it again`,
    );
    this.address = undefined;
  }

  close(): void {
    this.isClosed = true;
    this.pool.close();
  }
}
