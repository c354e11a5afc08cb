/**
 * Serves the lab's page on 127.0.0.1: the files of one folder by their names, nothing else.
 *
 * Node's own server, without a framework: there are four files and no routes. A request under another host's
 * name is refused, so that a page that had its name resolved to this machine reads nothing. The page may ask
 * nothing of anybody but this server; the browser holds it to that (Content-Security-Policy).
 */
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as path from 'node:path';
import { AddressInfo } from 'node:net';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

const HEADERS = {
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
  readonly url: string;
  close(): Promise<void>;
}

function answer(
  directory: string,
  port: number,
  request: http.IncomingMessage,
): { status: number; file?: string } {
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  if (!hosts.includes(request.headers.host ?? '')) return { status: 421 };
  if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405 };
  const name = (request.url ?? '/').replace(/[?#].*/, '').slice(1) || 'index.html';
  // Only names of files in the folder: nothing is joined that could lead out of it.
  return fs.readdirSync(directory).includes(name)
    ? { status: 200, file: path.join(directory, name) }
    : { status: 404 };
}

/** `port` 0: any. Rejects if the port is taken. */
export async function serveFolder(directory: string, port: number): Promise<LabServer> {
  const server = http.createServer((request, response) => {
    const { port: bound } = server.address() as AddressInfo;
    const { status, file } = answer(directory, bound, request);
    const type =
      file === undefined ? 'text/plain' : (TYPES[path.extname(file)] ?? 'application/octet-stream');
    response.writeHead(status, { ...HEADERS, 'content-type': type });
    if (request.method === 'HEAD') response.end();
    else response.end(file === undefined ? `${http.STATUS_CODES[status]}\n` : fs.readFileSync(file));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close };
}
