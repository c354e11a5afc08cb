/** All that the page folds from events: the state, what is told, and how lesson and exercise stand. */
import { LabEvent, MessageSight } from '../../shared/events';
import { foldAll } from '../../shared/fold';
import { Run } from '../../shared/run';
import { EMPTY_STATE, State } from '../../shared/state';
import { exerciseNamed } from '../exercises/all-exercises';
import { Judged, judgedAfter, NOT_JUDGED } from '../exercises/script';
import { lessonNamed } from '../lessons/all-lessons';
import { EMPTY_NOTES, Notes, notesAfter } from '../lessons/script';
import { Chronicle, chronicleAfter, EMPTY_CHRONICLE } from './chronicle';

export interface Picture {
  readonly state: State;
  readonly chronicle: Chronicle;
  readonly notes: Notes;
  readonly judged: Judged;
}

export const EMPTY_PICTURE: Picture = {
  state: EMPTY_STATE,
  chronicle: EMPTY_CHRONICLE,
  notes: EMPTY_NOTES,
  judged: NOT_JUDGED,
};

/** `run` names lesson and exercise. */
export function pictureAfter(
  before: Picture,
  events: readonly LabEvent[],
  nowMs: number,
  run: Pick<Run, 'lesson' | 'exercise'>,
): Picture {
  const lesson = lessonNamed(run.lesson);
  const exercise = exerciseNamed(run.exercise);
  return {
    state: foldAll(before.state, events, nowMs),
    chronicle: chronicleAfter(before.chronicle, events),
    notes: lesson ? notesAfter(lesson, before.notes, events) : EMPTY_NOTES,
    judged: exercise ? judgedAfter(exercise, before.judged, events) : NOT_JUDGED,
  };
}

/** The same moment with the messages that are on their way at it, of which not all were told before. */
export function withMessages(before: Picture, lastSeq: number, messages: readonly MessageSight[]): Picture {
  const onWay = messages.map(
    ({ what: _what, ...said }) => [said.id, { ...said, seenMs: said.sentMs }] as const,
  );
  return { ...before, state: { ...before.state, lastSeq, messages: Object.fromEntries(onWay) } };
}
