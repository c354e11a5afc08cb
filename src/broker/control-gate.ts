/**
 * The checks that control requests and followers' fetches must pass before they are served: the listener on
 * which they arrived, and their claims against ZooKeeper.
 *
 * The checks come before the queue of control requests, so that a forged request, or one that waits for
 * ZooKeeper, does not block others; a request without a claim to check is passed on immediately. The order of
 * a controller's requests does not change, because a controller sends one at a time to each broker. A request
 * whose connection closes during its check is dropped: the controller is sending it again.
 *
 * Kafka: server/KafkaApis.scala#{handleLeaderAndIsrRequest,handleStopReplicaRequest}@2.8.2
 */
import { topicNameProblem, TopicPartition, tpName } from '../common/cluster-types';
import { errorCode, ErrorName } from '../common/errors';
import { Host, Log } from '../common/host';
import { RepeatedWarnings } from '../common/repeated-warnings';
import { LogManager } from '../log/log-manager';
import { CloseConnection, RequestContext } from '../network/server-connection';
import { leaderAndIsr, stopReplica, updateMetadata } from '../protocol/messages/replica-control';
import { Api, TypeOf } from '../protocol/schema';
import { isReplicaKept, readBrokerEpoch, readControllerEpoch, readLeaderEpochs } from '../zk/control-claims';
import { ZkConnection } from '../zk/zk-connection';
import { topicsZnode } from '../zk/znodes';
import { BrokerConfig, Listeners } from './broker-config';
import { ClaimCheck, Verdict } from './claim-check';
import { Sender } from './control-fence';
import { ListenerPolicy, notAllowed } from './listener-policy';
import { ReplicaManager } from './replica-manager';
import { Refuted } from './row-looks';

type LeaderAndIsrRow = TypeOf<typeof leaderAndIsr.request>['partitionStates'][number];
type StopReplicaRow = TypeOf<typeof stopReplica.request>['partitionStates'][number];
type PartitionError = TopicPartition & { readonly errorCode: number };
type ControlResponse = { readonly errorCode: number; readonly partitionErrors: readonly PartitionError[] };
type Answer<T> = T | CloseConnection | Promise<T | CloseConnection>;

export interface ControlGateDeps {
  readonly host: Host;
  readonly log: Log;
  readonly zk: ZkConnection;
  readonly config: BrokerConfig;
  readonly listeners: Listeners;
  readonly brokerId: number;
  readonly replicas: ReplicaManager;
  readonly logs: LogManager;
  readonly brokerEpoch: () => number;
}

const UNCONFIRMED = 'ZooKeeper does not answer: what the request claims cannot be confirmed';

/** A StopReplica row would take effect, but ZooKeeper was not asked about it. */
class NotLookedUp extends Error {}

export class ControlGate {
  private readonly warning: RepeatedWarnings;
  private readonly policy: ListenerPolicy;
  private readonly check: ClaimCheck;

  constructor(private readonly deps: ControlGateDeps) {
    const { host, log, zk, config, listeners, brokerId } = deps;
    this.warning = new RepeatedWarnings(host.clock, log);
    this.policy = new ListenerPolicy(listeners, this.warning);
    // The controller's request times out after this; our answer must be earlier.
    const patienceMs = Math.min(
      config['controller.socket.timeout.ms'],
      config['zookeeper.session.timeout.ms'],
    );
    this.check = new ClaimCheck(
      host.clock,
      {
        sync: () => zk.sync(topicsZnode.path),
        controllerEpoch: () => readControllerEpoch(zk),
        brokerEpoch: () => readBrokerEpoch(zk, brokerId),
        leaderEpochs: (tps) => readLeaderEpochs(zk, tps),
        isReplicaKept: (tp) => isReplicaKept(zk, tp, brokerId),
      },
      patienceMs / 2,
    );
  }

  /** The leader epoch of the local replica, or of its log; undefined if there is neither. */
  private leaderEpochHere(tp: TopicPartition): number | undefined {
    const { replicas, logs } = this.deps;
    return replicas.get(tp)?.leaderEpoch ?? logs.get(tp)?.epochs.latestEpoch;
  }

