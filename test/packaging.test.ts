/** What leaves the repository: the image and the package. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { listenersOf, parseBrokerConfig } from '../src/broker/broker-config';
import { parseProperties } from '../src/common/config-def';

const ROOT = path.join(__dirname, '../..');
const read = (file: string) => fs.readFileSync(path.join(ROOT, file), 'utf8');

test('the image does not run as root', () => {
  const [, last = ''] = /(?:^|\n)FROM [^\n]*\n((?:(?!\nFROM )[^])*)$/.exec(read('Dockerfile'))!;
  const users = [...last.matchAll(/^USER (\S+)$/gm)].map(([, user]) => user);
  expect(users).toEqual(['10001:10001']);
  expect(last.indexOf('USER')).toBeGreaterThan(last.lastIndexOf('RUN'));
});

test('the package is not published by mistake', () => {
  expect(JSON.parse(read('package.json')).private).toBe(true);
});

test('who reaches the published ports of the containers is served as a client alone', () => {
  const advertised = 'INTERNAL://broker1:9092,EXTERNAL://127.0.0.1:19091';
  const settings = {
    ...parseProperties(read('config/compose.properties')),
    'advertised.listeners': advertised,
  };
  const listeners = listenersOf(parseBrokerConfig(settings));
  expect(listeners).toMatchObject({ controlOnly: 'INTERNAL', replicationOnly: 'INTERNAL' });
  const ports = [...read('docker-compose.yml').matchAll(/127\.0\.0\.1:1909\d:(\d+)/g)];
  const published = ports.map(([, port]) => Number(port));
  const external = listeners.bound.filter(({ listener }) => listener === 'EXTERNAL');
  expect(new Set(published)).toEqual(new Set(external.map(({ port }) => port)));
});
