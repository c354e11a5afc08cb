/** Decoders under changed encodings, and the instrument itself: it finds what is planted. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fuzzTargets } from '../../src/fuzz/all-targets';
import { fuzz, shrinkInput } from '../../src/fuzz/fuzz';
import { FuzzTarget, isSame, tryInput, weightOf } from '../../src/fuzz/fuzz-target';
import { mutate } from '../../src/fuzz/mutator';
import { Prng } from '../../src/simulation/prng';

const CORPUS = path.join(__dirname, '../../../test/fuzz/corpus');
const INPUTS = 2000;

function corpusOf(name: string): Buffer[] {
  const file = path.join(CORPUS, `${name}.txt`);
  if (!fs.existsSync(file)) return [];
  return fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line, 'hex'));
}

test.each(fuzzTargets.map((target) => [target.name, target] as const))(
  '%s: any bytes are refused as documented, or mean the same when encoded again',
  (name, target) => {
    const { findings, inputs } = fuzz(target, { inputs: INPUTS, seed: 'test', corpus: corpusOf(name) });
    expect(findings.map(({ problem, input }) => `${problem}: ${input.toString('hex')}`)).toEqual([]);
    expect(inputs).toBe(INPUTS);
  },
);

test('real encodings are decoded by the decoder they are meant for', () => {
  for (const target of fuzzTargets) {
    const refused = target.seeds().filter((input) => {
      try {
        target.decode(Buffer.from(input));
        return false;
      } catch {
        return true;
      }
    });
    // Settings are tried with values that are not theirs as well.
    if (target.name !== 'broker-settings') expect([target.name, refused]).toEqual([target.name, []]);
  }
});

test('the corpus holds inputs of decoders that there are, at most 4 KB each', () => {
  const names = fuzzTargets.map(({ name }) => `${name}.txt`);
  for (const file of fs.readdirSync(CORPUS)) {
    expect(names).toContain(file);
    for (const input of corpusOf(file.replace('.txt', ''))) expect(input.length).toBeLessThanOrEqual(4096);
  }
});

describe('a planted defect is found and made small', () => {
  const base: FuzzTarget = {
    name: 'planted',
    seeds: () => [Buffer.from('hello, world')],
    decode: (input) => input.length,
    isRefusal: () => false,
  };

  test('an exception that nobody documented', () => {
    const target: FuzzTarget = {
      ...base,
      decode: (input) => {
        if (input.includes(0xff)) throw new TypeError('no');
        return 0;
      },
    };
    const { findings } = fuzz(target, { inputs: 2000, seed: '1' });
    expect(findings.map(({ problem }) => problem)).toEqual(['decoding throws TypeError: no']);
    expect(findings[0]!.input).toEqual(Buffer.of(0xff));
  });

  test('an encoding that means something else', () => {
    const target: FuzzTarget = {
      ...base,
      encode: (length: number) => Buffer.alloc(length === 7 ? 8 : length),
    };
    expect(fuzz(target, { inputs: 2000, seed: '1' }).findings).toEqual([
      { problem: 'encoded and decoded again it means something else', input: expect.any(Buffer) },
    ]);
  });

  test('an encoder that throws', () => {
    const target: FuzzTarget = {
      ...base,
      encode: () => {
        throw new RangeError('too much');
      },
    };
    expect(tryInput(target, Buffer.from('x'))).toEqual({
      problem: 'what was decoded cannot be encoded and decoded again: RangeError: too much',
    });
  });

  test('a small input that becomes large', () => {
    const target: FuzzTarget = {
      ...base,
      decode: (input) => Array.from({ length: (input[0] ?? 0) * 1000 }, () => 0),
    };
    expect(tryInput(target, Buffer.of(200))).toEqual({
      problem: 'what is decoded is much larger than the input',
    });
  });

  test('an input that takes too long', () => {
    let now = 0;
    const target: FuzzTarget = {
      ...base,
      decode: (input) => {
        now += input.length;
        return 0;
      },
    };
    const { findings, slowestMs } = fuzz(target, { inputs: 0, seed: '1', nowMs: () => now, maxMs: 5 });
    expect(findings.map(({ problem }) => problem)).toEqual(['takes longer than 5 ms']);
    expect(slowestMs).toBe(12);
  });
});

test('the same seed gives the same inputs, whatever was kept before', () => {
  const [target] = fuzzTargets;
  const run = (seed: string) =>
    fuzz(target!, { inputs: 500, seed }).kept.map((input) => input.toString('hex'));
  expect(run('a')).toEqual(run('a'));
  expect(run('a')).not.toEqual(run('b'));
});

test('changed inputs stay below 4 KB and the input they were made of is as it was', () => {
  const random = new Prng('mutate');
  const input = Buffer.from('an input');
  for (let i = 0; i < 2000; i++)
    expect(mutate(input, random, Buffer.alloc(5000)).length).toBeLessThanOrEqual(4096);
  expect(input.toString()).toBe('an input');
});

test('values are compared by what they mean, and weighed by what they hold', () => {
  expect(
    isSame({ a: [1, new Map([['x', Buffer.from('y')]])] }, { a: [1, new Map([['x', Buffer.from('y')]])] }),
  ).toBe(true);
  expect(isSame({ a: 1 }, { a: 1, b: 2 })).toBe(false);
  expect(isSame([1, 2], [2, 1])).toBe(false);
  expect(isSame(null, {})).toBe(false);
  expect(weightOf(Array.from({ length: 100 }, () => 'x'))).toBeGreaterThan(100);
});

test('shrinking keeps the problem', () => {
  const target: FuzzTarget = {
    name: 'planted',
    seeds: () => [],
    decode: (input) => {
      if (input.includes('ab')) throw new Error('ab');
      return 0;
    },
    isRefusal: () => false,
  };
  expect(shrinkInput(target, Buffer.from('xxxxabyyyyy'), 'decoding throws Error: ab').toString()).toBe('ab');
});