  /** The error response for a request that this listener does not serve; undefined if it does. */
  refuse(api: Api, body: unknown, context: RequestContext): unknown {
    return this.policy.refuse(api, body, context);
  }

  leaderAndIsr(
    request: TypeOf<typeof leaderAndIsr.request>,
    context: RequestContext,
  ): Answer<ControlResponse> {
    const {
      check,
      deps: { replicas },
    } = this;
    const isFarAhead = (row: LeaderAndIsrRow) =>
      check.isFarAhead(row, row.leaderEpoch, this.leaderEpochHere(row));
    const far = request.partitionStates.filter(isFarAhead);
    return this.checked(leaderAndIsr as Api, request, context, () => {
      if (far.length === 0) return replicas.becomeLeaderOrFollower(request);
      const refuted = this.whileHere(context, check.leaderEpochsAbove(far));
      return this.without('UNKNOWN_LEADER_EPOCH', refuted, request.partitionStates, (partitionStates) => {
        return replicas.becomeLeaderOrFollower({ ...request, partitionStates });
      });
    });
  }

  stopReplica(request: TypeOf<typeof stopReplica.request>, context: RequestContext): Answer<ControlResponse> {
    const obeyed = request.partitionStates.filter((row) => this.wouldStop(row));
    const lookedUp = new Set(obeyed);
    // A replica that did not exist when the request arrived may have been created before its turn, without a
    // check.
    const approve = (row: StopReplicaRow) => {
      if (!lookedUp.has(row) && this.wouldStop(row)) throw new NotLookedUp();
    };
    const stop = (partitionStates: readonly StopReplicaRow[]) =>
      this.deps.replicas.stopReplicas({ ...request, partitionStates }, approve);
    return this.checked(stopReplica as Api, request, context, () => {
      if (obeyed.length === 0) return this.unlessNotLookedUp(stop(request.partitionStates));
      const refuted = this.whileHere(context, this.notToBeStopped(obeyed));
      const rows = request.partitionStates;
      return this.unlessNotLookedUp(this.without('CLUSTER_AUTHORIZATION_FAILED', refuted, rows, stop));
    });
  }

