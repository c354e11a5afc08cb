/**
 * The alphabet of walks: small steps, each a line such as `kill 1`, `cut 1>2` or `produce 2 all`.
 *
 * A walk is a list of steps, so a failing one is printed, replayed and shrunk as text. A step ends when the
 * cluster has settled. After a step with `!` the next one follows at once, so that short periods are tested,
 * too.
 */
import { NO_LEADER } from '../../common/cluster-types';
import { Prng } from '../prng';
import { delayAnswer, delayFetch, loseWrite } from './late-and-lost';
import { anywhere, one, StepRule, StepRules, StepWeights, Targets, WalkStep, when } from './step-rules';
import { holdRoom, openToClients, produceLarge } from './walk-clients';
import { WalkCluster } from './walk-cluster';

export { formatStep } from './step-rules';

const pairs = (ids: readonly number[]): Targets[] =>
  ids.flatMap((a) => ids.filter((b) => b !== a).map((b): Targets => [a, b]));

/** The maximum number of stopped brokers, so that the walk still has brokers to test. */
const MAX_STOPPED = 2;

const BATCH_RECORDS = 3;

const mayStop = (walk: WalkCluster) => (walk.stopped.length < MAX_STOPPED ? walk.running : []);
const leaderLinks = (walk: WalkCluster): Targets[] =>
  pairs(walk.ids).filter(([a, b]) => walk.leader === a || walk.leader === b);

