/**
 * One walk of a group and its clients: starts a small cluster, runs the steps, heals all faults, and checks
 * the result.
 *
 * Members check during the walk what they read (`walk-member.ts`). At the end, with everything healed: the
 * partitions are quiet, every send has an outcome, every partition has one owner that has read it to its end,
 * every record was given to a member, and the logs contain what producers were promised.
 */
import { Prng } from '../prng';
import { GROUP_METADATA_TOPIC, TopicPartition, tpName } from '../../common/cluster-types';
import { checkHistory } from '../../checkers/check-history';
import { leadersPerEpoch } from '../../checkers/check-cluster';
import { batchesOf } from '../../record/record-batch';
import { recordsOf } from '../../record/record';
import { Alphabet, Opening, Outcome, Plan, Visit } from '../walks/alphabet';
import { GroupCluster, GroupSetup } from './group-cluster';
import { groupOpenings } from './group-openings';
import { groupState, groupWaypoints, passedGroupWaypoints } from './group-state';
import {
  drawGroupStep,
  drawGroupWeights,
  GroupStep,
  isGroupStepPossible,
  parseGroupStep,
  runGroupStep,
} from './group-steps';

const QUIET_WITHIN_MS = 60000;
const SUPERVISE_EVERY_MS = 200;
/** A wait at the end: high watermarks of followers and the last commits come later than the log ends. */
const LAST_MS = 1000;

type GroupOutcome = Outcome<GroupSetup, GroupStep>;

class GroupWalk {
  readonly steps: GroupStep[] = [];
  readonly visits: Visit[] = [];
  readonly violations: string[] = [];
  readonly walk: GroupCluster;

  constructor(private readonly plan: Plan<GroupSetup, GroupStep>) {
    this.walk = new GroupCluster(plan.setup);
  }

  async run(): Promise<void> {
    const { walk, plan } = this;
    await walk.bringUp();
    for (const step of plan.prefix) if (isGroupStepPossible(walk, step)) await this.take(step);
    const weights = drawGroupWeights(plan.random.split('weights'));
    for (let i = 0; i < plan.drawn; i++)
      await this.take(drawGroupStep(walk, plan.random, plan.haste, weights));
    await this.finish();
  }

  private async take(step: GroupStep): Promise<void> {
    const { walk } = this;
    this.steps.push(step);
    await runGroupStep(walk, step);
    if (step.isHasty) await walk.hurry();
    else await walk.settle(() => groupState(walk));
    walk.judgeCommitted();
    this.visits.push({ state: groupState(walk), waypoints: passedGroupWaypoints(walk) });
  }

  private async finish(): Promise<void> {
    const { walk } = this;
    const { cluster } = walk;
    const { world } = cluster;
    cluster.healLinks();
    if (walk.places(({ options }) => !options.isAlone).length === 0) walk.join(walk.emptyPlaces[0]!);
    for (const place of walk.places()) {
      const member = walk.member(place);
      member.host.resume();
      member.isStalled = false;
      member.budget = Infinity;
    }
    const untilMs = world.nowMs + QUIET_WITHIN_MS;
    let problem: string | undefined = 'nobody has looked';
    while (problem !== undefined && world.violations.length === 0 && world.nowMs < untilMs) {
      cluster.startAll();
      await world.run(world.nowMs + SUPERVISE_EVERY_MS);
      problem = this.unquiet();
    }
    if (problem !== undefined && world.violations.length === 0) {
      this.violations.push(`Liveness: ${problem}, ${QUIET_WITHIN_MS} ms after the last step`);
    }
    for (const place of walk.places()) {
      walk.member(place).readBack();
      walk.member(place).commitSync();
      walk.member(place).readBack();
    }
    await world.run(world.nowMs + LAST_MS);
    this.violations.push(...world.violations, ...leadersPerEpoch(world.timeline));
    if (this.violations.length === 0) this.judgeRecords();
  }

  /** What has not come to rest yet; undefined if everything has. */
  private unquiet(): string | undefined {
    const { walk } = this;
    const { cluster, partitions, books } = walk;
    if (walk.stopped.length > 0) return `brokers ${walk.stopped} do not run`;
    const offsets = walk.offsetsPartition;
    for (const tp of offsets ? [...partitions, offsets] : partitions) {
      const unquiet = cluster.unquiet(tp);
      // Offsets are committed all the time, so the log of `__consumer_offsets` keeps growing.
      const mayMove = tp.topic === GROUP_METADATA_TOPIC && /log ends|high watermarks/.test(unquiet ?? '');
      if (unquiet !== undefined && !mayMove) return unquiet;
    }
    const sending = walk.producers.find(({ open }) => open > 0);
    if (sending) return `${sending.options.name} has ${sending.open} sends that are not settled`;
    const members = walk.places(({ options }) => !options.isAlone).map((place) => walk.member(place));
    for (const tp of partitions) {
      const name = tpName(tp);
      const owners = members.filter(({ readings }) => readings.has(name));
      const names = owners.map((member) => member.name).join(' and ');
      if (owners.length !== 1) return `${name} belongs to ${names || 'nobody'}`;
      const next = owners[0]!.readings.get(name)!.next;
      const end = books.committedEndOf(tp);
      if (next !== end) return `${owners[0]!.name} stands at ${next} of ${name}, which ends at ${end}`;
    }
    const idle = members.find(({ consumer }) => consumer.groupMetadata().generation < 0);
    return idle ? `${idle.name} is no member` : undefined;
  }

