/**
 * What a user can ask for with choices of his own: clients, topics, settings, records, a run of another kind.
 * A form is its fields, and what they come to: actions, a run, or a sentence about what is wrong. The worker
 * has the last word on all of it.
 */
import { Action, DEFAULT_RUN, Profile, PROFILES, Run } from '../../shared/run';
import {
  assignmentOf,
  brokerIds,
  check,
  choice,
  Field,
  FormState,
  freeName,
  number,
  others,
  Outcome,
  settingsOf,
  spread,
  text,
  topicsOf,
  Values,
  wholeNumber,
} from './form-fields';

export type { Field, FormState, Outcome, Values } from './form-fields';

export interface Form {
  readonly id: string;
  readonly title: string;
  readonly doc: string;
  readonly button: string;
  readonly fields: (state: FormState, run: Run) => readonly Field[];
  readonly outcome: (values: Values, state: FormState, run: Run) => Outcome;
}

/** The teaching switches: settings of brokers that bring an old mistake back. */
export const SWITCHES = [
  'lab.truncate.to.high.watermark',
  'lab.isr.join.at.high.watermark',
  'lab.freeze.on.isr.conflict',
  'lab.commit.without.generation',
] as const;

const TOPIC_SETTINGS = [
  'min.insync.replicas',
  'unclean.leader.election.enable',
  'cleanup.policy',
  'retention.ms',
  'segment.bytes',
  'flush.messages',
];
const BROKER_SETTINGS = [
  'replica.lag.time.max.ms',
  'zookeeper.session.timeout.ms',
  ...TOPIC_SETTINGS.slice(0, 2),
];

const PRODUCER: Form = {
  id: 'producer',
  title: 'producer',
  doc: 'A program that sends a record every so often.',
  button: 'Start the producer',
  fields: (state) => [
    text('producer', 'name', freeName('p', state.producers), 'its client.id'),
    choice('topic', 'topic', topicsOf(state), 'where it writes'),
    choice('acks', 'acks', ['all', '1', '0'], 'who must have a record before it is acknowledged'),
    check('isIdempotent', 'idempotent', true, 'enable.idempotence: a repeated batch is written once'),
    number('everyMs', 'a record every … ms', 500, 'virtual milliseconds; 5 is heavy load'),
    number('bytes', 'bytes of a value', 0, 'values are filled up to this size'),
    number('keys', 'different keys', 0, '0: each record has a key of its own'),
    number('linger', 'linger.ms', 5, 'how long a batch waits for more records'),
    number('batch', 'batch.size', 16384, 'bytes of a batch at most'),
    others,
  ],
  outcome: (values) => {
    const keys = wholeNumber(values, 'keys', 0, 1000);
    return {
      actions: [
        {
          what: 'start-producer',
          producer: values.producer!,
          topic: values.topic!,
          acks: values.acks!,
          isIdempotent: values.isIdempotent === 'true',
          everyMs: wholeNumber(values, 'everyMs', 1, 3_600_000),
          bytes: wholeNumber(values, 'bytes', 0, 100_000),
          ...(keys > 0 ? { keys } : {}),
          settings: {
            'linger.ms': values.linger!,
            'batch.size': values.batch!,
            ...settingsOf(values.settings!),
          },
        },
      ],
    };
  },
};

const CONSUMER: Form = {
  id: 'consumer',
  title: 'consumer',
  doc: 'A program that reads: in a group, which shares the partitions, or alone with all of them.',
  button: 'Start the consumer',
  fields: (state) => [
    text('consumer', 'name', freeName('c', state.consumers), 'its client.id'),
    choice('topic', 'topic', topicsOf(state), 'what it reads'),
    text('group', 'group', 'g1', 'empty: it assigns itself all partitions'),
    choice('reset', 'auto.offset.reset', ['earliest', 'latest'], 'where it begins without a commit'),
    others,
  ],
  outcome: ({ consumer, topic, group, reset, settings }) => ({
    actions: [
      {
        what: 'start-consumer',
        consumer: consumer!,
        topic: topic!,
        group: group === '' ? null : group!,
        settings: { 'auto.offset.reset': reset!, ...settingsOf(settings!) },
      },
    ],
  }),
};

const TOPIC: Form = {
  id: 'topic',
  title: 'topic',
  doc: 'The replicas are chosen for you, or name them: the first of each partition is its preferred leader.',
  button: 'Create the topic',
  fields: (state) => [
    text('topic', 'name', freeName('u', Object.fromEntries(topicsOf(state).map((one) => [one, 1]))), ''),
    number('partitions', 'partitions', 3, '1 to 50'),
    number('replicas', 'replicas of each', Math.min(3, brokerIds(state).length), 'the replication factor'),
    text('assignment', 'or these replicas', '', '1,2,3; 2,3,1 is two partitions'),
    text('settings', 'settings', 'min.insync.replicas=2', 'name=value, several with commas between'),
  ],
  outcome: (values, state) => {
    const chosen = assignmentOf(values.assignment!);
    const assignment =
      chosen.length > 0
        ? chosen
        : spread(
            brokerIds(state).map(Number),
            wholeNumber(values, 'partitions', 1, 50),
            wholeNumber(values, 'replicas', 1, 9),
          );
    return {
      actions: [
        { what: 'create-topic', topic: values.topic!, assignment, settings: settingsOf(values.settings!) },
      ],
    };
  },
};

