/** Work that nobody waits for, and timers: a mistake in them is told, and costs nothing else. */
import { guarded, inBackground } from '../../src/common/background';
import { InvariantError } from '../../src/common/errors';

function logged() {
  const lines: string[] = [];
  return {
    lines,
    log: {
      error: (line: string) => {
        lines.push(line);
      },
    },
  };
}

test('a rejection is logged with its stack', async () => {
  const { lines, log } = logged();
  inBackground(log, 'Sending', Promise.reject(new TypeError('no function')));
  inBackground(log, 'Sending', Promise.resolve());
  inBackground(log, 'Sending', undefined);
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^Sending failed: TypeError: no function\n +at /);
});

test('a timer that fails is logged with its stack; a broken invariant goes through', () => {
  const { lines, log } = logged();
  guarded(log, 'A timer', () => {
    throw new RangeError('too far');
  })();
  guarded(log, 'A timer', () => {})();
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^A timer failed: RangeError: too far\n +at /);
  const broken = guarded(log, 'A timer', () => {
    throw new InvariantError('broken');
  });
  expect(broken).toThrow('broken');
});
