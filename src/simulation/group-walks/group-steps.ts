/**
 * The alphabet of group walks: actions of consumers and producers, faults of brokers, and faults of the links
 * between them. Consumers have places 1 to 3, producers 4 and 5; brokers have ids 1 to 3.
 */
import { produce } from '../../protocol/messages/produce-fetch';
import { Prng } from '../prng';
import {
  anywhere,
  one,
  StepRule,
  StepRules,
  StepWeights,
  Targets,
  WalkStep,
  when,
} from '../walks/step-rules';
import { FIRST_PRODUCER, GroupCluster, MAX_MESSAGE_BYTES } from './group-cluster';
import { lateCommit, lateSync, overtakenCommit, sendAcrossMove } from './late-steps';
import { WalkMember } from './walk-member';

const MAX_STOPPED = 1;
const MAX_PARTITIONS = 3;
const BATCH = 4;
/** Longer than clients wait for a response. */
const DELAY_MS = 2200;
/** With this delay, loading a group in several slices takes longer than finding the coordinator. */
const SLOW_TIMERS_MS = 120;
const LONG_MS = 3000;
/** Longer than the delivery timeout of one batch, shorter than that of the next one. */
const MUTE_MS = 2600;
/** A batch is in flight while its leader is replaced, until its producer's timeout. */
const UNDER_WAY_MS = 700;
/** More than the topic's max.message.bytes. */
const LARGE_BYTES = 2 * MAX_MESSAGE_BYTES;
/** This many look-ups, one after the other, last until there is another coordinator. */
const LOOKS = 6;

const mayStop = (walk: GroupCluster) => (walk.stopped.length < MAX_STOPPED ? walk.running : []);
const links = (walk: GroupCluster): Targets[] =>
  walk.clients.flatMap((place) => walk.ids.map((id): Targets => [place, id]));
const uncut = (walk: GroupCluster) => links(walk).filter(([place, id]) => !walk.isCut(place, id));
const cutClients = (walk: GroupCluster) =>
  walk.clients.filter((place) => walk.ids.some((id) => walk.isCut(place, id)));
const sends = (walk: GroupCluster, producer: number): Targets[] =>
  walk.partitions.map(({ partition }) => [producer, partition + 1]);
const owns = ({ readings }: WalkMember) => readings.size > 0;
const hasRead = ({ readings }: WalkMember) => [...readings.values()].some(({ next = 0 }) => next > 0);
const isExplicit = ({ options }: WalkMember) => options.style === 'explicit';
const link = (walk: GroupCluster, place: number, id: number): [string, string] => [
  walk.hostOf(place),
  `broker-${id}`,
];

const isLed = (walk: GroupCluster, b: number) =>
  walk.running.includes(walk.leaderOf(walk.partitions[b - 1]!));

type Rules = Readonly<Record<string, StepRule<GroupCluster>>>;

/**
 * Steps without faults. The rules must hold wherever these steps occur, and they alone must not cause any
 * failure.
 */
const calm = {
  'join': { weight: 8, targets: (walk) => one(walk.emptyPlaces), run: (walk, a) => walk.join(a) },
  'close': {
    weight: 1.5,
    targets: (walk) => one(walk.places()),
    run: (walk, a) => {
      walk.member(a).isStalled = false;
      walk.member(a).close();
      walk.vacate(a);
    },
  },
  'take': {
    weight: 7,
    targets: (walk) => one(walk.places()),
    run: (walk, a) => {
      walk.member(a).budget += BATCH - 1;
    },
  },
  'commit-sync': {
    weight: 5,
    targets: (walk) => one(walk.places((member) => isExplicit(member) && owns(member))),
    run: (walk, a) => walk.member(a).commitSync(),
  },
  'commit-async': {
    weight: 4,
    targets: (walk) => one(walk.places((member) => isExplicit(member) && owns(member))),
    run: (walk, a) => walk.member(a).commitAsync(),
  },
  'rejoin-commit': {
    weight: 2,
    targets: (walk) =>
      one(walk.places((member) => isExplicit(member) && owns(member) && !member.options.isAlone)),
    // It commits while the other members have not joined yet.
    run: (walk, a) => {
      walk.member(a).rejoin();
      walk.member(a).commitSync();
    },
  },
  'read-back': {
    weight: 2,
    targets: (walk) => one(walk.places()),
    run: (walk, a) => walk.member(a).readBack(),
  },
  'seek-begin': {
    weight: 2,
    targets: (walk) => one(walk.places(owns)),
    run: (walk, a) => walk.member(a).seek('begin'),
  },
  'seek-middle': {
    weight: 2,
    targets: (walk) => one(walk.places(owns)),
    run: (walk, a) => walk.member(a).seek('middle'),
  },
  'seek-end': {
    weight: 2.5,
    targets: (walk) => one(walk.places(owns)),
    run: (walk, a) => walk.member(a).seek('end'),
  },
  'send': {
    weight: 8,
    targets: (walk) => sends(walk, FIRST_PRODUCER),
    run: (walk, a, b) => walk.producers[a - FIRST_PRODUCER]!.send(walk.partitions[b - 1]!, 1),
  },
  'send-batch': {
    weight: 5,
    targets: (walk) => sends(walk, FIRST_PRODUCER),
    run: (walk, a, b) => walk.producers[a - FIRST_PRODUCER]!.send(walk.partitions[b - 1]!, BATCH),
  },
  'send-large': {
    weight: 1,
    targets: (walk) => sends(walk, FIRST_PRODUCER),
    run: (walk, a, b) => walk.producers[a - FIRST_PRODUCER]!.send(walk.partitions[b - 1]!, 1, LARGE_BYTES),
  },
  'send-plain': {
    weight: 2,
    targets: (walk) => sends(walk, FIRST_PRODUCER + 1),
    run: (walk, a, b) => walk.producers[a - FIRST_PRODUCER]!.send(walk.partitions[b - 1]!, 1),
  },
  'add-partition': {
    weight: 0.5,
    targets: (walk) => when(walk.partitions.length < MAX_PARTITIONS && !walk.setup.hasLoner),
    run: (walk) => walk.addPartition(),
  },
  'pass-time': {
    weight: 1.5,
    targets: anywhere,
    run: async ({ cluster: { world } }) => void (await world.run(world.nowMs + LONG_MS)),
  },
} satisfies Rules;

