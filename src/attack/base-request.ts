/**
 * Builds a request that a broker accepts: every field has a value with which the handler continues to the
 * next one.
 *
 * The names are those of a topic and a group for attacks only, so that the bystanders' data is not touched.
 * Requests of a controller have an old epoch, so they are refused, whatever else they contain.
 *
 * [p] From the tables in src/protocol/messages.
 */
import { Api, Schema } from '../protocol/schema';
import { buildBatch } from '../record/batch-builder';
import { FALSE, NIL, packBinary, packInteger, packString, TRUE, WireNode } from './wire-node';

export const VICTIM_TOPIC = 'victim';
export const VICTIM_GROUP = 'victim-group';

/** A path into a message: names of fields, and ELEMENT for the elements of a list. */
export type Path = readonly string[];
export const ELEMENT = '[]';

export const soundBatch = buildBatch([
  { timestamp: 1_600_000_000_000, key: Buffer.from('k'), value: Buffer.from('v') },
]);

type Word = number | string | boolean | null | Buffer;

/** The values by `Api.field`, or by the field's name alone. */
const WORDS: Readonly<Record<string, Word>> = {
  'CreateTopics.name': 'victim-new',
  'CreateTopics.configs.name': 'retention.ms',
  'CreateTopics.value': '1000',
  'JoinGroup.protocols.name': 'range',
  'DescribeGroups.groups': VICTIM_GROUP,
  'ListOffsets.timestamp': -1,
  'JoinGroup.groupInstanceId': 'victim-instance',
  'DeleteRecords.offset': 0,
  'Produce.acks': 1,
  'CreateTopics.validateOnly': true,
  name: VICTIM_TOPIC,
  topic: VICTIM_TOPIC,
  topics: VICTIM_TOPIC,
  groupId: VICTIM_GROUP,
  groupsNames: VICTIM_GROUP,
  key: VICTIM_GROUP,
  memberId: '',
  groupInstanceId: null,
  protocolType: 'consumer',
  protocolName: null,
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 1000,
  timeoutMs: 200,
  maxWaitMs: 100,
  minBytes: 1,
  maxBytes: 1_000_000,
  partitionMaxBytes: 1_000_000,
  replicaId: -1,
  replicaEpoch: -1,
  currentLeaderEpoch: -1,
  logStartOffset: -1,
  generationId: -1,
  commitSequence: -1,
  committerId: '',
  committedLeaderEpoch: -1,
  numPartitions: 1,
  replicationFactor: 1,
  transactionalId: null,
  producerId: -1,
  producerEpoch: -1,
  controllerId: 1,
  records: soundBatch,
  clientSoftwareName: 'attacker',
  clientSoftwareVersion: '1',
};

/** Lists that are empty in an ordinary request. */
const EMPTY_LISTS = new Set(['CreateTopics.assignments', 'ListGroups.statesFilter', 'SyncGroup.assignments']);

function wordFor(api: Api, path: Path): Word | undefined {
  const names = path.filter((step) => step !== ELEMENT);
  const last = names.at(-1) ?? '';
  const above = names.slice(-2).join('.');
  return [`${api.name}.${above}`, `${api.name}.${last}`, last]
    .map((key) => WORDS[key])
    .find((word) => word !== undefined);
}

function scalar(schema: Schema<unknown>, word: Word | undefined): Buffer {
  switch (schema.kind) {
    case 'string':
      return packString(typeof word === 'string' ? word : '');
    case 'nullableString':
      return typeof word === 'string' ? packString(word) : NIL;
    case 'bool':
      return word === true ? TRUE : FALSE;
    case 'bytes':
    case 'records':
      return packBinary(Buffer.isBuffer(word) ? word : Buffer.alloc(0));
    default:
      return packInteger(typeof word === 'number' ? word : 0);
  }
}

/** Returns the replacement of a node, or undefined to keep it. Called for every node of the message. */
export type Replace = (path: Path, schema: Schema<unknown>, sound: () => WireNode) => WireNode | undefined;

/** A value of the schema. A list gets one element if `reaches` says that a replacement is inside it. */
function build(
  api: Api,
  schema: Schema<unknown>,
  path: Path,
  replace: Replace,
  reaches: (path: Path) => boolean,
): WireNode {
  const sound = (): WireNode => {
    if (schema.kind === 'struct') {
      return {
        items: schema.fields.map(({ name, type }) => build(api, type, [...path, name], replace, reaches)),
      };
    }
    if (schema.kind !== 'array') return scalar(schema, wordFor(api, path));
    const isEmpty = EMPTY_LISTS.has(`${api.name}.${path.at(-1)}`) && !reaches(path);
    return { items: isEmpty ? [] : [build(api, schema.of, [...path, ELEMENT], replace, reaches)] };
  };
  return replace(path, schema, sound) ?? sound();
}

/** The body of a request: valid, except for what `replace` returns. */
export function buildBody(
  api: Api,
  replace: Replace = () => undefined,
  reaches: (path: Path) => boolean = () => false,
): WireNode {
  return build(api, api.request, [], replace, reaches);
}

/** The paths of all nodes of a request: the body itself, its fields, lists and their elements. */
export function pathsOf(
  schema: Schema<unknown>,
  path: Path = [],
): { readonly path: Path; readonly schema: Schema<unknown> }[] {
  const here = { path, schema };
  if (schema.kind === 'array') return [here, ...pathsOf(schema.of, [...path, ELEMENT])];
  if (schema.kind !== 'struct') return [here];
  return [here, ...schema.fields.flatMap(({ name, type }) => pathsOf(type, [...path, name]))];
}

export function pathText(path: Path): string {
  return path.reduce(
    (text, step) => (step === ELEMENT ? `${text}${ELEMENT}` : text === '' ? step : `${text}.${step}`),
    '',
  );
}
