/**
 * A headless Chromium for tests: Debian's package, or the one that SAMSA_CHROMIUM names. Where there is none,
 * a test says so and what to install.
 */
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as path from 'node:path';
import { AddressInfo } from 'node:net';
import { Browser, chromium } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export function chromiumPath(): string | undefined {
  return [process.env.SAMSA_CHROMIUM ?? '', ...PLACES].find((place) => place !== '' && fs.existsSync(place));
}

/** Undefined, with a warning, where there is no Chromium. */
export async function launchChromium(): Promise<Browser | undefined> {
  const executablePath = chromiumPath();
  if (executablePath !== undefined)
    return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  console.warn(
    'No Chromium here, so this is not tested: apt-get install chromium, or name one in SAMSA_CHROMIUM.',
  );
  return undefined;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
};

export interface StaticServer {
  readonly url: string;
  /** Paths that were asked for. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** Serves a folder on a port of its own; `/blank` is an empty page. */
export async function serve(directory: string): Promise<StaticServer> {
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    const name = new URL(request.url ?? '/', 'http://localhost').pathname;
    asked.push(name);
    const file = path.join(directory, path.basename(name === '/' ? 'index.html' : name));
    const exists = fs.existsSync(file);
    response.writeHead(exists || name === '/blank' ? 200 : 404, {
      'content-type': TYPES[path.extname(file)] ?? 'text/html',
    });
    response.end(exists ? fs.readFileSync(file) : '<!doctype html><title>blank</title>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return { url: `http://127.0.0.1:${port}`, asked, close };
}
