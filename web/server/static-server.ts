/**
 * The lab's page: the files of one folder by their names, nothing else. They hold no secrets, so they want no
 * token.
 *
 * A request under another host's name is refused, so that a page that had its name resolved to this machine
 * reads nothing. The page may ask nothing of anybody but this server; the browser holds it to that
 * (Content-Security-Policy).
 */
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as path from 'node:path';
import { isOwnHost } from './guard';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

export const HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "worker-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};

export interface LabServer {
  /** With the token, where there is something to protect. */
  readonly url: string;
  close(): Promise<void>;
}

function answer(
  directory: string,
  port: number,
  request: http.IncomingMessage,
): { status: number; file?: string } {
  if (!isOwnHost(request.headers, port)) return { status: 421 };
  if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405 };
  const name = (request.url ?? '/').replace(/[?#].*/, '').slice(1) || 'index.html';
  // Only names of files in the folder: nothing is joined that could lead out of it.
  const isThere = fs
    .readdirSync(directory, { withFileTypes: true })
    .some((one) => one.isFile() && one.name === name);
  return isThere ? { status: 200, file: path.join(directory, name) } : { status: 404 };
}

/** Answers with a file of the folder, or with why there is none. */
export function serveFile(
  directory: string,
  port: number,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): void {
  const { status, file } = answer(directory, port, request);
  const type = file === undefined ? 'text/plain' : (TYPES[path.extname(file)] ?? 'application/octet-stream');
  response.writeHead(status, { ...HEADERS, 'content-type': type });
  if (request.method === 'HEAD') response.end();
  else response.end(file === undefined ? `${http.STATUS_CODES[status]}\n` : fs.readFileSync(file));
}
