/**
 * Numbers that the source, the tests and the pages refer to lead to an entry: D to a decision of the design,
 * P to a pitfall of the ZooKeeper client, F to a failure mode. What these pages name exists: files, tests,
 * symbols. Links are in docs-references.test.ts.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';

const ROOT = path.join(__dirname, '../..');
const read = (file: string) => fs.readFileSync(path.join(ROOT, file), 'utf8');

const PAGES: Readonly<Record<string, string>> = {
  D: 'docs/decisions/design.md',
  P: 'docs/zookeeper-client.md',
  F: 'docs/failure-modes.md',
};
const FAILURE_MODES = 30;

function files(directory: string): string[] {
  return fs.readdirSync(path.join(ROOT, directory), { withFileTypes: true }).flatMap((entry) => {
    const name = `${directory}/${entry.name}`;
    return entry.isDirectory() ? files(name) : [name];
  });
}

const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...files('docs')].filter((file) =>
  file.endsWith('.md'),
);
const everything = [...pages, ...['src', 'scripts', 'test', 'bench', 'config', 'examples'].flatMap(files)];

const anchorsOf = (page: string) =>
  new Set([...read(page).matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id!));

/** A title of a test as a pattern: what is only known when it runs matches anything. */
function patternOf(title: string): RegExp {
  const literal = title.replace(/\\(.)/g, '$1').split(/\$\{[^}]*\}|%[sidj]/);
  return new RegExp(`^${literal.map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+')}$`);
}

/** Titles of the tests of a file, with how they are introduced: test, it or describe. */
function titlesOf(file: string): { readonly kind: string; readonly title: string }[] {
  const calls = /(?<![.\w])(test|it|describe)(?:\.each\([^]*?\)\s*)?\(\s*(['"`])((?:\\.|(?!\2)[^\\])*)\2/g;
  return [...read(file).matchAll(calls)].map(([, kind, , title]) => ({ kind: kind!, title: title! }));
}

/** The entries of a page by number: from its anchor to the next one, without line breaks. */
function entriesOf(page: string): Map<string, string> {
  const parts = read(page).split(/<a id="([^"]+)"><\/a>/);
  return new Map(
    Array.from({ length: (parts.length - 1) / 2 }, (_, i) => [parts[2 * i + 1]!, parts[2 * i + 2]!]),
  );
}

/** `- Test: `file`, "title"`, which may go over several lines. */
function testsOf(entry: string): { readonly file: string; readonly title: string }[] {
  const lines = entry.replace(/\n +/g, ' ');
  return [...lines.matchAll(/^- Test: `([^`]+)`, "(.*)"$/gm)].map(([, file, title]) => ({
    file: file!,
    title: title!,
  }));
}

test('every D-, P- and F-number leads to an entry of its page', () => {
  const anchors = new Map(Object.entries(PAGES).map(([letter, page]) => [letter, anchorsOf(page)]));
  const seen = new Set<string>();
  const lost = everything.flatMap((file) =>
    [...read(file).matchAll(/\b([DPF])(\d{1,2})\b/g)].flatMap(([name, letter, n]) => {
      seen.add(letter!);
      return anchors.get(letter!)!.has(`${letter!.toLowerCase()}${n}`) ? [] : [`${file}: ${name}`];
    }),
  );
  expect(lost).toEqual([]);
  expect([...seen].sort()).toEqual(['D', 'F', 'P']);
});

test('every decision that is referred to has a record, and every record is in the index', () => {
  const records = fs.readdirSync(path.join(ROOT, 'docs/decisions')).filter((name) => /^\d{4}-/.test(name));
  const numbers = new Set(records.map((name) => name.slice(0, 4)));
  const references = /\bdecisions?[ /](\d{4})\b|\[(\d{4})\]\(/g;
  const lost = everything.flatMap((file) =>
    [...read(file).matchAll(references)]
      .filter(([, inText, inLink]) => !numbers.has(inText ?? inLink!))
      .map(([text]) => `${file}: ${text}`),
  );
  expect(lost).toEqual([]);
  expect(numbers.size).toBe(records.length);
  const index = read('docs/decisions/README.md');
  expect(records.filter((name) => !index.includes(`](${name})`))).toEqual([]);
});

test('failure modes: each has an entry, and the tests that it names exist', () => {
  const entries = entriesOf(PAGES.F!);
  expect([...entries.keys()].sort()).toEqual(
    Array.from({ length: FAILURE_MODES }, (_, i) => `f${i + 1}`).sort(),
  );
  const missing = [...entries].flatMap(([id, entry]) => {
    const named = testsOf(entry);
    if (named.length === 0 && !entry.includes('- Test: not yet')) return [`${id} names no test`];
    return named
      .filter(({ file, title }) => {
        return (
          !fs.existsSync(path.join(ROOT, file)) ||
          !titlesOf(file).some((one) => patternOf(one.title).test(title))
        );
      })
      .map(({ file, title }) => `${id}: ${file} has no test "${title}"`);
  });
  expect(missing).toEqual([]);
});

test('failure modes: a test whose title begins with a number is named in the entry of that number', () => {
  const entries = entriesOf(PAGES.F!);
  const tests = files('test').filter((file) => file.endsWith('.test.ts'));
  const unnamed = tests.flatMap((file) =>
    titlesOf(file)
      .filter(({ kind, title }) => {
        const number = /^F\d+/.exec(title);
        if (!number || kind === 'describe') return false;
        return !testsOf(entries.get(number[0].toLowerCase()) ?? '').some(
          (one) => one.file === file && patternOf(title).test(one.title),
        );
      })
      .map(({ title }) => `${file}: ${title}`),
  );
  expect(unnamed).toEqual([]);
});

test('files that pages name exist', () => {
  const named = /`((?:src|test|scripts|docs|bench|examples|config|esm)\/[\w./-]*\w)(?:#[^`]*)?`/g;
  const lost = pages.flatMap((page) =>
    [...read(page).matchAll(named)]
      .filter(([, file]) => !fs.existsSync(path.join(ROOT, file!)))
      .map(([, file]) => `${page}: ${file}`),
  );
  expect(lost).toEqual([]);
});

test('what pages say to be in a file is in it', () => {
  const named = /((?:`\w+`(?:, | and )?)+) in `((?:src|test)\/[\w./-]+\.ts)`/g;
  const found = pages.flatMap((page) =>
    [...read(page).replace(/\s+/g, ' ').matchAll(named)].flatMap(([, names, file]) => {
      return [...names!.matchAll(/\w+/g)].map(([symbol]) => ({ page, file: file!, symbol }));
    }),
  );
  expect(found.length).toBeGreaterThan(30);
  expect(found.filter(({ file, symbol }) => !read(file).includes(symbol))).toEqual([]);
});
