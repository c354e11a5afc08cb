/**
 * `samsa consumer-groups`: list, describe, reset, delete. Kafka: admin/ConsumerGroupCommand.scala@2.8.2
 */
import * as fs from 'node:fs';
import { Command } from 'commander';
import { Admin } from '../admin/admin';
import { GroupDescription } from '../admin/groups';
import {
  NewOffset,
  parseDateTime,
  parseDuration,
  parseOffsetsFile,
  planReset,
  ResetScenario,
} from '../admin/offset-reset';
import { parseTpName, TopicPartition, tpName } from '../common/cluster-types';
import { KafkaError, messageOf } from '../common/errors';
import { Host } from '../common/host';
import { Consumer } from '../consumer/consumer';
import { configFile, table } from './client-options';
import {
  action,
  addConnectionOptions,
  clientHost,
  ConnectionOptions,
  connectionConfig,
  environmentOf,
  wholeNumber,
} from './command';

interface Options extends ConnectionOptions {
  readonly list?: boolean;
  readonly describe?: boolean;
  readonly resetOffsets?: boolean;
  readonly delete?: boolean;
  readonly deleteOffsets?: boolean;
  readonly group?: string[];
  readonly allGroups?: boolean;
  readonly topic?: string[];
  readonly allTopics?: boolean;
  readonly members?: boolean;
  readonly offsets?: boolean;
  readonly verbose?: boolean;
  readonly state?: string | true;
  readonly dryRun?: boolean;
  readonly execute?: boolean;
  readonly export?: boolean;
  readonly toEarliest?: boolean;
  readonly toLatest?: boolean;
  readonly toCurrent?: boolean;
  readonly toOffset?: number;
  readonly shiftBy?: number;
  readonly toDatetime?: string;
  readonly byDuration?: string;
  readonly fromFile?: string;
  readonly timeout: number;
  readonly commandConfig?: string;
}

interface Session {
  readonly host: Host;
  readonly admin: Admin;
  readonly consumer: Consumer;
  readonly options: Options;
}

async function groupsOf({ admin, options }: Session): Promise<string[]> {
  if (options.allGroups) return (await admin.listConsumerGroups()).map((group) => group.groupId);
  if (!options.group || options.group.length === 0)
    throw new Error('Option needs one of --group and --all-groups');
  return options.group;
}

async function list({ admin, options }: Session): Promise<void> {
  const states =
    typeof options.state === 'string' ? options.state.split(',').map((state) => state.trim()) : [];
  const groups = await admin.listConsumerGroups(states);
  if (options.state === undefined) for (const { groupId } of groups) console.log(groupId);
  else
    console.log(
      table(
        ['GROUP', 'STATE'],
        groups.map(({ groupId, state }) => [groupId, state]),
      ),
    );
}

// ---- describe

async function describe(session: Session): Promise<number> {
  let code = 0;
  for (const groupId of await groupsOf(session)) {
    const group = await session.admin.describeConsumerGroup(groupId);
    if (group.state === 'Dead') {
      console.error(`\nError: Consumer group '${groupId}' does not exist.`);
      code = 1;
      continue;
    }
    if (session.options.state) console.log(`\n${stateTable(group)}`);
    else {
      if (group.state === 'Empty') console.error(`\nConsumer group '${groupId}' has no active members.`);
      if (group.state === 'PreparingRebalance' || group.state === 'CompletingRebalance')
        console.error(`\nWarning: Consumer group '${groupId}' is rebalancing.`);
      if (session.options.members) console.log(`\n${memberTable(group, session.options.verbose ?? false)}`);
      else console.log(`\n${await offsetTable(session, group)}`);
    }
  }
  return code;
}

function stateTable({ groupId, coordinator, assignor, state, members }: GroupDescription): string {
  return table(
    ['GROUP', 'COORDINATOR (ID)', 'ASSIGNMENT-STRATEGY', 'STATE', '#MEMBERS'],
    [
      [
        groupId,
        `${coordinator.host}:${coordinator.port} (${coordinator.id})`,
        assignor,
        state,
        String(members.length),
      ],
    ],
  );
}

function memberTable({ groupId, members }: GroupDescription, verbose: boolean): string {
  const isStatic = members.some((member) => member.groupInstanceId !== null);
  const header = [
    'GROUP',
    'CONSUMER-ID',
    ...(isStatic ? ['GROUP-INSTANCE-ID'] : []),
    'HOST',
    'CLIENT-ID',
    '#PARTITIONS',
    ...(verbose ? ['ASSIGNMENT'] : []),
  ];
  return table(
    header,
    members.map((member) => [
      groupId,
      member.memberId,
      ...(isStatic ? [member.groupInstanceId ?? '-'] : []),
      member.host,
      member.clientId,
      String(member.partitions.length),
      ...(verbose ? [assignmentText(member.partitions)] : []),
    ]),
  );
}

function assignmentText(tps: readonly TopicPartition[]): string {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of tps) topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  return (
    [...topics]
      .map(([topic, partitions]) => `${topic}(${partitions.sort((a, b) => a - b).join(',')})`)
      .join(', ') || '-'
  );
}

