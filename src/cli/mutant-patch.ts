/**
 * A mutant is a small patch that plants one defect in the source. Its header says what the defect is, what
 * harm it does, and what must detect it. This file parses mutants and applies their patches, without touching
 * the disk.
 *
 * A hunk is searched for at its line, then at growing distance. If it is not found, it is searched for
 * without its outermost context lines (fuzz). With fuzz there must be exactly one matching place, so that a
 * defect is never planted in the wrong place.
 *
 * The format is described in test/mutants/README.md. It is that of GNU patch, but stricter: it only changes
 * existing files.
 */

export const INSTRUMENTS = ['walks', 'group-walks', 'simulate', 'sweep'] as const;
export type Instrument = (typeof INSTRUMENTS)[number];

export interface Mutant {
  readonly name: string;
  /** What the code does wrong, in one line. */
  readonly what: string;
  /** The harm, such as lost records or a hang. */
  readonly harm: string;
  /** Test files, relative to the project. At least one of their tests must fail. */
  readonly tests: readonly string[];
  /** Run only tests whose title matches this regular expression; for test files that take long. */
  readonly title: string | undefined;
  /** The random instrument that must detect it, too. */
  readonly seeds: Instrument | undefined;
  readonly changes: readonly FileChange[];
}

export interface FileChange {
  /** Relative to the project, such as src/log/log.ts. */
  readonly path: string;
  readonly hunks: readonly Hunk[];
}

export interface Hunk {
  /** The line, counted from 1, at which the old text is expected. */
  readonly oldStart: number;
  readonly lines: readonly HunkLine[];
}

interface HunkLine {
  readonly kind: ' ' | '-' | '+';
  readonly text: string;
}

const REQUIRED_FIELDS = ['What', 'Harm', 'Tests', 'Seeds'];
const OPTIONAL_FIELDS = ['Title'];
const MAX_FUZZ = 2;

/** Parses a file of test/mutants. Throws an Error that names the mutant and the problem. */
export function parseMutant(name: string, text: string): Mutant {
  const fail = (problem: string) => new Error(`Mutant ${name}: ${problem}`);
  const lines = text.split('\n');
  const diffStart = lines.findIndex((line) => line.startsWith('--- '));
  if (diffStart < 0) throw fail('there is no diff in it');
  const fields = new Map<string, string>();
  for (const line of lines.slice(0, diffStart)) {
    if (line.trim() === '' || /^(diff --git|index) /.test(line)) continue;
    const [, field, value] = /^([A-Z][a-z]+): *(.*?) *$/.exec(line) ?? [];
    if (field === undefined || ![...REQUIRED_FIELDS, ...OPTIONAL_FIELDS].includes(field)) {
      throw fail(
        `'${line}' in its header is neither of ${[...REQUIRED_FIELDS, ...OPTIONAL_FIELDS].join(', ')}`,
      );
    }
    if (fields.has(field)) throw fail(`${field} stands in its header twice`);
    if (!value) throw fail(`${field} is empty`);
    fields.set(field, value);
  }
  for (const field of REQUIRED_FIELDS)
    if (!fields.has(field)) throw fail(`${field} is missing in its header`);
  const tests = fields.get('Tests')!.split(/\s+/);
  for (const test of tests) {
    if (!/^test\/.*\.test\.ts$/.test(test))
      throw fail(`'${test}' in Tests is not a test file such as test/log/log.test.ts`);
  }
  const seeds = fields.get('Seeds')!;
  const instrument = INSTRUMENTS.find((one) => one === seeds);
  if (instrument === undefined && seeds !== 'none') {
    throw fail(`Seeds is '${seeds}' and not one of ${INSTRUMENTS.join(', ')}, none`);
  }
  const changes = parseChanges(lines.slice(diffStart), fail);
  return {
    name,
    what: fields.get('What')!,
    harm: fields.get('Harm')!,
    tests,
    title: fields.get('Title'),
    seeds: instrument,
    changes,
  };
}

