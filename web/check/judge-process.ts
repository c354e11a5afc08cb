/**
 * A process that judges links, one after the other, as its parent asks. What a run does to it (no end, no
 * memory) happens to it alone: the parent ends it and starts another.
 */
import { messageOf } from '../../src/common/errors';
import { RunError } from '../shared/check-run';
import { judgeLink, Outcome } from './judge-run';

export interface Asked {
  readonly link: string;
}

async function judged({ link }: Asked): Promise<Outcome> {
  try {
    return await judgeLink(link);
  } catch (error) {
    const why = error instanceof RunError ? error.message : `The run has ended: ${messageOf(error)}`;
    return { exercise: '', hasPassed: null, why };
  }
}

/** Nobody listens any more. */
const end = () => process.exit(0);

process.on('disconnect', end);
process.on('message', (asked: Asked) => {
  judged(asked).then((outcome) => process.send?.(outcome), end);
});
