/**
 * What the attacker sends: everything the tables name, the same for the same seed, and sound where it means
 * to be.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { attacks } from '../../src/attack/all-attacks';
import { buildBody, pathsOf, pathText, soundBatch } from '../../src/attack/base-request';
import { hostileBatches } from '../../src/attack/hostile-batches';
import { randomFrame, randomRequest, Sweep } from '../../src/attack/hostile-requests';
import { hostileValuesFor } from '../../src/attack/hostile-values';
import {
  arrayHeader,
  encodeNode,
  framed,
  packBinary,
  packInteger,
  packString,
} from '../../src/attack/wire-node';
import { allApis, apiByKey } from '../../src/protocol/apis';
import { Schema } from '../../src/protocol/schema';
import { Scanner } from '../../src/protocol/scan';
import { decodeRequest } from '../../src/protocol/wire';
import { readProducedBatch } from '../../src/log/log-validator';
import { recordsOf } from '../../src/record/record';

test('the base of every request is one that the scanner takes and the decoder reads', () => {
  for (const api of allApis) {
    const head = [packInteger(api.key), packInteger(0), packInteger(7), packString('attacker')];
    const frame = encodeNode({ items: [...head, buildBody(api)] });
    expect(decodeRequest(frame, apiByKey).header).toMatchObject({
      apiKey: api.key,
      correlationId: 7,
      clientId: 'attacker',
    });
  }
});

test('the sweep names every field of every API', () => {
  const sweep = new Sweep(allApis, true);
  const told = new Set(
    Array.from({ length: sweep.count }, (_, i) => sweep.request(i).what.replace(/ with .* as /, '|')),
  );
  for (const api of allApis) {
    for (const { path } of pathsOf(api.request))
      expect(told).toContain(`${api.name}|${pathText(path) || 'its body'}`);
  }
});

test('every kind of field has hostile values, numbers at each edge of 8 to 64 bits among them', () => {
  for (const kind of [
    'int8',
    'int16',
    'int32',
    'int64',
    'bool',
    'string',
    'nullableString',
    'bytes',
    'records',
  ] as const) {
    expect(hostileValuesFor({ kind }).length).toBeGreaterThan(10);
  }
  const names = hostileValuesFor({ kind: 'int64' }).map(({ name }) => name);
  for (const edge of [127, 128, 32768, 2 ** 31, 2 ** 53, '9223372036854775807', '18446744073709551615'])
    expect(names).toContain(`the number ${edge}`);
});

test('an input depends on its number and the seed alone', () => {
  for (let number = 0; number < 300; number++) {
    expect(randomRequest(allApis, 'a', number)).toEqual(randomRequest(allApis, 'a', number));
    expect(randomFrame('a', number)).toEqual(randomFrame('a', number));
  }
  const others = Array.from({ length: 50 }, (_, i) => randomRequest(allApis, 'b', i).what);
  expect(others).not.toEqual(Array.from({ length: 50 }, (_, i) => randomRequest(allApis, 'a', i).what));
});

test('integers are packed as the scanner reads them, to the last one that fits 53 bits', () => {
  for (const number of [
    0,
    127,
    128,
    -1,
    -32,
    -33,
    65_536,
    2 ** 31,
    -(2 ** 31),
    2 ** 32,
    2 ** 53 - 1,
    -(2 ** 53) + 1,
  ]) {
    expect(new Scanner(packInteger(number)).integer()).toBe(number);
  }
});

test('a list that claims more than it holds says so in its header; a repeated one holds as much', () => {
  const item = packInteger(1);
  expect(encodeNode({ items: [item], claims: 70_000 })).toEqual(Buffer.concat([arrayHeader(70_000), item]));
  expect(encodeNode({ items: [item], times: 1000 }).length).toBe(3 + 1000);
  expect(framed(item, 99).readUInt32BE(0)).toBe(99);
  expect(packBinary(item, 5).readUInt32BE(1)).toBe(5);
});

test('each hostile batch has the CRC of what it claims, except where the CRC is the lie', () => {
  expect([...recordsOf(readProducedBatch(soundBatch))].length).toBe(1);
  const problems = hostileBatches.flatMap(({ name, make }) => {
    try {
      readProducedBatch(make());
      return [];
    } catch (error) {
      return /crc/i.test(String(error)) ? [name] : [];
    }
  });
  expect(problems).toEqual(['a batch with a wrong CRC']);
});

test('a place inside a list is reached also where the sound request has an empty list', () => {
  const createTopics = allApis.find(({ name }) => name === 'CreateTopics')!;
  const sweep = new Sweep([createTopics], false);
  const names = Array.from({ length: sweep.count }, (_, i) => sweep.request(i).what);
  expect(names.some((name) => name.endsWith('as topics[].assignments[].brokerIds[]'))).toBe(true);
  const schema: Schema<unknown> = createTopics.request;
  expect(pathsOf(schema).length).toBeGreaterThan(10);
});

test('every attack has a name of its own, and a row in the page on reliability that says what it says', () => {
  expect(new Set(attacks.map(({ name }) => name)).size).toBe(attacks.length);
  const page = fs.readFileSync(path.join(__dirname, '../../../docs/reliability.md'), 'utf8');
  for (const { name, sends, expected } of attacks)
    expect(page).toContain(`| \`${name}\` | ${sends} | ${expected} |`);
});
