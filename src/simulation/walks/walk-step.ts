/**
 * The alphabet of walks: small staged steps, each a line such as `kill 1`, `cut 1>2` or `produce 2 all`.
 *
 * A walk is a list of steps, so a failing one is printed, replayed and shrunk as text. A step ends when the cluster has
 * settled; with `!` behind it the next one follows at once, so that short windows are met too.
 */
import { NO_LEADER } from '../../common/cluster-types';
import { Prng } from '../prng';
import { WalkCluster } from './walk-cluster';

export interface Step {
  readonly kind: StepKind;
  /** Broker ids; unused ones are 0. */
  readonly a: number;
  readonly b: number;
  /** The next step does not wait until the cluster has settled. */
  readonly isHasty: boolean;
}

type Targets = readonly [number, number];

interface StepRule {
  /** How often the step is drawn, relative to the others. */
  readonly weight: number;
  /** The targets it can have now. */
  targets(walk: WalkCluster): readonly Targets[];
  run(walk: WalkCluster, a: number, b: number): Promise<void> | void;
}

const one = (ids: readonly number[]): Targets[] => ids.map((id) => [id, 0]);
const NOWHERE: Targets = [0, 0];
const when = (isPossible: boolean): Targets[] => (isPossible ? [NOWHERE] : []);
const pairs = (ids: readonly number[]): Targets[] =>
  ids.flatMap((a) => ids.filter((b) => b !== a).map((b): Targets => [a, b]));

/** No more brokers are stopped at a time, so that there is something left to go wrong. */
const MAX_STOPPED = 2;

const BATCH_RECORDS = 3;

const mayStop = (walk: WalkCluster) => (walk.stopped.length < MAX_STOPPED ? walk.running : []);
const leaderLinks = (walk: WalkCluster): Targets[] =>
  pairs(walk.ids).filter(([a, b]) => walk.leader === a || walk.leader === b);

const rules = {
  'produce-all': {
    weight: 6, targets: (walk) => one(walk.believers), run: (walk, a) => walk.produce(a, -1),
  },
  'produce-one': {
    weight: 5, targets: (walk) => one(walk.believers), run: (walk, a) => walk.produce(a, 1),
  },
  'produce-batch': {
    weight: 2, targets: (walk) => one(walk.believers), run: (walk, a) => walk.produce(a, -1, BATCH_RECORDS),
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
    run: (walk, a, b) => { walk.cut(a, b); walk.cut(b, a); },
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
  'power-cut': {
    weight: 0.5, targets: (walk) => (walk.hasLagged ? [] : one(mayStop(walk))), run: (walk, a) => walk.powerCut(a),
  },
  'terminate': { weight: 1.5, targets: (walk) => one(mayStop(walk)), run: (walk, a) => walk.cluster.terminate(a) },
  'start': { weight: 6, targets: (walk) => one(walk.stopped), run: (walk, a) => walk.cluster.start(a) },
  'pause': {
    weight: 1.5, targets: (walk) => one(mayStop(walk).filter((id) => !walk.isPaused(id))), run: (walk, a) => walk.cluster.pause(a),
  },
  'resume': { weight: 4, targets: (walk) => one(walk.paused), run: (walk, a) => walk.cluster.resume(a) },
  'end-session': { weight: 3, targets: (walk) => one(walk.withSession), run: (walk, a) => walk.endSession(a) },
  'prefer': {
    weight: 6,
    targets: (walk) => when(walk.leader !== NO_LEADER && walk.leader !== walk.preferred),
    run: (walk) => walk.electPreferred(),
  },
  'drop': {
    weight: 4,
    targets: (walk) => one(walk.inSync.filter((id) => id !== walk.leader && walk.running.includes(walk.leader))),
    run: (walk, a) => walk.dropFromIsr(a),
  },
  'move-controller': { weight: 1.5, targets: () => [NOWHERE], run: (walk) => walk.moveController() },
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
  'lag': {
    weight: 1.5, targets: (walk) => (walk.hasLostPower ? [] : one(walk.running)), run: (walk, a) => walk.lag(a),
  },
  'pass-time': { weight: 2, targets: () => [NOWHERE], run: (walk) => walk.passTime() },
} satisfies Readonly<Record<string, StepRule>>;

export type StepKind = keyof typeof rules;
export const stepKinds = Object.keys(rules) as StepKind[];

/** Draws a step that can be done now; `haste`: how probable it is that the next one does not wait for it. */
export function drawStep(walk: WalkCluster, random: Prng, haste: number): Step {
  const possible = stepKinds.map((kind) => ({ kind, targets: (rules[kind] as StepRule).targets(walk) }))
    .filter(({ targets }) => targets.length > 0);
  let ticket = random.below(1e6) / 1e6 * possible.reduce((sum, { kind }) => sum + rules[kind].weight, 0);
  const drawn = possible.find(({ kind }) => (ticket -= rules[kind].weight) < 0) ?? possible[0]!;
  const [a, b] = random.pick(drawn.targets);
  return { kind: drawn.kind, a, b, isHasty: random.chance(haste) };
}

/** Whether the step's targets are possible now; a step that is not is passed over when a walk is replayed. */
export function isPossible(walk: WalkCluster, { kind, a, b }: Step): boolean {
  return (rules[kind] as StepRule).targets(walk).some((targets) => targets[0] === a && targets[1] === b);
}

export function runStep(walk: WalkCluster, { kind, a, b }: Step): Promise<void> | void {
  return (rules[kind] as StepRule).run(walk, a, b);
}

export function formatStep({ kind, a, b, isHasty }: Step): string {
  const target = b !== 0 ? ` ${a}>${b}` : a !== 0 ? ` ${a}` : '';
  return `${kind}${target}${isHasty ? '!' : ''}`;
}

/** Throws an Error that names the text if it is no step. */
export function parseStep(text: string): Step {
  const match = /^([a-z-]+)(?: (\d+)(?:>(\d+))?)?(!?)$/.exec(text.trim());
  const kind = match?.[1] as StepKind | undefined;
  if (!match || !kind || !stepKinds.includes(kind)) throw new Error(`'${text}' is no step of a walk`);
  return { kind, a: Number(match[2] ?? 0), b: Number(match[3] ?? 0), isHasty: match[4] === '!' };
}