const faults = {
  'kill-member': { weight: 2, targets: (walk) => one(walk.places()), run: (walk, a) => walk.killMember(a) },
  'stall': {
    weight: 2,
    targets: (walk) => one(walk.places((member) => !member.isStalled)),
    run: (walk, a) => {
      walk.member(a).isStalled = true;
    },
  },
  'go-on': {
    weight: 5,
    targets: (walk) => one(walk.places((member) => member.isStalled)),
    run: (walk, a) => {
      walk.member(a).isStalled = false;
    },
  },
  'pause-member': {
    weight: 1.5,
    targets: (walk) => one(walk.places(({ host }) => !host.isPaused)),
    run: (walk, a) => walk.member(a).host.pause(),
  },
  'resume-member': {
    weight: 5,
    targets: (walk) => one(walk.places(({ host }) => host.isPaused)),
    run: (walk, a) => walk.member(a).host.resume(),
  },
  'kill': { weight: 2, targets: (walk) => one(mayStop(walk)), run: (walk, a) => walk.cluster.kill(a) },
  'terminate': {
    weight: 1.5,
    targets: (walk) => one(mayStop(walk)),
    run: (walk, a) => walk.cluster.terminate(a),
  },
  'start': { weight: 7, targets: (walk) => one(walk.stopped), run: (walk, a) => walk.cluster.start(a) },
  'pause': {
    weight: 1,
    targets: (walk) => one(mayStop(walk).filter((id) => !walk.pausedBrokers.includes(id))),
    run: (walk, a) => walk.cluster.pause(a),
  },
  'resume': {
    weight: 6,
    targets: (walk) => one(walk.pausedBrokers),
    run: (walk, a) => walk.cluster.resume(a),
  },
  'end-session': {
    weight: 2,
    targets: (walk) => one(walk.running),
    run: (walk, a) => walk.cluster.expireSession(a),
  },
  'kill-coordinator': {
    weight: 3,
    targets: (walk) => one(mayStop(walk).filter((id) => id === walk.coordinator)),
    run: (walk, a) => walk.cluster.kill(a),
  },
  'prefer-coordinator': {
    weight: 6,
    targets: (walk) => when(walk.isMoved(walk.offsetsPartition)),
    run: (walk) => walk.electPreferred(walk.offsetsPartition!),
  },
  'prefer': {
    weight: 4,
    targets: (walk) => one(walk.partitions.filter((tp) => walk.isMoved(tp)).map((tp) => tp.partition + 1)),
    run: (walk, a) => walk.electPreferred(walk.partitions[a - 1]!),
  },
  'slow': {
    weight: 2,
    targets: (walk) => one(walk.running.filter((id) => walk.cluster.broker(id).host.timerDelayMs === 0)),
    run: (walk, a) => {
      walk.cluster.broker(a).host.timerDelayMs = SLOW_TIMERS_MS;
    },
  },
  'lose-reply': {
    weight: 1.5,
    targets: (walk) => one(walk.running),
    run: (walk, a) => void walk.cluster.zookeeper.loseNextWriteReply(`broker-${a}`),
  },
  'mute-requests': {
    weight: 1,
    targets: uncut,
    run: (walk, a, b) => walk.cluster.network.cut(...link(walk, a, b)),
  },
  'mute-replies': {
    weight: 1.5,
    targets: uncut,
    run: (walk, a, b) => {
      const [client, broker] = link(walk, a, b);
      walk.cluster.network.cut(broker, client);
    },
  },
  'heal': { weight: 6, targets: (walk) => one(cutClients(walk)), run: (walk, a) => walk.healClient(a) },
  'delay-requests': {
    weight: 3,
    targets: links,
    run: (walk, a, b) => walk.cluster.network.delayOpen(...link(walk, a, b), DELAY_MS),
  },
  'delay-replies': {
    weight: 3,
    targets: links,
    run: (walk, a, b) => {
      const [client, broker] = link(walk, a, b);
      walk.cluster.network.delayOpen(broker, client, DELAY_MS);
    },
  },
  'late-commit': {
    weight: 4,
    targets: (walk) => one(walk.places((member) => isExplicit(member) && owns(member))),
    run: lateCommit,
  },
  'overtaken-commit': {
    weight: 4,
    targets: (walk) => one(walk.places((member) => isExplicit(member) && hasRead(member))),
    run: overtakenCommit,
  },
  'late-sync': {
    weight: 2,
    targets: (walk) => one(walk.places((member) => owns(member) && !member.options.isAlone)),
    run: lateSync,
  },
  'create-offsets': {
    weight: 2,
    targets: (walk) => when(walk.offsetsPartition === undefined),
    run: (walk) => walk.createOffsets(),
  },
  'send-while-moved': {
    weight: 2,
    targets: (walk) => sends(walk, FIRST_PRODUCER).filter(([, b]) => isLed(walk, b)),
    run: (walk, a, b) => {
      walk.cluster.network.delayNextRequest(walk.hostOf(a), produce.key, UNDER_WAY_MS);
      return sendAcrossMove(walk, a, b, 1);
    },
  },
  'large-in-doubt': {
    weight: 2,
    targets: (walk) => sends(walk, FIRST_PRODUCER).filter(([, b]) => isLed(walk, b)),
    run: (walk, a, b) => {
      const { network, world } = walk.cluster;
      const [client, broker] = link(walk, a, walk.leaderOf(walk.partitions[b - 1]!));
      network.cut(broker, client);
      world.schedule(UNDER_WAY_MS, () => network.heal(broker, client));
      return sendAcrossMove(walk, a, b, LARGE_BYTES);
    },
  },
  'mute-a-while': {
    weight: 3,
    targets: (walk) => uncut(walk).filter(([place]) => place >= FIRST_PRODUCER),
    run: (walk, a, b) => {
      const { network, world } = walk.cluster;
      const [client, broker] = link(walk, a, b);
      network.cut(broker, client);
      world.schedule(MUTE_MS, () => network.heal(broker, client));
    },
  },
  'slow-failover': {
    weight: 2,
    targets: (walk) => one(mayStop(walk).filter((id) => id === walk.coordinator)),
    run: (walk, a) => {
      for (const id of walk.running) walk.cluster.broker(id).host.timerDelayMs = SLOW_TIMERS_MS;
      walk.cluster.kill(a);
      for (const place of walk.places()) for (let i = 0; i < LOOKS; i++) walk.member(place).readBack();
    },
  },
  'reset': {
    weight: 2,
    targets: links,
    run: (walk, a, b) => {
      const [client, broker] = link(walk, a, b);
      walk.cluster.network.resetBetween(client, broker);
    },
  },
} satisfies Rules;