async function offsetTable({ admin, consumer }: Session, group: GroupDescription): Promise<string> {
  const committed = new Map(
    (await admin.listConsumerGroupOffsets(group.groupId)).map((row) => [tpName(row), row]),
  );
  const owners = new Map(
    group.members.flatMap((member) => member.partitions.map((tp) => [tpName(tp), { tp, member }] as const)),
  );
  const tps = [
    ...new Map([
      ...[...committed].map(([name, { topic, partition }]) => [name, { topic, partition }] as const),
      ...[...owners].map(([name, { tp }]) => [name, tp] as const),
    ]).entries(),
  ].sort(([, a], [, b]) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
  const ends = await consumer.endOffsets(tps.map(([, tp]) => tp));
  const rows = tps.map(([name, { topic, partition }]) => {
    const current = committed.get(name)?.offset;
    const end = ends.get(name)!;
    const member = owners.get(name)?.member;
    return [
      group.groupId,
      topic,
      String(partition),
      current === undefined ? '-' : String(current),
      String(end),
      current === undefined ? '-' : String(Math.max(0, end - current)),
      member?.memberId ?? '-',
      member?.host ?? '-',
      member?.clientId ?? '-',
    ];
  });
  return table(
    [
      'GROUP',
      'TOPIC',
      'PARTITION',
      'CURRENT-OFFSET',
      'LOG-END-OFFSET',
      'LAG',
      'CONSUMER-ID',
      'HOST',
      'CLIENT-ID',
    ],
    rows,
  );
}

// ---- reset

function scenarioOf({ options, host }: Session): ResetScenario {
  const chosen: ResetScenario[] = [
    ...(options.toEarliest ? [{ kind: 'earliest' } as const] : []),
    ...(options.toLatest ? [{ kind: 'latest' } as const] : []),
    ...(options.toCurrent ? [{ kind: 'current' } as const] : []),
    ...(options.toOffset !== undefined ? [{ kind: 'offset', offset: options.toOffset } as const] : []),
    ...(options.shiftBy !== undefined ? [{ kind: 'shift', by: options.shiftBy } as const] : []),
    ...(options.toDatetime !== undefined
      ? [{ kind: 'time', timestamp: parseDateTime(options.toDatetime, Date.parse) } as const]
      : []),
    ...(options.byDuration !== undefined
      ? [{ kind: 'time', timestamp: host.clock.wallMs() - parseDuration(options.byDuration) } as const]
      : []),
    ...(options.fromFile !== undefined
      ? [{ kind: 'file', offsets: parseOffsetsFile(fs.readFileSync(options.fromFile, 'utf8')) } as const]
      : []),
  ];
  if (chosen.length !== 1)
    throw new Error(
      'Option [reset-offsets] takes exactly one of --to-earliest, --to-latest, --to-current, --to-offset, ' +
        '--shift-by, --to-datetime, --by-duration, --from-file',
    );
  return chosen[0]!;
}

/** Parses `topic` or `topic:0,1`. */
async function partitionsOf({ consumer }: Session, topics: readonly string[]): Promise<TopicPartition[]> {
  const lists = await Promise.all(
    topics.map(async (text) => {
      const [topic, partitions] = text.split(':') as [string, string?];
      if (partitions !== undefined)
        return partitions.split(',').map((partition) => ({ topic, partition: wholeNumber(partition) }));
      return (await consumer.partitionsFor(topic)).map(({ partition }) => ({ topic, partition }));
    }),
  );
  return lists.flat();
}

async function resetOffsets(session: Session): Promise<number> {
  const { admin, options } = session;
  const scenario = scenarioOf(session);
  const plan: { groupId: string; offset: NewOffset }[] = [];
  for (const groupId of await groupsOf(session)) {
    const { state } = await admin.describeConsumerGroup(groupId);
    if (state !== 'Empty' && state !== 'Dead')
      throw new Error(
        `Assignments can only be reset if the group '${groupId}' is inactive, but the current state is ` +
          `${state}.`,
      );
    const committed = await admin.listConsumerGroupOffsets(groupId);
    const tps = await wantedPartitions(session, scenario, committed);
    const offsets = await planReset(
      scenario,
      tps,
      new Map(committed.map((row) => [tpName(row), row.offset])),
      session.consumer,
      (message) => console.error(`WARN: ${message}`),
    );
    if (options.execute) await admin.alterConsumerGroupOffsets(groupId, offsets);
    plan.push(...offsets.map((offset) => ({ groupId, offset })));
  }
  if (!options.execute && !options.dryRun && !options.export) {
    console.error('WARN: No action will be performed as the --execute option is missing.');
  }
  if (options.export)
    for (const {
      offset: { topic, partition, offset },
    } of plan)
      console.log(`${topic},${partition},${offset}`);
  else
    console.log(
      `\n${table(
        ['GROUP', 'TOPIC', 'PARTITION', 'NEW-OFFSET'],
        plan.map(({ groupId, offset: { topic, partition, offset } }) => [
          groupId,
          topic,
          String(partition),
          String(offset),
        ]),
      )}`,
    );
  return 0;
}

async function wantedPartitions(
  session: Session,
  scenario: ResetScenario,
  committed: readonly TopicPartition[],
): Promise<TopicPartition[]> {
  const { options } = session;
  if (options.topic) return partitionsOf(session, options.topic);
  if (scenario.kind === 'file')
    return [...scenario.offsets.keys()].flatMap((name) => parseTpName(name) ?? []);
  if (options.allTopics) return committed.map(({ topic, partition }) => ({ topic, partition }));
  throw new Error('Option [reset-offsets] needs one of --topic and --all-topics');
}

// ---- delete

async function deleteGroups(session: Session): Promise<number> {
  const groups = await groupsOf(session);
  const failed: string[] = [];
  for (const groupId of groups) {
    await session.admin.deleteConsumerGroup(groupId).catch((error) => {
      if (!(error instanceof KafkaError)) throw error;
      failed.push(`* Group '${groupId}' could not be deleted due to: ${messageOf(error)}`);
    });
  }
  if (failed.length === 0)
    console.log(
      `Deletion of requested consumer groups (${groups.map((group) => `'${group}'`).join(', ')}) was ` +
        `successful.`,
    );
  else console.error(`Error: Deletion of some consumer groups failed:\n${failed.join('\n')}`);
  return failed.length === 0 ? 0 : 1;
}

async function deleteOffsets(session: Session): Promise<number> {
  const { options } = session;
  const [groupId] = await groupsOf(session);
  if (!options.topic) throw new Error('Option [delete-offsets] takes the option --topic');
  const rows = await session.admin.deleteConsumerGroupOffsets(
    groupId!,
    await partitionsOf(session, options.topic),
  );
  console.log(
    `\n${table(
      ['TOPIC', 'PARTITION', 'STATUS'],
      rows.map(({ topic, partition, error }) => [
        topic,
        String(partition),
        error === 'NONE' ? 'Successful' : `Error: ${error}`,
      ]),
    )}`,
  );
  return rows.every((row) => row.error === 'NONE') ? 0 : 1;
}

const actions: Readonly<Record<string, (session: Session) => Promise<number | void>>> = {
  list,
  describe,
  resetOffsets,
  delete: deleteGroups,
  deleteOffsets,
};

async function run(options: Options): Promise<number> {
  const chosen = Object.keys(actions).filter((name) => options[name as keyof Options]);
  if (chosen.length !== 1)
    throw new Error(
      'Command must include exactly one action: --list, --describe, --delete, --reset-offsets, ' +
        '--delete-offsets.',
    );
  const host = clientHost('consumer-groups');
  const settings = {
    ...connectionConfig(options),
    ...configFile(options.commandConfig),
    'default.api.timeout.ms': options.timeout,
  };
  const admin = new Admin(environmentOf(host), { 'client.id': 'consumer-groups', ...settings });
  const consumer = new Consumer(environmentOf(host), {
    'client.id': 'consumer-groups',
    ...settings,
    'allow.auto.create.topics': false,
  });
  try {
    return (await actions[chosen[0]!]!({ host, admin, consumer, options })) ?? 0;
  } finally {
    await consumer.close();
    await admin.close();
  }
}

const gather = (text: string, previous: string[] = []) => [...previous, text];

export function consumerGroupsCommand(): Command {
  return addConnectionOptions(
    new Command('consumer-groups').description('list, describe, reset and delete consumer groups'),
  )
    .option('--list', 'list groups')
    .option('--describe', 'describe groups')
    .option('--reset-offsets', 'set the offsets of a group without members')
    .option('--delete', 'delete groups')
    .option('--delete-offsets', 'forget offsets of a group')
    .option('--group <id>', 'a group; may be repeated', gather)
    .option('--all-groups', 'all groups')
    .option('--topic <topic>', 'a topic, or topic:0,1; may be repeated', gather)
    .option('--all-topics', 'all topics of the group')
    .option('--offsets', 'describe: offsets and lag (the default)')
    .option('--members', 'describe: members')
    .option('--verbose', 'with --members: their partitions')
    .option('--state [states]', 'describe: the state; list: states, or only groups in these')
    .option('--dry-run', 'only show the plan')
    .option('--execute', 'set the offsets')
    .option('--export', 'print the plan as topic,partition,offset')
    .option('--to-earliest', 'the first offset')
    .option('--to-latest', 'the end')
    .option('--to-current', 'where it is')
    .option('--to-offset <n>', 'this offset', wholeNumber)
    .option('--shift-by <n>', 'so many on, or back', wholeNumber)
    .option('--to-datetime <time>', 'the first record at or after YYYY-MM-DDTHH:mm:SS.sss')
    .option('--by-duration <duration>', 'so long ago: PnDTnHnMnS')
    .option('--from-file <path>', 'offsets from a file that --export wrote')
    .option('--timeout <ms>', 'how long to try', wholeNumber, 15000)
    .option('--command-config <path>', 'a properties file of settings')
    .action(action<Options>(run));
}
