/**
 * A page of docs/lessons as the lab shows it: the question, the paragraphs by their headings, and the
 * places in the source that it names. The page is the text's one home; nothing of it is written again here.
 */
export interface Inline {
  readonly kind: 'text' | 'code' | 'term' | 'link';
  readonly text: string;
  /** The glossary's anchor, or the address of another page. */
  readonly to?: string;
}

export interface SourcePlace {
  readonly file: string;
  readonly symbol: string;
}

export interface LessonText {
  readonly name: string;
  readonly title: string;
  /** What the lab asks: the paragraph `In the lab`, where it is another run than the story's. */
  readonly question: readonly Inline[];
  /** `What happens`, `Why nothing is lost`, `History`, in the order of the page. */
  readonly sections: readonly {
    readonly heading: string;
    readonly paragraphs: readonly (readonly Inline[])[];
  }[];
  readonly places: readonly SourcePlace[];
}

const INLINE = /`([^`]+)`|\[([^\]]+)\]\(([^)]+)\)/g;

export function inlines(text: string): Inline[] {
  const found: Inline[] = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > end) found.push({ kind: 'text', text: text.slice(end, match.index) });
    end = match.index + match[0].length;
    const [, code, label, to] = match;
    if (code !== undefined) found.push({ kind: 'code', text: code });
    else if (to!.includes('glossary.md#')) found.push({ kind: 'term', text: label!, to: to!.split('#')[1]! });
    else found.push({ kind: 'link', text: label!, to: to! });
  }
  if (end < text.length) found.push({ kind: 'text', text: text.slice(end) });
  return found;
}

function placesIn(text: string): SourcePlace[] {
  return [...text.matchAll(/`(src\/[^`#]+)#([^`]+)`/g)].map(([, file, symbol]) => ({
    file: file!,
    symbol: symbol!,
  }));
}

export function parseLesson(markdown: string): LessonText {
  const blocks = markdown.split(/\n\s*\n/).map((block) => block.replace(/\s*\n\s*/g, ' ').trim());
  const [, name = '', title = ''] = /^# ([^:]+): (.*)$/.exec(blocks[0] ?? '') ?? [];
  const lesson = {
    question: [] as Inline[],
    sections: [] as { heading: string; paragraphs: Inline[][] }[],
  };
  let places: SourcePlace[] = [];
  for (const block of blocks.slice(1)) {
    if (block.startsWith('Run it:')) continue;
    const [, heading, rest] = /^\*\*(.+?)\.\*\*\s*(.*)$/.exec(block) ?? [];
    if (heading === 'In the lab') lesson.question = inlines(rest!);
    else if (heading === 'Predict' && lesson.question.length === 0) lesson.question = inlines(rest!);
    else if (heading === 'In the source') places = placesIn(rest!);
    else if (heading !== undefined) lesson.sections.push({ heading, paragraphs: [inlines(rest!)] });
    else if (block !== '') lesson.sections.at(-1)?.paragraphs.push(inlines(block));
  }
  return { name, title, ...lesson, places };
}

export interface SourceLines extends SourcePlace {
  readonly line: number;
  readonly text: string;
}

const MAX_SOURCE_LINES = 44;

/**
 * The declaration of a symbol with the comment above it, up to its closing line. Undefined if it is not
 * there.
 */
export function declarationIn(source: string, place: SourcePlace): SourceLines | undefined {
  const lines = source.split('\n');
  const declares = new RegExp(
    `^\\s*(export |private |protected |public |static |async |readonly |get )*` +
      `(function\\*? |class |const |interface |type )?${place.symbol}\\b\\s*(<.*>)?\\s*[(=:{]`,
  );
  const calls = /^\s*(return|await|this\.|if|for|case)\b/;
  let at = lines.findIndex(
    (line) => declares.test(line) && !calls.test(line) && !line.trimEnd().endsWith(');'),
  );
  if (at < 0) at = lines.findIndex((line) => line.includes(place.symbol));
  if (at < 0) return undefined;
  const indent = /^\s*/.exec(lines[at]!)![0];
  let first = at;
  if (/^\s*(\*\/|\/\*\*.*\*\/|\/\/)/.test(lines[at - 1] ?? '')) {
    first--;
    while (first > 0 && !/^\s*(\/\*\*|\/\/)/.test(lines[first]!)) first--;
  }
  let last = at;
  const closes = (line: string) => new RegExp(`^${indent}[})\\]]`).test(line);
  if (/[{([]\s*$/.test(lines[at]!)) {
    do last++;
    while (last < lines.length - 1 && !(closes(lines[last]!) && !/[{(]\s*$/.test(lines[last]!)));
  }
  const shown = lines.slice(first, Math.min(last + 1, first + MAX_SOURCE_LINES));
  return {
    ...place,
    line: at + 1,
    text: shown.map((line) => line.replace(new RegExp(`^${indent}`), '')).join('\n'),
  };
}

/** First sentences of the glossary's entries, by anchor. */
export function parseGlossary(markdown: string): Record<string, { term: string; text: string }> {
  const terms: Record<string, { term: string; text: string }> = {};
  for (const entry of markdown.split(/\n### /).slice(1)) {
    const [term = '', , ...rest] = entry.split('\n');
    const paragraph = rest
      .join('\n')
      .split(/\n\s*\n/)[0]!
      .replace(/\s*\n\s*/g, ' ');
    const plain = paragraph.replace(/\[([^\]]+)\]\([^)]+\)/g, '$1').replaceAll('`', '');
    terms[
      term
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-')
    ] = { term, text: plain };
  }
  return terms;
}
