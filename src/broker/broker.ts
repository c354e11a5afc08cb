/**
 * One broker: creates its parts, starts them in Kafka's order, keeps it registered, and stops it cleanly.
 *
 * Invariants: when its session is replaced it registers again before anything else. A start that finds its
 * broker id or port in use, or another cluster's log dir, fails with an Error and changes nothing.
 *
 * Kafka: server/KafkaServer.scala@2.8.2
 */
import { Endpoint, GROUP_METADATA_TOPIC } from '../common/cluster-types';
import { KafkaError, messageOf } from '../common/errors';
import { Host, Log, withDeadline } from '../common/host';
import { Metrics } from '../common/metrics';
import { Controller } from '../controller/controller';
import { TopicOverrides } from '../log/log-config';
import { LogManager } from '../log/log-manager';
import { SocketServer } from '../network/socket-server';
import {
  BrokerIdTakenError,
  createTopLevelPaths,
  generateBrokerId,
  getOrCreateClusterId,
  isRegistered,
  readBrokers,
  registerBroker,
} from '../zk/broker-registration';
import { writeIsr } from '../zk/partition-state-store';
import { claimProducerIdBlock, ProducerIdManager } from '../zk/producer-ids';
import { readTopic } from '../zk/topic-store';
import { ZkConnection } from '../zk/zk-connection';
import { SessionCredentials, ZooKeeper } from '../zk/zk-session';
import { endpointText } from '../zk/znodes';
import { moveLeadersAway } from './ask-controller';
import { BrokerConfig, labSwitches, Listeners, listenersOf, logDefaultsOf } from './broker-config';
import {
  checkMetaProperties,
  readMetaProperties,
  readSessionFiles,
  removeSessionFiles,
  writeMetaProperties,
  writeSessionFiles,
} from './broker-files';
import { ControlGate } from './control-gate';
import { connectionLimitsOf, shareDescriptors } from './connection-config';
import { ConfigChangeListener } from './config-change-listener';
import { GroupService } from './group/group-service';
import { createOffsetsTopic, offsetsTopicRequest } from './group/offsets-topic';
import { createTopicNow } from './handlers/create-topics';
import { IsrChangePropagator } from './isr-change-propagator';
import { refuseKafkaPeers } from './kafka-peer-probe';
import { LogDirFailureNotifier } from './log-dir-failure-notifier';
import { MetadataCache } from './metadata-cache';
import { ReplicaManager } from './replica-manager';
import { watchRegistration } from './registration-watch';
import { requestRouter } from './request-router';
import { StallWatch } from './stall-watch';
import { TopicConfigs } from './topic-configs';

/** The parts that exist only while the broker runs. */
interface Running {
  readonly zk: ZkConnection;
  readonly brokerId: number;
  readonly clusterId: string;
  readonly endpoints: readonly Endpoint[];
  readonly server: SocketServer;
  readonly replicas: ReplicaManager;
  readonly controller: Controller;
  readonly groups: GroupService;
  readonly propagator: IsrChangePropagator;
  readonly logDirFailures: LogDirFailureNotifier;
  readonly configListener: ConfigChangeListener;
}

export class Broker {
  readonly metrics = new Metrics();
  private readonly log: Log;
  private readonly listeners: Listeners;
  private readonly logDirs: readonly string[];
  private readonly stallWatch: StallWatch;
  private running: Running | undefined;
  private logs: LogManager | undefined;
  private zk: ZkConnection | undefined;
  private server: SocketServer | undefined;
  private brokerEpoch = -1;
  /** Sessions whose registration may still exist: the last one that registered and all later ones. */
  private sessions = new Set<string>();
  private stopping: Promise<void> | undefined;

  constructor(
    private readonly config: BrokerConfig,
    private readonly host: Host,
    private readonly zookeeper: ZooKeeper,
  ) {
    this.log = host.log.child('Broker');
    this.listeners = listenersOf(config);
    this.logDirs = (config['log.dirs'] ?? [config['log.dir']]).map((dir) => dir.replace(/(?<=.)\/+$/, ''));
    this.stallWatch = new StallWatch(host, config['event.loop.stall.warn.ms']);
  }

