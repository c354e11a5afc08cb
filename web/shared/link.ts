/**
 * A run as the part of an address behind `#`: `v1.` + the run as JSON in base64url + `.` + its checksum.
 * Whoever opens the address sees the same run.
 *
 * A link that was cut off or altered on its way is told from one of another version, and from one that
 * somebody wrote by hand: each has its own sentence. `decodeLink` throws RunError and nothing else.
 */
import { checkRun, RunError } from './check-run';
import { Run, RUN_VERSION } from './run';

const MAX_LINK_LENGTH = 1_000_000;

/** FNV-1a, as eight hexadecimal digits: finds accidents, not intent. */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
}

function toBase64Url(text: string): string {
  let binary = '';
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function fromBase64Url(text: string): string {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = Uint8Array.from(binary, (one) => one.charCodeAt(0));
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

/** Without the `#`. */
export function encodeLink(run: Run): string {
  const body = toBase64Url(JSON.stringify(run));
  return `v${RUN_VERSION}.${body}.${checksum(body)}`;
}

/** With or without the `#`. Throws RunError. */
export function decodeLink(link: string): Run {
  const text = link.trim().replace(/^#/, '');
  if (text.length > MAX_LINK_LENGTH) throw new RunError('The link is longer than any link of the lab.');
  const [head, body, sum, ...more] = text.split('.');
  if (!/^v\d{1,9}$/.test(head!))
    throw new RunError('This is not a link of the lab: it does not begin with a version.');
  if (head !== `v${RUN_VERSION}`) {
    throw new RunError(`The link is of version ${head!.slice(1)}; this page knows version ${RUN_VERSION}.`);
  }
  if (!body || sum === undefined || sum.length < 8)
    throw new RunError('The link is cut off: its end is missing.');
  if (more.length > 0 || checksum(body) !== sum) {
    throw new RunError('The link was altered on its way: its checksum does not match. Copy it once more.');
  }
  let run: unknown;
  try {
    run = JSON.parse(fromBase64Url(body));
  } catch {
    throw new RunError('The link is forged: what it holds cannot be read.');
  }
  return checkRun(run);
}
