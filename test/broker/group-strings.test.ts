/**
 * Strings and numbers in the records of groups: what cannot be stored costs its request, never the
 * coordinator.
 */
import { newMemberId } from '../../src/broker/group/group-metadata';
import {
  decodeGroupValue,
  decodeOffsetValue,
  encodeGroupValue,
  encodeOffsetValue,
  StoredGroup,
} from '../../src/broker/group/group-records';
import { BinaryReader, BinaryWriter, cutToBytes, MAX_STRING_BYTES } from '../../src/common/binary';
import { Prng } from '../../src/simulation/prng';
import { StagedGroups } from '../support/staged-groups';

const LONG_MAX = 2n ** 63n - 1n;

async function ready(): Promise<StagedGroups> {
  const staged = new StagedGroups('strings');
  staged.partition();
  await staged.service.start();
  staged.lead(0);
  await staged.pass(10);
  return staged;
}

test('a group that cannot be stored is told so, again and again, and others are coordinated', async () => {
  const staged = await ready();
  const tooLong = { groupId: 'bad', protocolType: 'x'.repeat(MAX_STRING_BYTES + 1) };
  let { memberId } = await staged.soon(staged.join('', tooLong));
  for (let round = 0; round < 2; round++) {
    const joining = staged.join(memberId, tooLong);
    await staged.pass(10);
    const joined = await joining;
    expect(joined.errorCode).toBe(0);
    ({ memberId } = joined);
    const sync = staged.service.coordinator.sync({
      groupId: 'bad',
      generationId: joined.generationId,
      memberId,
      groupInstanceId: null,
      protocolType: null,
      protocolName: null,
      assignments: [],
    });
    expect(await staged.soon(Promise.resolve(sync))).toMatchObject({ errorCode: -1 });
  }
  const id = await staged.newMemberId();
  const joining = staged.join(id);
  await staged.pass(10);
  const { generationId } = await joining;
  const sync = staged.sync(id, generationId, { [id]: 'mine' });
  await staged.pass(0);
  await staged.replicate();
  expect(await sync).toEqual({ error: 'NONE', assignment: 'mine' });
});

test("a member id fits Kafka's wire, however long the client id", () => {
  const random = new Prng('ids');
  expect(newMemberId(random, 'client')).toMatch(/^client-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  for (const clientId of ['x'.repeat(32767), 'ж'.repeat(16383), '𝄞'.repeat(8191)]) {
    const id = newMemberId(random, clientId);
    expect(Buffer.byteLength(id)).toBeLessThanOrEqual(MAX_STRING_BYTES);
    expect(Buffer.byteLength(id)).toBeGreaterThan(MAX_STRING_BYTES - 4);
    expect(id).not.toContain('\ufffd');
  }
  expect(cutToBytes('жж', 3)).toBe('ж');
});

test('a string that does not fit is refused before its length is written', () => {
  const writer = new BinaryWriter();
  writer.string('x'.repeat(MAX_STRING_BYTES));
  expect(() => writer.string('x'.repeat(MAX_STRING_BYTES + 1))).toThrow('longer than 32767');
  expect(new BinaryReader(writer.toBuffer()).string()).toHaveLength(MAX_STRING_BYTES);
});

test('a committed offset beyond 2^53 is not read as another one; a time beyond it is the latest there is', () => {
  const committed = { offset: 5, leaderEpoch: -1, metadata: 'm', commitTimestamp: 7, expireTimestamp: 9 };
  const value = encodeOffsetValue(committed);
  expect(decodeOffsetValue(value)).toEqual(committed);
  const with64 = (at: number, number: bigint) => {
    const bytes = Buffer.from(value);
    bytes.writeBigInt64BE(number, at);
    return bytes;
  };
  for (const bad of [LONG_MAX, 2n ** 53n, -(2n ** 63n)]) {
    expect(() => decodeOffsetValue(with64(2, bad))).toThrow('does not fit 53 bits');
  }
  const [commitAt, expireAt] = [value.length - 16, value.length - 8];
  expect(decodeOffsetValue(with64(commitAt, LONG_MAX)).commitTimestamp).toBe(Number.MAX_SAFE_INTEGER);
  expect(decodeOffsetValue(with64(expireAt, LONG_MAX)).expireTimestamp).toBe(Number.MAX_SAFE_INTEGER);
});

test('a group whose time is beyond 2^53 is read, and can be written again', () => {
  const group: StoredGroup = {
    protocolType: 'consumer',
    generation: 3,
    protocol: 'range',
    leader: 'a',
    currentStateTimestamp: 1,
    members: [],
  };
  const bytes = encodeGroupValue(group);
  bytes.writeBigInt64BE(LONG_MAX, bytes.length - 12);
  const read = decodeGroupValue(bytes);
  expect(read).toEqual({ ...group, currentStateTimestamp: Number.MAX_SAFE_INTEGER });
  expect(decodeGroupValue(encodeGroupValue(read))).toEqual(read);
});