  get id(): number {
    return this.require().brokerId;
  }
  get epoch(): number {
    return this.brokerEpoch;
  }
  get endpoints(): readonly Endpoint[] {
    return this.require().endpoints;
  }
  get replicas(): ReplicaManager {
    return this.require().replicas;
  }
  get controller(): Controller {
    return this.require().controller;
  }
  get groups(): GroupService {
    return this.require().groups;
  }
  get sessionCredentials(): SessionCredentials {
    return this.require().zk.credentials;
  }

  private require(): Running {
    if (!this.running) throw new KafkaError('ILLEGAL_STATE', 'the broker is not running');
    return this.running;
  }

  /** Starts all parts. If this fails, rejects with an Error that explains and releases what it acquired. */
  async start(): Promise<void> {
    if (this.listeners.isOpenToAll) {
      this.log.warn(
        'broker.requests.on.any.listener is on: whoever reaches a listener may play controller or follower.',
      );
    }
    for (const name of labSwitches(this.config))
      this.log.warn(
        `TEACHING SWITCH ${name} is on: this broker brings an old bug back. Never use it with data you need.`,
      );
    try {
      await this.startUp();
    } catch (error) {
      await this.undoStart();
      throw error;
    }
  }

  private async startUp(): Promise<void> {
    const { config, host } = this;
    const logs = (this.logs = this.newLogManager());
    logs.lockDirs();
    const zk = (this.zk = await this.connectToZooKeeper(logs));
    await createTopLevelPaths(zk);
    const clusterId = await getOrCreateClusterId(zk, host.random);
    const meta = readMetaProperties(host.disk, logs);
    checkMetaProperties(meta, config['broker.id'], clusterId);
    const brokerId =
      config['broker.id'] >= 0
        ? config['broker.id']
        : (meta.brokerId ?? (await generateBrokerId(zk, config['reserved.broker.max.id'])));
    this.log.info(`Starting broker ${brokerId} of cluster ${clusterId}`);
    await refuseKafkaPeers(host, brokerId, await readBrokers(zk));
    const topicConfigs = new TopicConfigs(zk, this.log);
    await logs.load(await topicConfigs.readAll());
    const metadata = new MetadataCache();
    const propagator = new IsrChangePropagator(host.clock, zk, this.log, {
      checkIntervalMs: config['isr.change.check.interval.ms'],
      quietMs: config['isr.change.quiet.ms'],
      maxDelayMs: config['isr.change.propagation.ms'],
    });
    const replicas = new ReplicaManager({
      host,
      config,
      brokerId,
      logs,
      metadata,
      metrics: this.metrics,
      writeIsr: (tp, write) => writeIsr(zk, tp, write),
      onIsrChanged: (tp) => propagator.record(tp),
      onReplicaMissing: () => this.running?.logDirFailures.notify(),
      brokerEpoch: () => this.brokerEpoch,
      isRegistered: (id, epoch) => isRegistered(zk, id, epoch),
      readTopicConfig: (topic) => topicConfigs.readNew(topic),
    });
    const controller = this.newController(brokerId, zk);
    const producerIds = await ProducerIdManager.open(
      () => claimProducerIdBlock(zk, brokerId),
      (reason) => this.log.error(reason),
    );
    const readPartitionCount = async () => (await readTopic(zk, GROUP_METADATA_TOPIC))?.partitions.size;
    const groups = new GroupService({ host, config, cache: metadata, replicas, readPartitionCount });
    const server = (this.server = this.newServer(
      brokerId,
      clusterId,
      zk,
      metadata,
      replicas,
      controller,
      groups,
      producerIds,
    ));
    const endpoints = await this.bind(server);
    const logDirFailures = new LogDirFailureNotifier(host.clock, zk, this.log, brokerId);
    const onChanged = async (topic: string) => this.topicConfigChanged(topic, await topicConfigs.read(topic));
    const configListener = new ConfigChangeListener(host.clock, zk, this.log, onChanged);
    const running = (this.running = {
      zk,
      brokerId,
      clusterId,
      endpoints,
      server,
      replicas,
      controller,
      groups,
      propagator,
      logDirFailures,
      configListener,
    });
    await this.refuseTakenAddress(running);
    logs.startBackgroundTasks();
    replicas.start();
    await groups.start();
    zk.addSessionListener({
      onLost: () => controller.sessionLost(),
      onExpired: () => {
        this.log.warn(
          `The ZooKeeper session expired.${this.stallWatch.explain(config['zookeeper.session.timeout.ms'])}`,
        );
        controller.sessionExpired();
      },
      onNewSession: () => this.register(),
    });
    await this.register();
    watchRegistration(zk, {
      brokerId,
      log: this.log,
      brokerEpoch: () => this.brokerEpoch,
      isStopping: () => this.stopping !== undefined,
      register: () => this.register(),
    });
    replicas.registered(); // From here on control requests are processed.
    writeMetaProperties(host.disk, logs, brokerId, clusterId);
    controller.start();
    configListener.start();
    propagator.start();
    this.stallWatch.start();
    this.log.info(`Broker ${brokerId} started on ${endpoints.map(endpointText).join(', ')}`);
    host.event({ what: 'broker-started', broker: brokerId, brokerEpoch: this.brokerEpoch });
  }

