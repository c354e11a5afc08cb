/**
 * An event as one plain sentence, with how it is to be taken. Events that only move numbers (a high
 * watermark, a message on its way) have no sentence: the picture shows them.
 */
import { CHECKS, LabEvent } from '../../shared/events';
import { capital, hostName, listed } from './words';

export type Tone = 'fault' | 'control' | 'good' | 'broken' | 'client' | 'plain';

export interface Told {
  readonly tone: Tone;
  readonly text: string;
}

/** Any event, looked at by the names of its fields. */
type AnyEvent = Omit<LabEvent, 'what'> & { readonly what: string; readonly [field: string]: unknown };

/** A member id is its client id and a UUID, which says nothing to a reader. */
const MEMBER_SUFFIX = /-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** The names of the clients by their hosts, as they stand in the picture. */
export type ClientNames = Readonly<Record<string, string>>;

type Teller = (event: AnyEvent, clients: ClientNames) => Told | undefined;

const told = (tone: Tone, text: string): Told => ({ tone, text });
const name = ({ topic, partition }: AnyEvent) => `${String(topic)}-${String(partition)}`;
const ids = (value: unknown): readonly number[] => (Array.isArray(value) ? (value as number[]) : []);
const isr = (event: AnyEvent) => `ISR ${listed(ids(event.isr))}`;

const FAULTS: Readonly<Record<string, (target: string) => string>> = {
  'kill -9': (id) => `kill -9: broker ${id} is dead`,
  'power cut': (id) => `Power cut: broker ${id} is dead, and what was not synced is gone`,
  'power cut after a clean stop': (id) => `The machine of broker ${id} loses power after a clean stop`,
  'SIGTERM': (id) => `SIGTERM: broker ${id} is asked to stop`,
  'died': (id) => `Broker ${id} is dead: its process has ended without a goodbye`,
  'SIGSTOP': (id) => `Broker ${id} freezes (SIGSTOP)`,
  'SIGCONT': (id) => `Broker ${id} goes on (SIGCONT)`,
  'start': (id) => `Broker ${id} starts`,
  'cut from ZooKeeper': (id) => `Broker ${id} is cut off from ZooKeeper`,
  'expire session': (id) => `The ZooKeeper session of broker ${id} is ended by hand`,
  'cut': (link) => `The link ${link.replace('>', ' – ')} is cut`,
  'cut one way': (link) => `The link ${link.replace('>', ' → ')} is cut in this direction`,
  'heal link': (link) => `The link ${link.replace('>', ' – ')} is whole again`,
  'heal links': () => 'All links are whole again',
  'ZooKeeper down': () => 'ZooKeeper is down',
  'ZooKeeper up': () => 'ZooKeeper is up again',
};

function fault({ fault: kind, target }: AnyEvent): Told {
  const text =
    FAULTS[String(kind)]?.(String(target ?? '')) ?? `${String(kind)} ${String(target ?? '')}`.trim();
  const isRepair = /^(start|SIGCONT|ZooKeeper up|heal)/.test(String(kind));
  return told(isRepair ? 'plain' : 'fault', text);
}

function brokerChange({ added, removed, bounced }: AnyEvent): Told | undefined {
  const parts = [
    ids(removed).length > 0 && `broker ${listed(ids(removed))} is gone`,
    ids(added).length > 0 && `broker ${listed(ids(added))} is there`,
    ids(bounced).length > 0 && `broker ${listed(ids(bounced))} was restarted`,
  ].filter((part) => part !== false);
  return parts.length === 0 ? undefined : told('control', `The controller sees: ${parts.join('; ')}`);
}

function leaderElected(event: AnyEvent): Told {
  const { from, leader, leaderEpoch, unclean } = event;
  if (leader === -1)
    return told('fault', `${name(event)} has no leader: nobody of its ${isr(event)} is alive`);
  if (unclean === true) {
    return told(
      'broken',
      `${name(event)}: UNCLEAN election, leader ${String(leader)} in epoch ${String(leaderEpoch)}`,
    );
  }
  const before =
    from === -1 ? `broker ${String(leader)} leads` : `leader ${String(from)} → ${String(leader)}`;
  return told('control', `${name(event)}: ${before} in epoch ${String(leaderEpoch)}, ${isr(event)}`);
}

function znode({ path, change, data }: AnyEvent): Told | undefined {
  const broker = /^\/brokers\/ids\/(\d+)$/.exec(String(path))?.[1];
  if (broker && change === 'deleted')
    return told('fault', `/brokers/ids/${broker} is gone: broker ${broker} is no longer registered`);
  if (broker && change === 'created')
    return told('plain', `/brokers/ids/${broker} is there: broker ${broker} is registered`);
  if (path !== '/controller') return undefined;
  if (change === 'deleted')
    return told('fault', '/controller is gone: whoever makes it first is the controller');
  const id = /"brokerid":\s*(\d+)/.exec(String(data))?.[1];
  return told('control', `/controller is made by broker ${id ?? '?'}`);
}

