/**
 * Bytes that are no requests, with correct or wrong length prefixes.
 */
import { Attack } from '../ground';
import { randomFrame } from '../hostile-requests';
import { sendAll } from '../lane';

const input = (seed: string, number: number) => randomFrame(`${seed}/random-frames`, number);

export const randomFrames: Attack = {
  name: 'random-frames',
  sends: 'frames of random bytes, and lengths that do not fit them',
  expected: 'the end of that connection',
  input,
  run: (ground) => sendAll(ground, { name: 'random-frames', input, lanes: 16, patienceMs: 300 }),
};