  private newLogManager(): LogManager {
    const { config } = this;
    return new LogManager(this.host, {
      logDirs: this.logDirs,
      defaults: logDefaultsOf(config),
      retentionCheckIntervalMs: config['log.retention.check.interval.ms'],
      initialTaskDelayMs: config['log.initial.task.delay.ms'],
      flushCheckpointIntervalMs: config['log.flush.offset.checkpoint.interval.ms'],
      flushCheckIntervalMs: Math.min(2 ** 31, config['log.flush.scheduler.interval.ms']),
      maxOpenFiles: shareDescriptors(this.host.maxDescriptors, config['log.max.open.files']).files,
      tailCacheBytes: config['log.tail.cache.bytes'],
      producerIdExpirationMs: config['producer.id.expiration.ms'] ?? config['transactional.id.expiration.ms'],
      cleaner: {
        enabled: config['log.cleaner.enable'],
        backoffMs: config['log.cleaner.backoff.ms'],
        dedupeBufferBytes: config['log.cleaner.dedupe.buffer.size'],
      },
      onAllDirsFailed: (reason) => this.fatal(new Error(`Shutdown broker because ${reason}`)),
      mayHandOver: (tp) => this.running?.replicas.mayHandOver(tp) ?? false,
      onLogsOffline: () => {
        this.running?.replicas.logsWentOffline();
        this.running?.logDirFailures.notify();
      },
    });
  }

  /** Ends the session of this broker's former run, if there is one, and opens a new session. */
  private async connectToZooKeeper(logs: LogManager): Promise<ZkConnection> {
    const { config, host } = this;
    const sessionTimeoutMs = config['zookeeper.session.timeout.ms'];
    const options = {
      sessionTimeoutMs,
      connectTimeoutMs: config['zookeeper.connection.timeout.ms'] ?? sessionTimeoutMs,
    };
    try {
      await this.zookeeper.createRoot(options);
      for (const former of readSessionFiles(host.disk, logs)) {
        // If the connection breaks before the session has ended, its registration is replaced instead.
        this.sessions.add(former.id);
        await this.endFormerSession(former, options);
      }
      return await ZkConnection.open(host, this.zookeeper, {
        ...options,
        maxInFlightRequests: config['zookeeper.max.in.flight.requests'],
      });
    } catch (error) {
      throw new Error(`Could not connect to ZooKeeper at ${this.zookeeper.name}: ${messageOf(error)}`);
    }
  }

  private async endFormerSession(
    former: SessionCredentials,
    options: { sessionTimeoutMs: number; connectTimeoutMs: number },
  ): Promise<void> {
    try {
      const session = await this.zookeeper.openSession({ ...options, resume: former });
      await session.close();
      this.log.info(`Ended the ZooKeeper session 0x${former.id} of this broker's former run`);
    } catch (error) {
      if (!messageOf(error).includes('SESSION_EXPIRED')) throw error;
    }
  }

