/**
 * Requests in which several fields, and some of the bytes, are changed at random.
 */
import { allApis } from '../../protocol/apis';
import { Attack } from '../ground';
import { randomRequest } from '../hostile-requests';
import { sendAll } from '../lane';

const input = (seed: string, number: number) => randomRequest(allApis, `${seed}/random-mutations`, number);

export const randomMutations: Attack = {
  name: 'random-mutations',
  sends: 'requests with one to four fields replaced and bytes turned, removed, doubled',
  expected: 'an error, or the end of that connection',
  input,
  run: (ground) => sendAll(ground, { name: 'random-mutations', input, lanes: 16 }),
};
