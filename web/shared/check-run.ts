/**
 * Whether something that came from outside (a link, a file, another tab) is a run. Every text and list has a
 * bound, so that a forged link cannot fill the memory. Says in one sentence what is wrong.
 */
import { BROKER_ACTIONS, PROFILES, Run, RUN_VERSION, SCENES } from './run';

export const LIMITS = {
  brokers: 9,
  actions: 2000,
  textLength: 249,
  valueLength: 4096,
  settings: 100,
  atMs: 24 * 60 * 60 * 1000,
  partitions: 50,
  produceCount: 10_000,
  delayMs: 60_000,
};

/** What is wrong with a run, for whoever opened it. */
export class RunError extends Error {}

type Check = (value: unknown, where: string) => void;
type Fields = Readonly<Record<string, Check>>;

function fail(where: string, expected: string): never {
  throw new RunError(`The run is not valid: ${where} must be ${expected}.`);
}

const whole =
  (min: number, max: number): Check =>
  (value, where) => {
    if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
      fail(where, `a whole number from ${min} to ${max}`);
    }
  };
const number =
  (min: number, max: number): Check =>
  (value, where) => {
    if (typeof value !== 'number' || !(value >= min && value <= max))
      fail(where, `a number from ${min} to ${max}`);
  };
const text =
  (maxLength = LIMITS.textLength, minLength = 1): Check =>
  (value, where) => {
    if (typeof value !== 'string' || value.length < minLength || value.length > maxLength) {
      fail(where, `a text of ${minLength} to ${maxLength} characters`);
    }
  };
const bool: Check = (value, where) => {
  if (typeof value !== 'boolean') fail(where, 'true or false');
};
const oneOf =
  (names: readonly string[]): Check =>
  (value, where) => {
    if (!names.includes(value as string)) fail(where, `one of ${names.join(', ')}`);
  };
const orNull =
  (check: Check): Check =>
  (value, where) => {
    if (value !== null) check(value, where);
  };
const optional =
  (check: Check): Check =>
  (value, where) => {
    if (value !== undefined) check(value, where);
  };
const list =
  (check: Check, min: number, max: number): Check =>
  (value, where) => {
    if (!Array.isArray(value) || value.length < min || value.length > max)
      fail(where, `a list of ${min} to ${max}`);
    value.forEach((one, i) => check(one, `${where}[${i}]`));
  };
const settings: Check = (value, where) => {
  const entries = Object.entries(objectOf(value, where));
  if (entries.length > LIMITS.settings) fail(where, `at most ${LIMITS.settings} settings`);
  for (const [name, one] of entries) {
    text()(name, `a setting's name in ${where}`);
    text(LIMITS.valueLength, 0)(one, `${where}.${name}`);
  }
};
/** A topic's name goes into a znode path and a folder's name. */
const topic: Check = (value, where) => {
  text()(value, where);
  if (!/^[a-zA-Z0-9._-]+$/.test(value as string) || value === '.' || value === '..')
    fail(where, 'a legal topic name');
};
const host: Check = (value, where) => {
  text()(value, where);
  if (!/^(zookeeper|(broker|client)-[1-9]\d{0,3})$/.test(value as string)) fail(where, 'the name of a host');
};

function objectOf(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(where, 'an object');
  return value as Record<string, unknown>;
}

function checkFields(value: Record<string, unknown>, fields: Fields, where: string): void {
  for (const [name, check] of Object.entries(fields)) check(value[name], `${where}${name}`);
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(fields, name));
  if (unknown !== undefined)
    throw new RunError(`The run is not valid: ${where}${unknown.slice(0, 40)} is not known.`);
}

const broker = whole(1, LIMITS.brokers);
const partition = whole(0, LIMITS.partitions - 1);
const message = whole(1, Number.MAX_SAFE_INTEGER);
const link: Fields = { from: host, to: host, isOneWay: bool };

const ACTIONS: Readonly<Record<string, Fields>> = {
  ...Object.fromEntries(BROKER_ACTIONS.map((what) => [what, { broker }])),
  'cut-link': link,
  'heal-link': link,
  'slow-link': { ...link, delayMs: number(0, LIMITS.delayMs) },
  'drop-message': { message },
  'duplicate-message': { message },
  'delay-message': { message, delayMs: number(1, LIMITS.delayMs) },
  'heal-all': {},
  'zookeeper-down': {},
  'zookeeper-up': {},
  produce: {
    producer: text(),
    partition: orNull(partition),
    key: orNull(text(LIMITS.textLength, 0)),
    value: orNull(text(LIMITS.valueLength, 0)),
    count: whole(1, LIMITS.produceCount),
  },
  'start-producer': {
    producer: text(),
    topic,
    acks: oneOf(['all', '1', '0']),
    isIdempotent: bool,
    everyMs: number(1, 3_600_000),
    bytes: whole(0, 100_000),
    keys: optional(whole(1, 1000)),
    settings,
  },
  'stop-producer': { producer: text() },
  'start-consumer': {
    consumer: text(),
    topic,
    group: orNull(text()),
    commits: optional(oneOf(['before', 'after'])),
    processMs: optional(whole(1, 60_000)),
    era: optional(oneOf(['0.8'])),
    settings,
  },
  'stop-consumer': { consumer: text() },
  'kill-consumer': { consumer: text() },
  'create-topic': {
    topic,
    assignment: list(list(broker, 1, LIMITS.brokers), 1, LIMITS.partitions),
    settings,
  },
  'preferred-election': { topic, partition },
  'set-topic': { topic, name: text(), value: text(LIMITS.valueLength, 0) },
  'set-broker': { broker, name: text(), value: text(LIMITS.valueLength, 0) },
};

const action: Check = (value, where) => {
  const one = objectOf(value, where);
  const what = String(one.what);
  if (!Object.hasOwn(ACTIONS, what)) throw new RunError(`The run is not valid: ${where} is no known action.`);
  checkFields(one, { what: text(), atMs: number(0, LIMITS.atMs), ...ACTIONS[what]! }, `${where}.`);
};

/** The checks of a single action that has no time yet; throws RunError. */
export function checkAction(value: unknown): void {
  action({ ...objectOf(value, 'the action'), atMs: 0 }, 'the action');
}

/** Throws RunError. */
export function checkRun(value: unknown): Run {
  const given = objectOf(value, 'it');
  // Links from before there were exercises name none.
  const run = 'exercise' in given ? given : { ...given, exercise: null };
  if (run.version !== RUN_VERSION) {
    throw new RunError(
      `The run is of version ${String(run.version).slice(0, 10)}; this page knows ${RUN_VERSION}.`,
    );
  }
  checkFields(
    run,
    {
      version: whole(1, RUN_VERSION),
      seed: text(),
      brokers: broker,
      profile: oneOf(PROFILES),
      settings,
      scene: oneOf(SCENES),
      lesson: orNull(text()),
      exercise: orNull(text()),
      actions: list(action, 0, LIMITS.actions),
    },
    '',
  );
  const times = (run.actions as { atMs: number }[]).map(({ atMs }) => atMs);
  if (times.some((atMs, i) => i > 0 && atMs < times[i - 1]!)) fail('actions', 'in the order of their times');
  return run as unknown as Run;
}