/** Clients open and close sessions as they come and go; those of brokers are what a story turns on. */
function session({ host, state }: AnyEvent): Told | undefined {
  if (!String(host).startsWith('broker-')) return undefined;
  if (state === 'ended') return told('fault', `ZooKeeper ends the session of ${hostName(String(host))}`);
  return undefined;
}

function check({ check: broken, isGood, why }: AnyEvent): Told | undefined {
  if (isGood !== false) return undefined;
  const promise = CHECKS.find((one) => one.check === broken)?.promise ?? String(broken);
  return told('broken', `Broken: ${promise}. ${String(why)}`);
}

function ends({ from, to, isOneWay }: AnyEvent, clients: ClientNames): string {
  const of = (host: unknown) => clients[String(host)] ?? hostName(String(host));
  return `${of(from)} ${isOneWay === true ? '→' : '–'} ${of(to)}`;
}

const COMMANDS: Readonly<Record<string, Teller>> = {
  'produce': ({ producer, count }) =>
    told('client', `Producer ${String(producer)} is told to send ${String(count)}`),
  'start-producer': ({ producer, acks }) =>
    told('client', `Producer ${String(producer)} starts, acks=${String(acks)}`),
  'stop-producer': ({ producer }) => told('client', `Producer ${String(producer)} stops`),
  'start-consumer': ({ consumer }) => told('client', `Consumer ${String(consumer)} starts`),
  'stop-consumer': ({ consumer }) => told('client', `Consumer ${String(consumer)} stops`),
  'kill-consumer': ({ consumer }) => told('fault', `Consumer ${String(consumer)} is to be killed`),
  'create-topic': ({ topic }) => told('client', `Topic ${String(topic)} is created`),
  'cut-link': (action, clients) => {
    const direction = action.isOneWay === true ? ' in this direction' : '';
    return told('fault', `The link ${ends(action, clients)} is cut${direction}`);
  },
  'heal-link': (action, clients) =>
    told('plain', `The link ${ends({ ...action, isOneWay: false }, clients)} is whole again`),
  'slow-link': (action, clients) =>
    action.delayMs === 0
      ? told('plain', `The link ${ends(action, clients)} is fast again`)
      : told(
          'fault',
          `The link ${ends(action, clients)} is slow: what is sent takes ${String(action.delayMs)} ms`,
        ),
  'heal-all': () => told('plain', 'All links are whole again'),
  'preferred-election': (event) => told('control', `${name(event)}: the preferred replica is asked to lead`),
  'set-topic': ({ topic, name: key, value }) =>
    told('plain', `Topic ${String(topic)}: ${String(key)}=${String(value)}`),
  'set-broker': ({ broker, name: key, value }) =>
    told('plain', `Broker ${String(broker)}: ${String(key)}=${String(value)}`),
};

/** What a user did, where no fault of the simulation tells it. */
function command(event: AnyEvent, clients: ClientNames): Told | undefined {
  const action = (event.action ?? event.command ?? event) as AnyEvent;
  return COMMANDS[String(action.what)]?.(action, clients);
}

function truncated(event: AnyEvent): Told | undefined {
  const { broker, from, to } = event;
  if (from === to) return undefined;
  return told(
    'fault',
    `${name(event)} on broker ${String(broker)} is truncated from ${String(from)} to ${String(to)}`,
  );
}

function replicaLeft(event: AnyEvent): Told {
  const { replica, leader } = event;
  if (leader === -1)
    return told('control', `${name(event)} has lost its leader ${String(replica)}, ${isr(event)}`);
  return told('control', `${name(event)}: ${String(replica)} leaves, ${isr(event)}`);
}

/** What a user did to a message on its way. */
const ofMessage =
  (how: (event: AnyEvent) => string): Teller =>
  (event, clients) => {
    const kind = event.isResponse === true ? 'response' : 'request';
    const named = `${capital(String(event.name))} ${kind} ${ends({ ...event, isOneWay: true }, clients)}`;
    return told('fault', `${named}: ${how(event)}`);
  };

