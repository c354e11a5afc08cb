/** What is read of a process and its log while it is attacked. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { LogFollower, resourcesOf } from '../../src/lab/process-resources';

const patterns = { forged: 'FORGED', surprise: /TypeError/ };

test('lines are counted as they are added, and a line in the making once', () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-log-'));
  try {
    const file = path.join(directory, 'server.log');
    const follower = new LogFollower(file, patterns);
    expect(follower.read()).toMatchObject({ lines: 0, forged: 0, surprises: 0 });
    fs.writeFileSync(file, 'one\nFORGED two\nthree says FORGED, which ');
    expect(follower.read()).toMatchObject({ lines: 2, forged: 1 });
    fs.appendFileSync(file, 'is fine\n[Broker] TypeError: x\n');
    expect(follower.read()).toMatchObject({
      lines: 4,
      forged: 1,
      surprises: 1,
      lastSurprise: '[Broker] TypeError: x',
    });
    expect(follower.read().lines).toBe(4);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
});

test('a process that is gone holds nothing, and where there is no telling nobody is blamed', () => {
  expect(resourcesOf(undefined)).toBeUndefined();
  expect(resourcesOf(process.pid)).toMatchObject({
    residentBytes: expect.any(Number),
    descriptors: expect.any(Number),
  });
});
