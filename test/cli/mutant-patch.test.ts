/** A mutant's file is read and applied, or refused with the reason. */
import { applyChange, FileChange, parseMutant } from '../../src/cli/mutant-patch';

const HEADER = [
  'What: it is wrong',
  'Harm: all is lost',
  'Tests: test/log/log.test.ts test/a/b.test.ts',
  'Seeds: walks',
];
const DIFF = ['--- a/src/log/log.ts', '+++ b/src/log/log.ts', '@@ -2,3 +2,3 @@', ' b', '-c', '+C', ' d', ''];
const parse = (header: readonly string[] = HEADER, diff: readonly string[] = DIFF) =>
  parseMutant('m', [...header, ...diff].join('\n'));
const change = (diff: readonly string[] = DIFF): FileChange => parse(HEADER, diff).changes[0]!;

test('a mutant has a name, a header of one line a field, and changes', () => {
  expect(parse()).toMatchObject({
    name: 'm',
    what: 'it is wrong',
    harm: 'all is lost',
    tests: ['test/log/log.test.ts', 'test/a/b.test.ts'],
    seeds: 'walks',
  });
  expect(parse([...HEADER.slice(0, 3), 'Seeds: none', 'Title: only this one']).seeds).toBeUndefined();
  expect(parse([...HEADER.slice(0, 3), 'Seeds: group-walks']).seeds).toBe('group-walks');
  expect(parse([...HEADER, 'Title: only this one']).title).toBe('only this one');
  expect(
    parse([...HEADER, 'diff --git a/src/log/log.ts b/src/log/log.ts', 'index 1234567..89abcde 100644'])
      .changes.length,
  ).toBe(1);
});

test('a header that is not complete is refused with what is wrong in it', () => {
  for (let i = 0; i < HEADER.length; i++) {
    const field = HEADER[i]!.split(':')[0]!;
    expect(() => parse(HEADER.filter((_, j) => j !== i))).toThrow(`Mutant m: ${field} is missing`);
    expect(() => parse([...HEADER, HEADER[i]!])).toThrow(`${field} stands in its header twice`);
    expect(() => parse(HEADER.map((line, j) => (j === i ? `${field}: ` : line)))).toThrow(
      `${field} is empty`,
    );
  }
  expect(() => parse([...HEADER, 'Wat: typo'])).toThrow("'Wat: typo' in its header is neither of What, Harm");
  expect(() => parse(HEADER.map((line) => line.replace('walks', 'luck')))).toThrow(
    "Seeds is 'luck' and not one of walks",
  );
  expect(() => parse(HEADER.map((line) => line.replace('log.test.ts', 'log.ts')))).toThrow(
    "'test/log/log.ts' in Tests is not a test",
  );
});

test('a diff that is malformed, or touches something else than a source file, is refused', () => {
  expect(() => parse(HEADER, [])).toThrow('there is no diff');
  expect(() =>
    parse(
      HEADER,
      DIFF.map((line) => line.replace('src/log/log.ts', 'test/log/log.test.ts')),
    ),
  ).toThrow('below src');
  expect(() =>
    parse(
      HEADER,
      DIFF.map((line) => line.replace('--- a/src/log/log.ts', '--- /dev/null')),
    ),
  ).toThrow('below src');
  expect(() =>
    parse(
      HEADER,
      DIFF.map((line) => line.replace('-2,3 +2,3', '-2,4 +2,4')),
    ),
  ).not.toThrow();
  expect(() =>
    parse(
      HEADER,
      DIFF.map((line) => line.replace('-2,3 +2,3', '-2,5 +2,5')),
    ),
  ).toThrow('ends too early');
  expect(() =>
    parse(
      HEADER,
      DIFF.map((line) => line.replace('-2,3 +2,3', '-2,2 +2,2')),
    ),
  ).toThrow('are the counts of the hunk');
  expect(() => parse(HEADER, DIFF.slice(0, 2))).toThrow('src/log/log.ts has no hunk');
});

test('a hunk is applied at its line, or where its text has moved to', () => {
  expect(applyChange('a\nb\nc\nd\ne', change())).toBe('a\nb\nC\nd\ne');
  expect(applyChange('1\n2\n3\n4\na\nb\nc\nd\ne', change())).toBe('1\n2\n3\n4\na\nb\nC\nd\ne');
});

test('of several places the nearest is taken, counted from where the hunk before it was found', () => {
  expect(applyChange('b\nc\nd\nx\nb\nc\nd', change())).toBe('b\nC\nd\nx\nb\nc\nd');
  const two = [...DIFF.slice(0, 7), '@@ -6,3 +6,3 @@', ' b', '-c', '+D', ' d', ''];
  const moved = ['new', 'new', 'new', 'a', 'b', 'c', 'd', 'x', 'b', 'c', 'd', 'x', 'b', 'c', 'd'];
  expect(applyChange(moved.join('\n'), change(two)).split('\n')).toEqual(
    moved.map((line, i) => (i === 5 ? 'C' : i === 9 ? 'D' : line)),
  );
});

test('a hunk whose outer context has changed is applied if its place is the only one', () => {
  const wide = [...DIFF.slice(0, 2), '@@ -1,5 +1,5 @@', ' a', ' b', '-c', '+C', ' d', ' e', ''];
  expect(applyChange('A\nb\nc\nd\nE', change(wide))).toBe('A\nb\nC\nd\nE');
  expect(applyChange('A\nB\nc\nD\nE', change(wide))).toBe('A\nB\nC\nD\nE');
  expect(() => applyChange('A\nB\nc\nD\nE\nc', change(wide))).toThrow('does not apply');
});

test('a hunk whose text is gone does not apply', () => {
  expect(() => applyChange('a\nb\nX\nd\ne', change())).toThrow(
    'the hunk at line 2 of src/log/log.ts does not apply',
  );
});

test('lines that only add, and files without a newline at their end', () => {
  const adding = [...DIFF.slice(0, 2), '@@ -1,2 +1,3 @@', ' a', '+new', ' b', '\\ No newline at end of file'];
  expect(applyChange('a\nb', change(adding))).toBe('a\nnew\nb');
});