const RECORDS: Form = {
  id: 'records',
  title: 'records',
  doc: 'A producer that runs is told to send.',
  button: 'Send',
  fields: ({ producers }) => [
    choice(
      'producer',
      'producer',
      Object.values(producers).flatMap((one) => (one.status === 'stopped' ? [] : one.producer)),
      'who sends',
    ),
    text('key', 'key', '', 'empty: one of its own for each record'),
    text('value', 'value', '', 'behind the id of the record'),
    text('partition', 'partition', '', 'empty: the key decides'),
    number('count', 'how many', 10, 'at once'),
  ],
  outcome: (values) => ({
    actions: [
      {
        what: 'produce',
        producer: values.producer!,
        key: values.key === '' ? null : values.key!,
        value: values.value === '' ? null : values.value!,
        partition: values.partition === '' ? null : wholeNumber(values, 'partition', 0, 49),
        count: wholeNumber(values, 'count', 1, 10_000),
      },
    ],
  }),
};

const TOPIC_SETTING: Form = {
  id: 'topic-setting',
  title: 'topic setting',
  doc: 'Counts at once: the brokers learn of it from ZooKeeper.',
  button: 'Set it',
  fields: (state) => [
    choice('topic', 'topic', topicsOf(state), ''),
    text('name', 'setting', 'min.insync.replicas', '', TOPIC_SETTINGS),
    text('value', 'value', '1', 'empty: as the broker has it'),
  ],
  outcome: ({ topic, name, value }) => ({
    actions: [{ what: 'set-topic', topic: topic!, name: name!.trim(), value: value!.trim() }],
  }),
};

const BROKER_SETTING: Form = {
  id: 'broker-setting',
  title: 'broker setting',
  doc: 'Counts from the broker’s next start: stop it, and start it again.',
  button: 'Set it',
  fields: (state) => [
    choice('broker', 'broker', ['all', ...brokerIds(state)], ''),
    text('name', 'setting', 'replica.lag.time.max.ms', '', BROKER_SETTINGS),
    text('value', 'value', '10000', ''),
  ],
  outcome: ({ broker, name, value }, state) => ({
    actions: forBrokers(broker!, state, name!.trim(), value!.trim()),
  }),
};

function forBrokers(broker: string, state: FormState, name: string, value: string): Action[] {
  const ids = broker === 'all' ? brokerIds(state) : [broker];
  return ids.map((id) => ({ what: 'set-broker', broker: Number(id), name, value }));
}

const SWITCH: Form = {
  id: 'switch',
  title: 'teaching switch',
  doc: 'Brings an old mistake back, so that its harm can be seen. Counts from a broker’s next start.',
  button: 'Switch',
  fields: (state) => [
    choice('name', 'switch', SWITCHES, 'what each does is in docs/config.md'),
    choice('value', 'is', ['true', 'false'], ''),
    choice('broker', 'of broker', ['all', ...brokerIds(state)], ''),
  ],
  outcome: ({ broker, name, value }, state) => ({ actions: forBrokers(broker!, state, name!, value!) }),
};

const ELECTION: Form = {
  id: 'election',
  title: 'preferred election',
  doc: 'The first replica of the partition becomes its leader again, if it is in the ISR.',
  button: 'Ask for it',
  fields: (state) => [choice('topic', 'topic', topicsOf(state), ''), number('partition', 'partition', 0, '')],
  outcome: (values) => ({
    actions: [
      {
        what: 'preferred-election',
        topic: values.topic!,
        partition: wholeNumber(values, 'partition', 0, 49),
      },
    ],
  }),
};

const NEW_RUN: Form = {
  id: 'run',
  title: 'new run',
  doc: 'Another cluster, from its beginning. What was done in this one is in its link alone.',
  button: 'Begin',
  fields: (_state, run) => [
    text('seed', 'seed', run.seed, 'decides every delay and every chance'),
    number('brokers', 'brokers', run.brokers, '1 to 9'),
    choice(
      'profile',
      'profile',
      [run.profile, ...PROFILES.filter((one) => one !== run.profile)],
      'lab: short waits; kafka: Kafka’s defaults',
    ),
    ...SWITCHES.map((name) => check(name, name, run.settings[name] === 'true', 'a teaching switch')),
    text('settings', 'broker settings', '', 'name=value, several with commas between'),
  ],
  outcome: (values) => ({
    run: {
      ...DEFAULT_RUN,
      seed: values.seed!.trim() || '1',
      brokers: wholeNumber(values, 'brokers', 1, 9),
      profile: values.profile as Profile,
      settings: {
        ...Object.fromEntries(SWITCHES.filter((one) => values[one] === 'true').map((one) => [one, 'true'])),
        ...settingsOf(values.settings!),
      },
    },
  }),
};

export const FORMS: readonly Form[] = [
  PRODUCER,
  CONSUMER,
  TOPIC,
  RECORDS,
  TOPIC_SETTING,
  BROKER_SETTING,
  SWITCH,
  ELECTION,
  NEW_RUN,
];

/** What the fields come to; a sentence where they are wrong. */
export function outcomeOf(form: Form, values: Values, state: FormState, run: Run): Outcome {
  try {
    return form.outcome(values, state, run);
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