const TELLERS: Readonly<Record<string, Teller>> = {
  fault,
  'broker-started': ({ broker }) => told('good', `Broker ${String(broker)} is up`),
  'broker-stopped': ({ broker }) => told('plain', `Broker ${String(broker)} has stopped cleanly`),
  'controller-elected': ({ broker, controllerEpoch }) =>
    told('control', `Broker ${String(broker)} is the controller, epoch ${String(controllerEpoch)}`),
  'controller-resigned': ({ broker }) =>
    told('plain', `Broker ${String(broker)} is no longer the controller`),
  'controller-fenced': ({ broker }) =>
    told('fault', `Broker ${String(broker)} wrote as a controller that it no longer is: refused`),
  'controller-failed': ({ broker, error }) =>
    told('fault', `The controller ${String(broker)} failed: ${String(error)}`),
  'broker-change': brokerChange,
  'leader-elected': leaderElected,
  'replica-left-isr': replicaLeft,
  'became-leader': (event) =>
    told(
      'good',
      `Broker ${String(event.broker)} leads ${name(event)} from offset ${String(event.logEndOffset)}`,
    ),
  'became-follower': (event) =>
    told('plain', `Broker ${String(event.broker)} follows ${String(event.leader)} for ${name(event)}`),
  'isr-changed': (event) =>
    told('plain', `${name(event)}: ${isr(event)}, written by its leader ${String(event.leader)}`),
  'isr-conflict': (event) =>
    told('fault', `${name(event)}: the ISR write of broker ${String(event.broker)} finds another version`),
  'isr-write-unknown': (event) =>
    told(
      'fault',
      `${name(event)}: broker ${String(event.broker)} does not know whether its ISR write counts`,
    ),
  truncated,
  'duplicate-batch': (event) =>
    told(
      'client',
      `${name(event)}: a repeated batch is not written again, it got offset ${String(event.firstOffset)}`,
    ),
  'log-dir-failed': ({ who, dir }) =>
    told('fault', `Log dir ${String(dir)} of ${who.replace('-', ' ')} failed`),
  'control-request-refused': ({ broker, api, error }) =>
    told('fault', `Broker ${String(broker)} refuses ${String(api)}: ${String(error)}`),
  'controlled-shutdown': ({ broker }) =>
    told('control', `The controller moves leaders away from broker ${String(broker)}`),
  'zk-session-expired': ({ who }) =>
    told('fault', `${capital(hostName(who))} learns that its session has expired`),
  'rebalance': ({ group, reason }) =>
    told('client', `Group ${String(group)} rebalances: ${String(reason).replace(MEMBER_SUFFIX, '')}`),
  'old-rebalance': ({ who, group }, clients) =>
    told('client', `Group ${String(group)}: ${clients[who] ?? hostName(who)} rebalances by itself`),
  'generation-changed': ({ group, generation, members }) =>
    told('client', `Group ${String(group)}: generation ${String(generation)}, members: ${String(members)}`),
  'group-loaded': ({ who, partition }) =>
    told(
      'plain',
      `${capital(hostName(who))} coordinates the groups of __consumer_offsets-${String(partition)}`,
    ),
  'consumer-died': ({ consumer, processed }) =>
    told(
      'fault',
      `kill -9: consumer ${String(consumer)} is dead${processed === null ? '' : ', between two records'}`,
    ),
  'event-loop-stalled': ({ who, ms }) =>
    told('fault', `${capital(hostName(who))} stood still for ${String(ms)} ms`),
  'znode': znode,
  'session': session,
  'check': check,
  'command': command,
  'message-dropped': ofMessage(() => 'lost, and its connection with it'),
  'message-delayed': ofMessage(({ ms }) => `late by ${String(ms)} ms, and all behind it`),
  'message-duplicated': ofMessage(() => 'arrives twice'),
  'command-failed': ({ command: asked, error }) =>
    told('plain', `${capital(String(asked))} has failed: ${String(error)}`),
  'refused': ({ why }) => told('plain', `Not possible now: ${String(why)}`),
  'process-ended': ({ broker, problem }) => told('fault', `Broker ${String(broker)}: ${String(problem)}`),
  'zookeeper-silent': () =>
    told('fault', 'The lab’s own connection to ZooKeeper broke: the tree is as it was'),
  'tree-too-large': ({ shown }) =>
    told('plain', `ZooKeeper has more than ${String(shown)} znodes: the others are not shown`),
  'zookeeper-heard': () => told('good', 'The lab hears ZooKeeper again'),
  'send-failed': ({ producer, record, error }) =>
    told('fault', `Producer ${String(producer)}: ${String(record)} failed with ${String(error)}`),
};

/** Undefined: the event is not told. */
export function sentenceOf(event: LabEvent, clients: ClientNames = {}): Told | undefined {
  const told = TELLERS[event.what]?.(event as AnyEvent, clients);
  const isInternal = String((event as AnyEvent).topic ?? '').startsWith('__');
  return isInternal && told?.tone !== 'broken' && told?.tone !== 'fault' ? undefined : told;
}
