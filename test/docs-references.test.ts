/** What the pages refer to exists: files, anchors, symbols, test titles. */
import * as fs from 'node:fs';
import * as path from 'node:path';

const ROOT = path.join(__dirname, '../..');
const MAX_COLUMNS = 120;
const FENCING = 'docs/fencing.md';
const GLOSSARY = 'docs/glossary.md';
/** Of a case in docs/fencing.md, in this order. */
const FIELDS = ['Guard', 'Response', 'Code', 'Test'];

const read = (file: string) => fs.readFileSync(path.join(ROOT, file), 'utf8');
const exists = (file: string) => fs.existsSync(path.join(ROOT, file));

function pagesIn(folder: string): string[] {
  return fs.readdirSync(path.join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = path.posix.join(folder, entry.name);
    if (entry.isDirectory()) return pagesIn(name);
    return name.endsWith('.md') ? [name] : [];
  });
}

const atTheTop = fs.readdirSync(ROOT).filter((name) => name.endsWith('.md'));
const pages = [...atTheTop, ...pagesIn('docs'), 'bench/README.md', 'test/mutants/README.md'];

/** Without what stands in fenced blocks. */
const prose = (page: string) => read(page).replace(/^```[^]*?^```$/gm, '');

interface Link {
  readonly text: string;
  readonly target: string;
}

/** Links to files and anchors; also those whose text goes over the end of a line. */
function links(text: string): Link[] {
  const found = [...text.matchAll(/\[([^\]]*)\]\(([^)\s]+)\)/g)];
  const all = found.map(([, label, target]) => ({ text: label!, target: target! }));
  return all.filter(({ target }) => !/^[a-z]+:/.test(target));
}

/** Headings as GitHub makes anchors of them; the second one of the same text ends in -1. */
function headings(page: string): string[] {
  const seen = new Map<string, number>();
  return [...prose(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => {
    const words = heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = words.replace(/[^\p{L}\p{N}_\- ]/gu, '').replaceAll(' ', '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
}

/** Headings, and the anchors that are set by hand. */
function anchors(page: string): string[] {
  return [...headings(page), ...[...prose(page).matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id!)];
}

function problemOf(page: string, { text, target }: Link): string | undefined {
  const [file = '', anchor] = target.split('#');
  const full = file === '' ? page : path.posix.join(path.posix.dirname(page), file);
  if (!exists(full)) return `there is no ${full}`;
  if (anchor !== undefined && !anchors(full).includes(anchor)) return `${full} has no heading for #${anchor}`;
  const [, name, symbol] = /^`([^`#]+\.ts)#([^`]+)`$/.exec(text) ?? [];
  if (name !== undefined && !full.endsWith(`/${name}`)) return `${text} leads to ${full}`;
  if (symbol !== undefined && !read(full).includes(symbol)) return `${full} has no ${symbol}`;
  return undefined;
}

test('every link between pages leads to a file that exists, a heading in it, and the symbol it names', () => {
  const broken = pages.flatMap((page) =>
    links(prose(page)).flatMap((link) => {
      const problem = problemOf(page, link);
      return problem === undefined ? [] : [`${page}: ${problem}`];
    }),
  );
  expect(broken).toEqual([]);
});

describe('docs/glossary.md', () => {
  const [, ...entries] = read(GLOSSARY).split(/^### /m);
  const terms = headings(GLOSSARY).slice(1);

  test('its anchors are unique and sorted', () => {
    expect(new Set(entries.map((entry) => entry.split('\n')[0]!.toLowerCase())).size).toBe(terms.length);
    expect(terms).toEqual([...new Set(terms)].sort());
  });

  test('every entry says in a few sentences what it means, and then where Kafka and our source have it', () => {
    for (const entry of entries) {
      const [term = '', meaning = '', where = ''] = entry.trim().split('\n\n');
      const sentences = meaning.split(/[.?:;)] (?=[A-Z`(])|\.$/m).length - 1;
      expect([term, sentences >= 1 && sentences <= 5]).toEqual([term, true]);
      expect([term, /^(Kafka|ZooKeeper): /.test(where)]).toEqual([term, true]);
      expect([term, links(where).some(({ target }) => target.startsWith('../src/'))]).toEqual([term, true]);
    }
  });
});

describe('docs/fencing.md', () => {
  const cases = read(FENCING)
    .split(/^## .*$/m)
    .flatMap((part) => part.split(/^### /m).slice(1));
  /** The value of `- Name: …`, which may go over several lines. */
  const field = (section: string, name: string) => {
    const [, value] = new RegExp(`^- ${name}: ((?:.|\\n  )*)`, 'm').exec(section) ?? [];
    return value?.replace(/\s+/g, ' ').trim() ?? '';
  };
  const titleOf = (section: string) => section.split('\n')[0]!;

  test('every case names its guard, the response, the code and the test', () => {
    expect(cases.length).toBeGreaterThan(30);
    for (const section of cases) {
      const names = [...section.matchAll(/^- (\w+):/gm)].map(([, name]) => name);
      expect([titleOf(section), names]).toEqual([titleOf(section), FIELDS]);
      expect([titleOf(section), FIELDS.filter((name) => field(section, name) === '')]).toEqual([
        titleOf(section),
        [],
      ]);
    }
  });

  test('every error it names is in the table of errors, or stands in the code that the case names', () => {
    const table = read('src/common/errors.ts');
    const unknown = cases.flatMap((section) => {
      const sources = links(field(section, 'Code')).map(({ target }) =>
        read(path.posix.join('docs', target)),
      );
      const names = [...field(section, 'Response').matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g)].map(([name]) => name);
      const isThere = (name: string) => [table, ...sources].some((text) => text.includes(name));
      return names.filter((name) => !isThere(name)).map((name) => `${titleOf(section)}: ${name}`);
    });
    expect(unknown).toEqual([]);
  });

  test('every test it names is there, by file and title', () => {
    const wrong = cases.flatMap((section) => {
      const value = field(section, 'Test');
      if (value.startsWith('none')) return [];
      const named = [...value.matchAll(/`(test\/[\w./-]+\.test\.ts)`((?:,? "[^"]+")+)/g)];
      if (named.length === 0) return [`${titleOf(section)}: no test`];
      return named.flatMap(([, file, titles]) => {
        const text = read(file!).replaceAll("\\'", "'");
        return [...titles!.matchAll(/"([^"]+)"/g)]
          .map(([, title]) => title!)
          .filter((title) => !["'", '"', '`'].some((quote) => text.includes(`${quote}${title}${quote}`)))
          .map((title) => `${file}: ${title}`);
      });
    });
    expect(wrong).toEqual([]);
  });
});

test('lines are narrow, except in tables, in code and in pages that are generated', () => {
  const learned = pages.filter((page) => page === 'README.md' || page.startsWith('docs/'));
  const written = learned.filter((page) => !read(page).startsWith('<!-- Written by'));
  const wide = written.flatMap((page) => {
    const lines = prose(page)
      .split('\n')
      .filter((line) => line.length > MAX_COLUMNS && !line.startsWith('|'));
    return lines.map((line) => `${page}: ${line.slice(0, 40)}`);
  });
  expect(wide).toEqual([]);
});