const rules = {
  'produce-all': {
    weight: 6,
    targets: (walk) => one(walk.believers),
    run: (walk, a) => walk.produce(a, -1),
  },
  'produce-one': {
    weight: 5,
    targets: (walk) => one(walk.believers),
    run: (walk, a) => walk.produce(a, 1),
  },
  'produce-batch': {
    weight: 2,
    targets: (walk) => one(walk.believers),
    run: (walk, a) => walk.produce(a, -1, BATCH_RECORDS),
  },
  'delete-records': {
    weight: 1,
    targets: (walk) => one(walk.believers.filter((id) => walk.replica(id)!.log.highWatermark > 1)),
    run: (walk, a) => walk.deleteRecords(a),
  },
  'cut': {
    weight: 4,
    targets: (walk) => leaderLinks(walk).filter(([a, b]) => !walk.isCut(a, b)),
    run: (walk, a, b) => walk.cut(a, b),
  },
  'isolate': {
    weight: 2,
    targets: (walk) => pairs(walk.ids).filter(([a, b]) => a < b && !walk.isCut(a, b) && !walk.isCut(b, a)),
    run: (walk, a, b) => {
      walk.cut(a, b);
      walk.cut(b, a);
    },
  },
  'heal': {
    weight: 4,
    targets: (walk) => pairs(walk.ids).filter(([a, b]) => a < b && (walk.isCut(a, b) || walk.isCut(b, a))),
    run: (walk, a, b) => walk.heal(a, b),
  },
  'heal-all': { weight: 4, targets: (walk) => when(walk.hasCut), run: (walk) => walk.healLinks() },
  'cut-zookeeper': {
    weight: 1.5,
    targets: (walk) => one(walk.running.filter((id) => !walk.isCutFromZooKeeper(id) && !walk.isDeaf(id))),
    run: (walk, a) => walk.cluster.cutFromZooKeeper(a),
  },
  'heal-zookeeper': {
    weight: 3,
    targets: (walk) => one(walk.ids.filter((id) => walk.isCutFromZooKeeper(id) || walk.isDeaf(id))),
    run: (walk, a) => walk.healZooKeeper(a),
  },
  'kill': { weight: 3, targets: (walk) => one(mayStop(walk)), run: (walk, a) => walk.cluster.kill(a) },
  'power-cut': { weight: 1.5, targets: (walk) => one(mayStop(walk)), run: (walk, a) => walk.powerCut(a) },
  'terminate': {
    weight: 1.5,
    targets: (walk) => one(mayStop(walk)),
    run: (walk, a) => walk.cluster.terminate(a),
  },
  'start': { weight: 6, targets: (walk) => one(walk.stopped), run: (walk, a) => walk.cluster.start(a) },
  'pause': {
    weight: 1.5,
    targets: (walk) => one(mayStop(walk).filter((id) => !walk.isPaused(id))),
    run: (walk, a) => walk.cluster.pause(a),
  },
  'resume': { weight: 4, targets: (walk) => one(walk.paused), run: (walk, a) => walk.cluster.resume(a) },
  'pause-reader': {
    weight: 2,
    targets: (walk) => when(walk.reader !== undefined && !walk.reader.isPaused),
    run: (walk) => walk.reader!.pause(),
  },
  'resume-reader': {
    weight: 1,
    targets: (walk) => when(walk.reader?.isPaused ?? false),
    run: (walk) => walk.reader!.resume(),
  },
  'end-session': {
    weight: 3,
    targets: (walk) => one(walk.withSession),
    run: (walk, a) => walk.endSession(a),
  },
  'prefer': {
    weight: 6,
    targets: (walk) => when(walk.leader !== NO_LEADER && walk.leader !== walk.preferred),
    run: (walk) => walk.electPreferred(),
  },
  'drop': {
    weight: 4,
    targets: (walk) =>
      one(walk.inSync.filter((id) => id !== walk.leader && walk.running.includes(walk.leader))),
    run: (walk, a) => walk.dropFromIsr(a),
  },
  'move-controller': { weight: 1.5, targets: anywhere, run: (walk) => walk.moveController() },
  'lose-reply': {
    weight: 3,
    targets: (walk) => one(walk.running),
    run: (walk, a) => void walk.cluster.zookeeper.loseNextWriteReply(`broker-${a}`),
  },
  'blind': { weight: 3, targets: (walk) => one(walk.believers), run: (walk, a) => walk.blindAtNextWrite(a) },
  'deafen': {
    weight: 3,
    targets: (walk) => one(walk.believers.filter((id) => !walk.isCutFromZooKeeper(id) && !walk.isDeaf(id))),
    run: (walk, a) => walk.deafen(a),
  },
  'lag': { weight: 1.5, targets: (walk) => one(walk.running), run: (walk, a) => walk.lag(a) },
  'late-fetch': { weight: 1, targets: (walk) => one(walk.ids), run: delayFetch },
  'late-records': {
    weight: 1,
    targets: (walk) => one(walk.ids),
    run: (walk, a) => delayAnswer(walk, 'late-records', a),
  },
  'late-epoch-end': {
    weight: 1,
    targets: (walk) => one(walk.ids),
    run: (walk, a) => delayAnswer(walk, 'late-epoch-end', a),
  },
  'late-offsets': {
    weight: 1,
    targets: (walk) => one(walk.ids),
    run: (walk, a) => delayAnswer(walk, 'late-offsets', a),
  },
  'lose-write': { weight: 1.5, targets: (walk) => one(walk.believers), run: loseWrite },
  'hold-room': { weight: 1, targets: (walk) => one(openToClients(walk)), run: holdRoom },
  'produce-large': {
    weight: 1.5,
    targets: (walk) => one(walk.believers.filter((id) => openToClients(walk).includes(id))),
    run: produceLarge,
  },
  'other-partition': {
    weight: 6,
    targets: (walk) => when(walk.tps.length > 1),
    run: (walk) => walk.lookAtNext(),
  },
  'wait-led': {
    weight: 1.5,
    targets: (walk) => when(!walk.isLed),
    run: (walk) => walk.waitUntil(() => walk.isLed),
  },
  'wait-in-sync': {
    weight: 1.5,
    targets: (walk) => when(walk.inSync.length < walk.replicas.length),
    run: (walk) => walk.waitUntil(() => walk.inSync.length === walk.replicas.length),
  },
  'wait-left': {
    weight: 1,
    targets: (walk) => one(walk.inSync.filter((id) => walk.inSync.length > 1 && id !== walk.leader)),
    run: (walk, a) => walk.waitUntil(() => !walk.inSync.includes(a)),
  },
  'pass-time': { weight: 2, targets: anywhere, run: (walk) => walk.passTime() },
} satisfies Readonly<Record<string, StepRule<WalkCluster>>>;

export type StepKind = keyof typeof rules;
export type Step = WalkStep<StepKind>;

const steps = new StepRules<WalkCluster, StepKind>(rules);
export const stepKinds = steps.kinds;

export const drawWeights = (random: Prng): StepWeights<StepKind> => steps.drawWeights(random);
export const drawStep = (
  walk: WalkCluster,
  random: Prng,
  haste: number,
  weights: StepWeights<StepKind>,
): Step => steps.draw(walk, random, haste, weights);
export const isPossible = (walk: WalkCluster, step: Step): boolean => steps.isPossible(walk, step);
export const runStep = (walk: WalkCluster, step: Step): Promise<void> | void => steps.run(walk, step);
export const parseStep = (text: string): Step => steps.parse(text);
