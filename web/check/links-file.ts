/**
 * A file of links: one a line, the name of whoever hands it in before it, in whatever form they were
 * collected (a bare link, a whole address, a line of a spreadsheet).
 */
export interface HandedIn {
  /** Of the file, from 1. */
  readonly line: number;
  readonly name: string;
  /** As it was handed in. */
  readonly address: string;
  /** What stands behind `#`. */
  readonly link: string;
}

const isLink = (word: string): boolean => word.includes('#') || /^v\d+\./.test(word);

/** Of what stands before the link: the separators of a list and a spreadsheet's quotes are no part of it. */
const nameIn = (text: string): string =>
  text
    .replaceAll('"', ' ')
    .replace(/[\s,;:|<]+$/, '')
    .replace(/^[\s,;:|]+/, '')
    .replace(/\s+/g, ' ');

function handedIn(text: string, line: number): HandedIn {
  const words = [...text.matchAll(/[^\s,;"<>|]+/g)];
  const found = words.findLast(([word]) => isLink(word)) ?? words.at(-1);
  if (!found) return { line, name: '', address: text, link: text };
  const [address] = found;
  const name = words.length > 1 ? nameIn(text.slice(0, found.index)) : '';
  return { line, name, address, link: address.slice(address.indexOf('#') + 1) };
}

/** Lines that hold nothing are left out. */
export function linksIn(text: string): HandedIn[] {
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/);
  return lines.flatMap((one, i) => (one.trim() === '' ? [] : [handedIn(one.trim(), i + 1)]));
}