  /**
   * Closes the connection if a row was not checked: the controller sends the request again, and it is checked
   * then.
   */
  private async unlessNotLookedUp<T>(answer: Promise<T>): Promise<T | CloseConnection> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof NotLookedUp) return this.notObeyed();
      throw error;
    }
  }

  updateMetadata(
    request: TypeOf<typeof updateMetadata.request>,
    context: RequestContext,
  ): Answer<TypeOf<typeof updateMetadata.response>> {
    return this.checked(updateMetadata as Api, request, context, () => {
      const partitionStates = this.possible(request.partitionStates);
      return this.deps.replicas.updateMetadata({ ...request, partitionStates });
    });
  }

  /**
   * Removes rows with impossible topic names or partition numbers: clients would get them until the broker
   * restarts.
   */
  private possible<Row extends TopicPartition>(rows: readonly Row[]): readonly Row[] {
    const found = rows.filter((row) => row.partition >= 0 && topicNameProblem(row.topic) === undefined);
    const left = rows.length - found.length;
    if (left > 0)
      this.warning.warn(
        'names',
        `Leaving ${left} partitions out of the metadata: no topic can be called that`,
      );
    return found;
  }

  /**
   * Whether the row would take effect: the replica or its log is here, and the leader epoch is not out of
   * date.
   */
  private wouldStop(row: StopReplicaRow): boolean {
    const partition = this.deps.replicas.get(row);
    if (partition === undefined) return row.deletePartition && this.deps.logs.get(row) !== undefined;
    return row.leaderEpoch < 0 || row.leaderEpoch > partition.leaderEpoch;
  }

  /**
   * The rows that must be refused. A replica is deleted, or stopped without a leader epoch, only if this
   * broker need not keep it; a stop with a leader epoch counts only if ZooKeeper has that epoch.
   */
  private async notToBeStopped(rows: readonly StopReplicaRow[]): Promise<Refuted> {
    const { check } = this;
    const isForGood = (row: StopReplicaRow) => row.deletePartition || row.leaderEpoch < 0;
    const [kept, above] = await Promise.all([
      check.kept(rows.filter(isForGood)),
      check.leaderEpochsAbove(rows.filter((row) => !isForGood(row))),
    ]);
    return kept === 'unconfirmed' || above === 'unconfirmed' ? 'unconfirmed' : new Set([...kept, ...above]);
  }

  /** Serves the request after its controller epoch and broker epoch are confirmed. */
  private checked<T>(api: Api, sender: Sender, context: RequestContext, serve: () => Answer<T>): Answer<T> {
    const looking = this.check.sender(sender, this.deps.brokerEpoch());
    if (looking === undefined) return serve();
    const verdict = this.whileHere(context, looking);
    return this.afterLook(verdict, () => this.refuseSender(api, sender, context) as T, serve);
  }

  private async afterLook<T>(
    looking: Promise<Verdict>,
    refuse: () => T,
    serve: () => Answer<T>,
  ): Promise<T | CloseConnection> {
    const verdict = await looking;
    if (verdict === 'confirmed') return serve();
    return verdict === 'refuted' ? refuse() : this.notObeyed();
  }

  /**
   * If the connection has closed meanwhile, the result is `unconfirmed`: the controller sends the request
   * again.
   */
  private async whileHere<T>({ asker }: RequestContext, looking: Promise<T>): Promise<T | 'unconfirmed'> {
    let isGone = false;
    asker.onGone(() => {
      isGone = true;
    });
    const found = await looking;
    return isGone ? 'unconfirmed' : found;
  }

  private notObeyed(): CloseConnection {
    this.warning.warn('unconfirmed', `A request of a controller is not obeyed: ${UNCONFIRMED}`);
    return new CloseConnection(UNCONFIRMED);
  }

  private refuseSender(api: Api, sender: Sender, { remoteAddress }: RequestContext): unknown {
    const { host, brokerId: broker } = this.deps;
    const { controllerId, controllerEpoch, brokerEpoch } = sender;
    const error: ErrorName = 'CLUSTER_AUTHORIZATION_FAILED';
    const claim = `controller ${controllerId} of epoch ${controllerEpoch} to broker epoch ${brokerEpoch}`;
    const why = `${error}, ZooKeeper knows no such epoch`;
    const text = `Refusing ${api.name} from ${remoteAddress}, as of ${claim}: ${why}`;
    const isNew = this.warning.warn(`claim ${api.name}`, text);
    const event = { api: api.name, error, controllerId, controllerEpoch, brokerEpoch };
    if (isNew) host.event({ what: 'control-request-refused', broker, ...event });
    return notAllowed(api);
  }

  /** Serves the rows that were not refuted, and answers the others with `error`. */
  private async without<Row extends TopicPartition>(
    error: ErrorName,
    looking: Promise<Refuted>,
    rows: readonly Row[],
    serve: (rows: readonly Row[]) => Promise<ControlResponse>,
  ): Promise<ControlResponse | CloseConnection> {
    const refuted = await looking;
    if (refuted === 'unconfirmed') return this.notObeyed();
    const bad = rows.filter((row) => refuted.has(tpName(row)));
    if (bad.length > 0) {
      const names = bad.slice(0, 10).map(tpName).join(', ');
      const text = `Not obeying a request of a controller for ${bad.length} partitions (${names})`;
      this.warning.warn(`rows ${error}`, `${text}: ${error}, ZooKeeper says otherwise`);
    }
    const { errorCode: code, partitionErrors } = await serve(rows.filter((row) => !refuted.has(tpName(row))));
    if (code !== 0) return { errorCode: code, partitionErrors };
    const errors = bad.map(({ topic, partition }) => ({ topic, partition, errorCode: errorCode(error) }));
    return { errorCode: 0, partitionErrors: [...partitionErrors, ...errors] };
  }
}