function parseChanges(lines: readonly string[], fail: (problem: string) => Error): FileChange[] {
  const changes: { path: string; hunks: Hunk[] }[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at]!;
    if (line === '' || /^(diff --git|index) /.test(line)) {
      at++;
    } else if (line.startsWith('--- ')) {
      const [oldPath, newPath] = [line.slice(4), (lines[at + 1] ?? '').replace(/^\+\+\+ /, '')].map(
        (path) => path.split('\t')[0]!,
      );
      if (oldPath !== `a/${newPath!.slice(2)}` || !/^b\/src\/.*\.ts$/.test(newPath!)) {
        throw fail(`'${line}' and the line after it do not name one file below src as a/… and b/…`);
      }
      changes.push({ path: newPath!.slice(2), hunks: [] });
      at += 2;
    } else if (line.startsWith('@@ ')) {
      const file = changes.at(-1);
      if (!file) throw fail(`'${line}' comes before the name of its file`);
      const { hunk, next } = parseHunk(lines, at, fail);
      file.hunks.push(hunk);
      at = next;
    } else {
      throw fail(`'${line}' belongs to no hunk; are the counts of the hunk before it right?`);
    }
  }
  for (const { path, hunks } of changes) if (hunks.length === 0) throw fail(`${path} has no hunk`);
  return changes;
}

function parseHunk(
  lines: readonly string[],
  at: number,
  fail: (problem: string) => Error,
): { hunk: Hunk; next: number } {
  const [, oldStart, oldCount = '1', newCount = '1'] =
    /^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(lines[at]!) ?? [];
  if (oldStart === undefined) throw fail(`'${lines[at]}' is not the head of a hunk`);
  const hunk: HunkLine[] = [];
  const left = { old: Number(oldCount), new: Number(newCount) };
  let next = at + 1;
  while (left.old > 0 || left.new > 0) {
    const line = lines[next];
    if (line === undefined) throw fail(`the hunk '${lines[at]}' ends too early`);
    next++;
    // Some editors remove the space that stands for an empty context line.
    const kind = line === '' ? ' ' : line[0]!;
    if (kind !== ' ' && kind !== '-' && kind !== '+')
      throw fail(`the hunk '${lines[at]}' ends too early, at '${line}'`);
    if (kind !== '+') left.old--;
    if (kind !== '-') left.new--;
    hunk.push({ kind, text: line.slice(1) });
  }
  if (lines[next]?.startsWith('\\ ')) next++;
  return { hunk: { oldStart: Number(oldStart), lines: hunk }, next };
}

/** Returns the text after the change. Throws an Error that names the hunk that does not apply. */
export function applyChange(text: string, { path, hunks }: FileChange): string {
  const lines = text.split('\n');
  // By how many lines the following lines have moved: because of earlier hunks, and of the places where they
  // were found.
  let moved = 0;
  let done = 0;
  for (const hunk of hunks) {
    const place = findHunk(lines, hunk, done, moved);
    if (place === undefined) throw new Error(`the hunk at line ${hunk.oldStart} of ${path} does not apply`);
    const added = place.lines.filter(({ kind }) => kind !== '-').map(({ text: line }) => line);
    const removed = place.lines.filter(({ kind }) => kind !== '+').length;
    lines.splice(place.at, removed, ...added);
    done = place.at + added.length;
    moved = done - (hunk.oldStart - 1 + place.skipped + removed);
  }
  return lines.join('\n');
}

interface Place {
  readonly at: number;
  readonly lines: readonly HunkLine[];
  /** The number of leading context lines that were ignored. */
  readonly skipped: number;
}

function findHunk(lines: readonly string[], hunk: Hunk, from: number, moved: number): Place | undefined {
  for (let fuzz = 0; fuzz <= MAX_FUZZ; fuzz++) {
    const skipped = Math.min(fuzz, leadingContext(hunk.lines));
    const dropped = Math.min(fuzz, leadingContext([...hunk.lines].reverse()));
    const kept = hunk.lines.slice(skipped, hunk.lines.length - dropped);
    const old = kept.filter(({ kind }) => kind !== '+').map(({ text }) => text);
    if (old.length === 0) return undefined;
    const places = [];
    for (let at = from; at + old.length <= lines.length; at++) {
      if (old.every((line, i) => lines[at + i] === line)) places.push(at);
    }
    const expected = hunk.oldStart - 1 + skipped + moved;
    const [nearest] = places.sort((a, b) => Math.abs(a - expected) - Math.abs(b - expected));
    if (nearest !== undefined)
      return fuzz > 0 && places.length > 1 ? undefined : { at: nearest, lines: kept, skipped };
  }
  return undefined;
}

function leadingContext(lines: readonly HunkLine[]): number {
  const first = lines.findIndex(({ kind }) => kind !== ' ');
  return first < 0 ? lines.length : first;
}
