/** The timeline of a story's run, read for a replay. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { LIVE_LIMITS } from '../shared/live-protocol';
import { Replay } from './lab-server';

/** Throws an Error that explains. What is in the file the page judges. */
export function readReplay(file: string): Replay {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (!stat) throw new Error(`there is no file ${file}`);
  if (!stat.isFile()) throw new Error(`${file} is not a file; name the timeline.ndjson of a run`);
  if (stat.size > LIVE_LIMITS.replayBytes)
    throw new Error(
      `${file} has ${stat.size} bytes; a timeline to replay has at most ${LIVE_LIMITS.replayBytes}`,
    );
  const name = path.join(path.basename(path.dirname(path.resolve(file))), path.basename(file));
  return { name, text: fs.readFileSync(file, 'utf8'), verdict: verdictBeside(file) };
}

/** Undefined: there is none, or it cannot be read; a replay does without. */
function verdictBeside(file: string): unknown {
  try {
    return JSON.parse(fs.readFileSync(path.join(path.dirname(file), 'verdict.json'), 'utf8'));
  } catch {
    return undefined;
  }
}
