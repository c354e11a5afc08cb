/**
 * Compares the state of the cluster before and after an attack and decides whether the attack did harm.
 *
 * Some effects are never allowed, however slow the machine is: a broker that ends, a lost acknowledged
 * record, a change of leader or controller, a log line that a client wrote, memory or descriptors that are
 * not released. Waits are compared with those of the same bystanders just before the attack. They are
 * reported against the limits of a quiet machine (p99 of 50 ms, no wait above 1 s). They fail the run only if
 * they are far beyond these limits, or if the run is strict.
 *
 * [p] No test may depend on the speed of the machine; docs/decisions gives the reasons for these limits.
 */
import { Experience } from './bystanders';
import { InputOutcome } from './ground';
import { Figures } from './latencies';

export interface BrokerStanding {
  readonly id: number;
  /** Undefined if the process has ended. */
  readonly residentBytes: number | undefined;
  readonly descriptors: number | undefined;
  readonly logLines: number;
  readonly forgedLines: number;
  /** The number of log lines about unexpected errors, and the last of them. */
  readonly surprises: number;
  readonly lastSurprise: string;
}

export interface Standing {
  readonly brokers: readonly BrokerStanding[];
  readonly controllerEpoch: number;
  /** By partition of the bystanders. */
  readonly leaderEpochs: Readonly<Record<string, number>>;
  readonly isrs: Readonly<Record<string, string>>;
}

export interface Observation {
  readonly name: string;
  readonly inputs: number;
  readonly outcomes: Readonly<Record<InputOutcome, number>>;
  readonly quiet: Experience;
  readonly attacked: Experience;
  readonly before: Standing;
  readonly after: Standing;
  /** The highest values of any broker during the attack. */
  readonly peakBytes: number;
  readonly peakDescriptors: number;
  /** Records that were acknowledged and cannot be read. */
  readonly missing: number;
  readonly attackerFailed: string | undefined;
}

export interface Verdict {
  /** Violations of what must always hold. */
  readonly problems: readonly string[];
  /** Waits that are longer than allowed on a quiet machine. */
  readonly slow: readonly string[];
}

export const QUIET_P99_MS = 50;
export const QUIET_WORST_MS = 1000;
/** Limits that even a slow machine must not exceed. */
const GROSS_P99_MS = 1000;
const GROSS_WORST_MS = 8000;
const TIMES_QUIET = 3;
const GROSS_TIMES_QUIET = 20;
const MB = 1024 * 1024;
/** How much more memory a process may use afterwards: V8 releases memory late, and not all of it. */
const KEPT_BYTES = 160 * MB;
const PEAK_BYTES = 1024 * MB;
const KEPT_DESCRIPTORS = 100;

function waits(kind: string, quiet: Figures, attacked: Figures): { gross: string[]; slow: string[] } {
  const gross: string[] = [];
  const slow: string[] = [];
  const compare = (what: string, ms: number, quietMs: number, [bound, limit]: readonly [number, number]) => {
    const text = `${kind}: ${what} ${ms.toFixed(0)} ms, quiet ${quietMs.toFixed(0)} ms`;
    if (ms > Math.max(limit, GROSS_TIMES_QUIET * quietMs)) gross.push(text);
    else if (ms > Math.max(bound, TIMES_QUIET * quietMs)) slow.push(text);
  };
  compare('p99', attacked.p99Ms, quiet.p99Ms, [QUIET_P99_MS, GROSS_P99_MS]);
  compare('worst wait', attacked.worstMs, quiet.worstMs, [QUIET_WORST_MS, GROSS_WORST_MS]);
  if (quiet.count > 0 && attacked.count === 0) gross.push(`${kind}: nothing went through`);
  return { gross, slow };
}

/** Resources that a broker uses now and did not use before. */
function keptProblems(before: BrokerStanding, after: BrokerStanding): string[] {
  const problems: string[] = [];
  const who = `broker ${after.id}`;
  if (after.residentBytes === undefined || after.descriptors === undefined) return [`${who} has ended`];
  const grown = after.residentBytes - (before.residentBytes ?? 0);
  if (grown > KEPT_BYTES) problems.push(`${who} keeps ${Math.round(grown / MB)} MB more than before`);
  const more = after.descriptors - (before.descriptors ?? 0);
  if (more > KEPT_DESCRIPTORS) problems.push(`${who} keeps ${more} descriptors more than before`);
  return problems;
}

function loggedProblems(before: BrokerStanding, after: BrokerStanding): string[] {
  const problems: string[] = [];
  const who = `broker ${after.id}`;
  const surprises = after.surprises - before.surprises;
  if (surprises > 0) problems.push(`${who} logged ${surprises} surprises, such as: ${after.lastSurprise}`);
  if (after.forgedLines > before.forgedLines)
    problems.push(`${who} wrote lines into its log that a client made up`);
  return problems;
}

function moved(
  what: string,
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): string[] {
  return Object.keys(before)
    .filter((key) => before[key] !== after[key])
    .map((key) => `${what} of ${key} went from ${before[key]} to ${after[key]}`);
}

/** Whether memory and descriptors of every broker are back to normal, so that the recovery phase can end. */
export function isBack(before: Standing, now: Standing): boolean {
  return now.brokers.every((broker, i) => keptProblems(before.brokers[i]!, broker).length === 0);
}

export function judge(seen: Observation, isStrict: boolean): Verdict {
  const { before, after, quiet, attacked } = seen;
  const problems = after.brokers.flatMap((broker, i) => [
    ...keptProblems(before.brokers[i]!, broker),
    ...loggedProblems(before.brokers[i]!, broker),
  ]);
  if (before.controllerEpoch !== after.controllerEpoch)
    problems.push(`the controller moved: epoch ${before.controllerEpoch} to ${after.controllerEpoch}`);
  problems.push(...moved('the leader epoch', before.leaderEpochs, after.leaderEpochs));
  if (seen.missing > 0) problems.push(`${seen.missing} acknowledged records cannot be read`);
  if (seen.peakBytes > PEAK_BYTES + Math.max(...before.brokers.map((one) => one.residentBytes ?? 0)))
    problems.push(`a broker had ${Math.round(seen.peakBytes / MB)} MB`);
  if (attacked.rebalances > 0) problems.push(`the group was rebalanced ${attacked.rebalances} times`);
  if (seen.attackerFailed !== undefined) problems.push(`the attacker failed: ${seen.attackerFailed}`);
  const slow = Object.keys(before.isrs)
    .filter((tp) => before.isrs[tp] !== after.isrs[tp])
    .map((tp) => `the ISR of ${tp} went from ${before.isrs[tp]} to ${after.isrs[tp]}`);
  for (const kind of ['produce', 'consume', 'commit'] as const) {
    const found = waits(kind, quiet[kind], attacked[kind]);
    problems.push(...found.gross);
    slow.push(...found.slow);
  }
  slow.push(...[...new Set(attacked.errors)].slice(0, 3).map((error) => `a bystander was told: ${error}`));
  return isStrict ? { problems: [...problems, ...slow], slow: [] } : { problems, slow };
}