export type GroupStepKind = keyof typeof calm | keyof typeof faults;
export type GroupStep = WalkStep<GroupStepKind>;

function disturbing(rule: StepRule<GroupCluster>): StepRule<GroupCluster> {
  return {
    weight: rule.weight,
    targets: (walk) => (walk.setup.hasFaults ? rule.targets(walk) : []),
    run: (walk, a, b) => {
      walk.disturb();
      return rule.run(walk, a, b);
    },
  };
}

const disturbed = Object.fromEntries(Object.entries(faults).map(([kind, rule]) => [kind, disturbing(rule)]));
const steps = new StepRules<GroupCluster, GroupStepKind>({ ...calm, ...(disturbed as typeof faults) });

export const drawGroupWeights = (random: Prng): StepWeights<GroupStepKind> => steps.drawWeights(random);
export const drawGroupStep = (
  walk: GroupCluster,
  random: Prng,
  haste: number,
  weights: StepWeights<GroupStepKind>,
): GroupStep => steps.draw(walk, random, haste, weights);
export const isGroupStepPossible = (walk: GroupCluster, step: GroupStep): boolean =>
  steps.isPossible(walk, step);
export const runGroupStep = (walk: GroupCluster, step: GroupStep): Promise<void> | void =>
  steps.run(walk, step);
export const parseGroupStep = (text: string): GroupStep => steps.parse(text);
