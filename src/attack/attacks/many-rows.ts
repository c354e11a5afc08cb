/**
 * Requests of a few megabytes whose responses would have gigabytes, or whose work grows with the square of
 * their size.
 */
import { Api } from '../../protocol/schema';
import { createTopics, metadata, listOffsets } from '../../protocol/messages/metadata';
import {
  deleteGroups,
  describeGroups,
  joinGroup,
  leaveGroup,
  listGroups,
  offsetCommit,
  offsetFetch,
} from '../../protocol/messages/groups';
import { deleteRecords, describeLogDirs } from '../../protocol/messages/log-admin';
import { fetch, offsetForLeaderEpoch, produce } from '../../protocol/messages/produce-fetch';
import { buildBody, ELEMENT, Path } from '../base-request';
import { Attack, Ground, scaled } from '../ground';
import { HostileRequest } from '../hostile-requests';
import { Lane } from '../lane';
import { encodeNode, framed, packInteger, packString, WireNode } from '../wire-node';

interface Row {
  readonly api: Api;
  /** The path of the long list. */
  readonly path: Path;
  /** The number of elements at full scale. */
  readonly count: number;
  /** The value of each element; the default is a valid one. */
  readonly element?: WireNode;
}

const EMPTY = packString('');

const rows: readonly Row[] = [
  { api: metadata, path: ['topics'], count: 150_000 },
  { api: metadata, path: ['topics'], count: 8_000_000, element: EMPTY },
  { api: fetch, path: ['topics'], count: 3_500_000, element: { items: [EMPTY, { items: [] }] } },
  { api: fetch, path: ['topics', ELEMENT, 'partitions'], count: 20_000 },
  { api: listOffsets, path: ['topics', ELEMENT, 'partitions'], count: 500_000 },
  { api: offsetForLeaderEpoch, path: ['topics', ELEMENT, 'partitions'], count: 500_000 },
  { api: produce, path: ['topicData', ELEMENT, 'partitionData'], count: 50_000 },
  { api: describeGroups, path: ['groups'], count: 8_000_000, element: EMPTY },
  { api: deleteGroups, path: ['groupsNames'], count: 8_000_000, element: EMPTY },
  { api: listGroups, path: ['statesFilter'], count: 8_000_000, element: EMPTY },
  {
    api: offsetFetch,
    path: ['topics', ELEMENT, 'partitionIndexes'],
    count: 5_000_000,
    element: packInteger(0),
  },
  { api: offsetCommit, path: ['topics', ELEMENT, 'partitions'], count: 500_000 },
  { api: leaveGroup, path: ['members'], count: 1_000_000 },
  { api: joinGroup, path: ['protocols'], count: 1_000_000 },
  { api: deleteRecords, path: ['topics', ELEMENT, 'partitions'], count: 500_000 },
  { api: describeLogDirs, path: ['topics'], count: 8_000_000, element: EMPTY },
  { api: createTopics, path: ['topics'], count: 100_000 },
  { api: createTopics, path: ['topics', ELEMENT, 'configs'], count: 500_000 },
  { api: createTopics, path: ['topics', ELEMENT, 'assignments'], count: 500_000 },
] as readonly Row[];

const equal = (a: Path, b: Path) => a.length === b.length && a.every((step, i) => step === b[i]);

/** The request with `count` elements in one list. */
export function longListRequest({ api, path, element }: Row, count: number): HostileRequest {
  const body = buildBody(
    api as Api,
    (at, _, sound) => {
      if (!equal(at, path)) return undefined;
      const node = sound();
      return {
        items: element !== undefined ? [element] : Buffer.isBuffer(node) ? [] : node.items,
        times: count,
      };
    },
    (at) => at.length <= path.length && at.every((step, i) => step === path[i]),
  );
  const head = [packInteger(api.key), packInteger(0), packInteger(1), packString('attacker')];
  return {
    what: `${api.name} with ${count} ${path.at(-1)}`,
    frame: framed(encodeNode({ items: [...head, body] })),
  };
}

const input = (_seed: string, number: number): HostileRequest =>
  longListRequest(rows[number % rows.length]!, rows[number % rows.length]!.count);

async function run(ground: Ground): Promise<void> {
  for (let number = 0; !ground.isOver(); number++) {
    const row = rows[number % rows.length]!;
    const broker = ground.brokers[Math.floor(number / rows.length) % ground.brokers.length]!;
    const lane = new Lane(ground, broker);
    const { what, frame } = longListRequest(row, scaled(ground, row.count, 10));
    await lane.sendNoted({ id: `many-rows:${ground.seed}:${number}`, what, frame, patienceMs: 10_000 });
    lane.close();
  }
}

export const manyRows: Attack = {
  name: 'many-rows',
  sends: 'each API with a list of up to 8 million rows: the same name, empty ones, the same partition',
  expected: 'repetitions are merged or the request is refused; no turn of the loop is long',
  input,
  run,
};
