/** The lab's server gives its files to this machine's browser, and nothing to anybody else. */
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as os from 'node:os';
import * as path from 'node:path';
import { startLabServer } from '../../web/server/lab-server';
import { LabServer } from '../../web/server/static-server';

let directory: string;
let server: LabServer;

beforeAll(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-lab-'));
  fs.mkdirSync(path.join(directory, 'inside'));
  fs.writeFileSync(path.join(directory, 'index.html'), '<p>the page');
  fs.writeFileSync(path.join(directory, 'page.js'), 'let x;');
  fs.writeFileSync(path.join(directory, 'inside/secret'), 'secret');
  server = await startLabServer({ directory, port: 0 });
});

afterAll(async () => {
  await server.close();
  fs.rmSync(directory, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** `path` is sent as it is. */
function ask(name: string, options: http.RequestOptions = {}): Promise<Answer> {
  const { port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    http
      .request({ host: '127.0.0.1', port, path: name, ...options }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += String(chunk);
        });
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }));
      })
      .on('error', reject)
      .end();
  });
}

test('the page and its files are served, with a policy that lets it ask nobody else', async () => {
  const page = await ask('/');
  expect(page).toMatchObject({ status: 200, text: '<p>the page' });
  expect(page.headers['content-security-policy']).toContain("connect-src 'self'");
  expect((await ask('/page.js?v=1')).headers['content-type']).toContain('javascript');
  expect(await ask('/', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
});

test('it listens on the loopback address', () => {
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
});

test('nothing outside the folder, and no folder, is served', async () => {
  for (const name of [
    '/../package.json',
    '/%2e%2e/package.json',
    '/inside',
    '/inside/secret',
    '/..',
    '//etc/passwd',
    '/nothing',
  ]) {
    expect((await ask(name)).status).toBe(404);
  }
});

test('another host name, and another method, get nothing', async () => {
  for (const host of ['evil.example', 'evil.example:8650', '127.0.0.1', '127.0.0.1:1']) {
    expect(await ask('/', { headers: { host } })).toMatchObject({
      status: 421,
      text: 'Misdirected Request\n',
    });
  }
  expect((await ask('/', { method: 'POST' })).status).toBe(405);
});
