/**
 * Every hostile value in every field of every API, one input after the other; then from the start again.
 */
import { allApis } from '../../protocol/apis';
import { Attack } from '../ground';
import { Sweep } from '../hostile-requests';
import { sendAll } from '../lane';

const sweep = new Sweep(allApis, true);
const input = (_seed: string, number: number) => sweep.request(number);

export const everyField: Attack = {
  name: 'every-field',
  sends:
    'each API with each field in turn of another type, at an edge of its range, huge, deep, repeated, cut',
  expected: 'an error, or the end of that connection',
  input,
  run: (ground) => sendAll(ground, { name: 'every-field', input, lanes: 16 }),
};