  private newController(brokerId: number, zk: ZkConnection): Controller {
    const { config } = this;
    return new Controller(
      this.host,
      zk,
      {
        brokerId,
        interBrokerListener: this.listeners.interBroker,
        controlPlaneListener: this.listeners.controlPlane,
        socketTimeoutMs: config['controller.socket.timeout.ms'],
        retryBackoffMs: config['controller.retry.backoff.ms'],
        uncleanLeaderElection: config['unclean.leader.election.enable'],
        autoLeaderRebalance: config['auto.leader.rebalance.enable'],
        rebalanceCheckIntervalMs: config['leader.imbalance.check.interval.seconds'] * 1000,
        firstRebalanceDelayMs: config['leader.imbalance.first.check.ms'],
        imbalancePercentage: config['leader.imbalance.per.broker.percentage'],
      },
      this.metrics,
    );
  }

  private newServer(
    brokerId: number,
    clusterId: string,
    zk: ZkConnection,
    metadata: MetadataCache,
    replicas: ReplicaManager,
    controller: Controller,
    groups: GroupService,
    producerIds: ProducerIdManager,
  ): SocketServer {
    const { config, host } = this;
    const createDeps = {
      host,
      zk,
      cache: metadata,
      numPartitions: config['num.partitions'],
      replicationFactor: config['default.replication.factor'],
    };
    const createOffsets = (): Promise<void> =>
      createOffsetsTopic(() => createTopicNow(createDeps, offsetsTopicRequest(config)), this.log);
    const autoCreate = (topic: string): Promise<void> =>
      topic === GROUP_METADATA_TOPIC ? createOffsets() : createTopicNow(createDeps, { name: topic });
    const findCoordinator = {
      clock: host.clock,
      cache: metadata,
      offsetsTopic: groups.offsetsTopic,
      createOffsetsTopic: createOffsets,
    };
    const gate = new ControlGate({
      host,
      log: this.log,
      zk,
      config,
      listeners: this.listeners,
      brokerId,
      replicas,
      logs: this.logs!,
      brokerEpoch: () => this.brokerEpoch,
    });
    const serve = requestRouter({
      host,
      log: this.log,
      brokerId,
      clusterId,
      replicas,
      gate,
      logs: this.logs!,
      groups,
      createTopics: createDeps,
      findCoordinator,
      generateProducerId: () => producerIds.generateProducerId(),
      moveLeaders: (id, epoch) => controller.controlledShutdown(id, epoch),
      metadata: {
        cache: metadata,
        clusterId,
        autoCreate: config['auto.create.topics.enable'] ? autoCreate : undefined,
      },
      fetchMaxBytes: config['fetch.max.bytes'],
      maxExpandedBytes: config['produce.decompression.max.bytes'],
      requestTimeoutMs: config['request.timeout.ms'],
      onFatal: (error) => this.fatal(error),
    });
    const maxFrameBytes = config['socket.request.max.bytes'];
    const orElse = (value: number, other: number) => (value < 0 ? other : value);
    const server = new SocketServer(host, serve, {
      maxFrameBytes,
      log: this.log,
      maxIdleMs: config['connections.max.idle.ms'],
      queuedMaxRequestBytes: orElse(config['queued.max.request.bytes'], 2 * maxFrameBytes),
      queuedMaxResponseBytes: orElse(config['queued.max.response.bytes'], 4 * config['fetch.max.bytes']),
      connections: connectionLimitsOf(config, host.maxDescriptors),
      isLiveBroker: metadata.isLive,
      brokerListeners: this.listeners.forBrokers,
      interBrokerListener: this.listeners.interBroker,
    });
    server.registerGauges(this.metrics);
    return server;
  }

  /** Binds every listener. Returns the endpoints to register, with the actual ports. */
  private async bind(server: SocketServer): Promise<Endpoint[]> {
    const bound: Endpoint[] = [];
    for (const endpoint of this.listeners.bound)
      bound.push({ ...endpoint, port: await server.listen(endpoint.listener, endpoint.host, endpoint.port) });
    const advertised =
      this.listeners.advertised ??
      bound.map((one) => ({
        ...one,
        host: one.host === '' || one.host === '0.0.0.0' ? 'localhost' : one.host,
      }));
    return advertised.map((one) => ({
      ...one,
      port:
        one.port > 0 ? one.port : (bound.find(({ listener }) => listener === one.listener)?.port ?? one.port),
    }));
  }

