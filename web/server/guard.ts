/**
 * Who may speak to the lab's server. It can kill processes, and every page that is open in a browser of this
 * machine can send requests to it. So a request must be made under the name of this machine (a rebound DNS
 * name is not it), must not come from a page of another site, and, for events and actions, must bring the
 * token that only the terminal has shown.
 *
 * Decides only; no request is answered here.
 */
import * as crypto from 'node:crypto';
import { IncomingHttpHeaders } from 'node:http';
import { TOKEN_HEADER } from '../shared/live-protocol';

/** 24 bytes from the system, as text for an address. */
export const newToken = (): string => crypto.randomBytes(24).toString('base64url');

export function isOwnHost(headers: IncomingHttpHeaders, port: number): boolean {
  return [`127.0.0.1:${port}`, `localhost:${port}`].includes(headers.host ?? '');
}

/** Browsers say where a request comes from; programs say nothing. */
function isOwnOrigin(headers: IncomingHttpHeaders): boolean {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  if (origin !== undefined && origin !== `http://${host}`) return false;
  return site === undefined || site === 'same-origin' || site === 'none';
}

/** Compares hashes, so that neither content nor length of the token shows in how long it takes. */
function isToken(given: unknown, token: string): boolean {
  if (typeof given !== 'string') return false;
  const hash = (text: string) => crypto.createHash('sha256').update(text).digest();
  return crypto.timingSafeEqual(hash(given), hash(token));
}

/** Why the request gets nothing; undefined: it may pass. */
export function refusalOf(headers: IncomingHttpHeaders, port: number, token: string): string | undefined {
  if (!isOwnHost(headers, port)) return 'The lab is served under the name of this machine only.';
  if (!isOwnOrigin(headers)) return 'Pages of other sites have no part in the lab.';
  if (!isToken(headers[TOKEN_HEADER], token)) {
    return 'The token is missing or wrong: open the address that the lab printed.';
  }
  return undefined;
}