  private judgeRecords(): void {
    const { walk } = this;
    const { history, books } = walk;
    for (const tp of walk.partitions) {
      const end = this.readFinal(tp);
      const unread = books.unread(tp, end);
      if (unread.length === 0) continue;
      this.violations.push(`AllProcessed: nobody was given ${tpName(tp)} offsets ${unread}`);
    }
    const isUnique = (producer: string) => producer === 'idempotent';
    this.violations.push(...checkHistory(history, { ackedIsDurable: true, ordered: true, unique: isUnique }));
  }

  /** Adds the leader's log to the history. Returns its end. */
  private readFinal(tp: TopicPartition): number {
    const { cluster, history } = this.walk;
    const log = cluster.logOf(this.walk.leaderOf(tp), tp);
    if (!log) return 0;
    for (let offset = log.logStartOffset; offset < log.logEndOffset;) {
      for (const chunk of log.read(offset, log.logEndOffset, 1 << 20, true)) {
        for (const batch of batchesOf(chunk)) {
          for (const { offset: at, value } of recordsOf(batch)) history.readFinal(tp, at, String(value));
          offset = batch.nextOffset;
        }
      }
    }
    return log.logEndOffset;
  }

  outcome(crash: unknown): GroupOutcome {
    const { cluster, producers, past, members } = this.walk;
    const { world } = cluster;
    if (crash !== undefined) {
      const text = crash instanceof Error ? crash.stack : String(crash);
      this.violations.push(`the walk ended early: ${text}`, ...world.violations);
    }
    const clientLines = [...past, ...members.values()].flatMap(({ host }) => host.logLines);
    return {
      setup: this.plan.setup,
      steps: this.steps,
      visits: this.visits,
      violations: this.violations,
      acked: producers.reduce((sum, { acked }) => sum + acked, 0),
      actions: world.actionsRun,
      traceHash: world.traceHash,
      timeline: world.timeline,
      log: [...cluster.logLines(), ...clientLines],
    };
  }
}

async function runGroupWalk(plan: Plan<GroupSetup, GroupStep>): Promise<GroupOutcome> {
  const walk = new GroupWalk(plan);
  try {
    await walk.run();
    return walk.outcome(undefined);
  } catch (error) {
    return walk.outcome(error ?? 'unknown');
  }
}

const STYLES = ['explicit', 'explicit', 'auto'] as const;
const ASSIGNORS = ['range', 'sticky', 'cooperative-sticky', 'cooperative-sticky'] as const;
const FAULTY = 0.75;
const PATIENT = 0.4;

function drawSetup(random: Prng): Omit<GroupSetup, 'seed' | 'settings'> {
  return {
    styles: [random.pick(STYLES), random.pick(STYLES), random.pick(STYLES)],
    assignor: random.pick(ASSIGNORS),
    discovery: random.pick(['zookeeper', 'bootstrap']),
    hasLoner: random.chance(0.3),
    joined: random.pick([0, 1, 2, 2]),
    hasFaults: random.chance(FAULTY),
    isPatient: random.split('patient').chance(PATIENT),
  };
}

const SETUP = new RegExp(
  [
    '^styles=((?:explicit|auto)(?:,(?:explicit|auto)){2})',
    'assignor=(range|sticky|cooperative-sticky)',
    'discovery=(zookeeper|bootstrap)',
    'loner=(yes|no)',
    'joined=([012])',
    'faults=(yes|no)( patient)?$',
  ].join(' '),
);

function parseSetup(text: string): Omit<GroupSetup, 'seed' | 'settings'> {
  const match = SETUP.exec(text);
  if (!match) {
    throw new Error(
      'a setup is written as ' +
        "'styles=explicit,auto,auto assignor=range discovery=zookeeper loner=no joined=2 faults=yes', " +
        `not '${text}'`,
    );
  }
  return {
    styles: match[1]!.split(',') as GroupSetup['styles'],
    assignor: match[2] as GroupSetup['assignor'],
    discovery: match[3] as GroupSetup['discovery'],
    hasLoner: match[4] === 'yes',
    joined: Number(match[5]),
    hasFaults: match[6] === 'yes',
    isPatient: match[7] !== undefined,
  };
}

function parseOpening(text: string): Opening<GroupSetup, GroupStep> {
  const [setup, steps] = text.split(': ');
  return { setup: parseSetup(setup!), steps: steps!.split('; ').map(parseGroupStep) };
}

/** The walks of consumers, producers and their coordinator. */
export const groupWalks: Alphabet<GroupSetup, GroupStep> = {
  waypoints: Object.keys(groupWaypoints),
  openings: groupOpenings.map(parseOpening),
  drawSetup,
  run: runGroupWalk,
  formatSetup: ({ styles, assignor, discovery, hasLoner, joined, hasFaults, isPatient }) =>
    `styles=${styles} assignor=${assignor} discovery=${discovery} loner=${hasLoner ? 'yes' : 'no'} ` +
    `joined=${joined} faults=${hasFaults ? 'yes' : 'no'}${isPatient ? ' patient' : ''}`,
  parseSetup,
  parseStep: parseGroupStep,
};