  private async refuseTakenAddress({ zk, brokerId, endpoints }: Running): Promise<void> {
    const taken = endpoints.map(({ host, port }) => `${host}:${port}`);
    for (const other of await readBrokers(zk)) {
      const clash = other.endpoints.find(({ host, port }) => taken.includes(`${host}:${port}`));
      if (clash && other.id !== brokerId)
        throw new Error(
          `Configured end points ${clash.host}:${clash.port} in advertised listeners are already ` +
            `registered by broker ${other.id}`,
        );
    }
  }

  private async register(): Promise<void> {
    const { zk, brokerId, endpoints } = this.require();
    const { history } = this.logs!;
    const session = zk.credentials;
    writeSessionFiles(this.host.disk, this.logs!, session);
    this.sessions.add(session.id);
    const data = {
      id: brokerId,
      endpoints,
      rack: this.config['broker.rack'],
      jmxPort: -1,
      timestampMs: this.host.clock.wallMs(),
    };
    try {
      this.brokerEpoch = await registerBroker(zk, data, this.sessions, (epoch) => history.at(epoch));
      history.registered(this.brokerEpoch);
    } catch (error) {
      if (error instanceof BrokerIdTakenError && this.brokerEpoch !== -1) this.fatal(error);
      throw error;
    }
    this.sessions = new Set([session.id]);
    this.log.info(`Registered broker ${brokerId} in ZooKeeper with epoch ${this.brokerEpoch}`);
    this.host.event({ what: 'broker-registered', broker: brokerId, brokerEpoch: this.brokerEpoch });
  }

  private topicConfigChanged(topic: string, overrides: TopicOverrides): void {
    this.log.info(`Settings of topic ${topic} are now ${JSON.stringify(overrides)}`);
    this.logs!.updateTopicConfig(topic, overrides);
    if (overrides['unclean.leader.election.enable'] === 'true')
      this.require().controller.uncleanElectionEnabled(topic);
  }

  private fatal(error: unknown): void {
    this.log.error(`Fatal: ${error instanceof Error && error.stack ? error.stack : messageOf(error)}`);
    this.host.exit(1, messageOf(error));
  }

  private async undoStart(): Promise<void> {
    this.stallWatch.stop();
    this.running?.groups.close();
    this.running?.replicas.close();
    await this.running?.controller.close();
    await this.server?.close();
    await this.zk?.close().catch(() => {});
    this.logs?.releaseLocks();
  }

  /** Stops cleanly within `shutdown.timeout.ms`. Further calls return the same promise. */
  shutdown(): Promise<void> {
    this.stopping ??= withDeadline(
      this.host.clock,
      this.config['shutdown.timeout.ms'],
      this.stop(),
      () => new Error('the shutdown took too long'),
    );
    return this.stopping;
  }

  private async stop(): Promise<void> {
    if (!this.running) return;
    const { brokerId, replicas, groups, server, controller, configListener, propagator, logDirFailures, zk } =
      this.running;
    this.log.info(`Shutting down broker ${brokerId}`);
    if (this.config['controlled.shutdown.enable']) {
      const {
        host,
        log,
        config,
        listeners: { controlPlane, interBroker },
      } = this;
      const asking = {
        host,
        log,
        zk,
        config,
        listeners: [controlPlane, interBroker],
        fetchers: replicas.fetchers,
      };
      await moveLeadersAway({ ...asking, brokerId, brokerEpoch: () => this.brokerEpoch });
    }
    this.stallWatch.stop();
    configListener.stop();
    propagator.stop();
    logDirFailures.stop();
    groups.close();
    await server.close();
    replicas.close();
    await this.logs!.close();
    await controller.close();
    await zk.close();
    removeSessionFiles(this.host.disk, this.logs!);
    this.logs!.releaseLocks();
    this.log.info(`Broker ${brokerId} has shut down`);
    this.host.event({ what: 'broker-stopped', broker: brokerId });
  }
}
