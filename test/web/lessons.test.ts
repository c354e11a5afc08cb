/** Each lesson is played by its own buttons in the virtual cluster: every step is seen, its truth holds. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { VirtualCluster } from '../../web/engine/virtual-cluster';
import { LESSONS, lessonNamed } from '../../web/page/lessons/all-lessons';
import { LESSON_NAMES } from '../../web/page/lessons/names';
import {
  comparedRun,
  EMPTY_NOTES,
  isBreak,
  isNext,
  isOver,
  LessonScript,
  lessonRun,
  Notes,
  notesAfter,
} from '../../web/page/lessons/script';
import { parseLesson } from '../../web/page/model/lesson-text';
import { checkRun } from '../../web/shared/check-run';
import { LabEvent } from '../../web/shared/events';
import { foldAll } from '../../web/shared/fold';
import { EMPTY_STATE, State } from '../../web/shared/state';

/** A user looks again after so many virtual ms. */
const LOOK_MS = 250;
const PATIENCE_MS = 60_000;

class Played {
  readonly cluster: VirtualCluster;
  readonly events: LabEvent[] = [];
  state: State = EMPTY_STATE;
  notes: Notes = EMPTY_NOTES;

  constructor(readonly lesson: LessonScript) {
    this.cluster = new VirtualCluster(checkRun(lessonRun(lesson)));
  }

  private hear(): void {
    const events = this.cluster.drain();
    this.events.push(...events);
    this.state = foldAll(this.state, events, this.cluster.nowMs);
    this.notes = notesAfter(this.lesson, this.notes, events);
  }

  async begin(): Promise<void> {
    const { cluster, lesson } = this;
    const isThere = () => lesson.startMs === undefined && cluster.isReady;
    await cluster.advance(lesson.startMs ?? PATIENCE_MS, isThere);
    this.hear();
  }

  async wait(ms: number): Promise<void> {
    await this.cluster.advance(this.cluster.nowMs + ms);
    this.hear();
  }

  private async until(isDone: () => boolean, what: string): Promise<void> {
    const endMs = this.cluster.nowMs + PATIENCE_MS;
    while (!isDone()) {
      if (this.cluster.nowMs > endMs) throw new Error(`${this.lesson.name}: ${what} did not come`);
      await this.wait(LOOK_MS);
    }
  }

  /** Presses each button when it is its turn, and waits for each sight. */
  async play(): Promise<void> {
    for (const step of this.lesson.steps) {
      if (isBreak(step)) {
        const actions = () => (isNext(this.lesson, step, this.notes) ? step.actions(this.state) : undefined);
        await this.until(() => actions() !== undefined, `the turn of "${step.name}"`);
        for (const action of actions()!) await this.cluster.command(action);
        this.hear();
      }
      await this.until(() => step.name in this.notes, `"${step.name}"`);
    }
  }

  get truths(): Record<string, string> {
    return Object.fromEntries(this.lesson.predictions.map(({ id, truth }) => [id, truth(this)]));
  }
}

const TRUTHS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'journey': { ack: 'when all in sync have it', read: 'when all in sync have it' },
  'failover': { lost: 'none', duplicated: 'none' },
  'acks': { all: 'none', one: 'some' },
  'controller-race': { winner: expect.stringMatching(/broker [12]/), epoch: 'one higher', leader: 'stays' },
  'zombie-controller': { moves: 'no', epoch: 'the next one', lost: 'none' },
  'unclean': { off: 'nobody', on: 'what the stale one never had' },
  'isr-shrink': { 'two': 'acknowledged', 'one': 'refused', 'acks-1': 'acknowledged' },
  'truncation': { own: 'goes', to: 'where the next epoch began' },
  'truncation-before': { lost: 'some', check: 'is broken' },
  'controlled-shutdown': { errors: 'none', gap: 'under two seconds', lost: 'none' },
  'zookeeper-gone': { writes: 'go on', election: 'when ZooKeeper is back', lost: 'none' },
  'idempotence': { p1: 'none', p2: 'some' },
  'groups': { leave: 'about a heartbeat, 2 s', silent: 'its session timeout, 6 s', lost: 'none' },
  'exactly-once-in-effect': { before: 'some never', after: 'some twice' },
  'old-vs-new': { old: 'one each', new: 'one', sooner: 'the old one' },
  'retention': { start: 'a segment', reader: 'the new start', next: 'goes on' },
  'compaction': { left: 'a few more than one for each key', offsets: 'as they were' },
};

test.each(Object.keys(TRUTHS))('the lesson %s comes to its end by its own buttons', async (name) => {
  const played = new Played(lessonNamed(name)!);
  await played.begin();
  const { steps, predictions } = played.lesson;
  expect(steps.filter(({ name: step }) => step in played.notes)).toEqual([]);
  expect(steps[0]!.kind).toBe('break');
  expect(isOver(played.lesson, played.notes)).toBe(false);
  await played.play();
  expect(isOver(played.lesson, played.notes)).toBe(true);
  expect(played.events.filter(({ what }) => what === 'refused' || what === 'command-failed')).toEqual([]);
  expect(played.truths).toEqual(TRUTHS[name]);
  for (const { id, choices } of predictions) expect(choices).toContain(played.truths[id]);
  const broken = Object.values(played.state.checks).filter(({ isGood }) => !isGood);
  expect(broken.map(({ check }) => check)).toEqual(name === 'truncation-before' ? ['acked-kept'] : []);
  // What was told in portions is noted as what is told at once.
  expect(notesAfter(played.lesson, EMPTY_NOTES, played.events)).toEqual(played.notes);
});

test('the same faults as in the lesson truncation-before lose nothing with the switch off', async () => {
  const played = new Played(lessonNamed('truncation-before')!);
  await played.begin();
  await played.play();
  const { run, nowMs } = played.cluster;
  expect(run.actions.length).toBeGreaterThan(lessonRun(played.lesson).actions.length);
  const compared = new VirtualCluster(checkRun(comparedRun(played.lesson, run)));
  await compared.advance(nowMs + 5000);
  const state = foldAll(EMPTY_STATE, compared.drain());
  expect(state.replicas['3/t-0']).toMatchObject({ role: 'leader' });
  expect(state.verdict).toMatchObject({ lost: 0 });
  expect(state.verdict!.acked).toBeGreaterThan(0);
  expect(Object.values(state.checks).every(({ isGood }) => isGood)).toBe(true);
});

test('every lesson is played, and stands in the order of its names', () => {
  expect(LESSONS.map(({ name }) => name)).toEqual(LESSON_NAMES);
  expect(Object.keys(TRUTHS)).toEqual([...LESSON_NAMES]);
});

test.each(LESSON_NAMES)('the page of the lesson %s asks, and names the classes of Kafka', (name) => {
  const file = path.join(__dirname, '../../..', `docs/lessons/${name}.md`);
  const { question, sections } = parseLesson(fs.readFileSync(file, 'utf8'));
  expect(question.map(({ text }) => text).join('')).toContain('?');
  const kafka = sections.find(({ heading }) => heading === 'In Kafka');
  const named = kafka?.paragraphs.flat().filter(({ kind }) => kind === 'code') ?? [];
  expect(named.length).toBeGreaterThan(0);
});

test('steps of a lesson have names of their own, and wait for steps that stand before them', () => {
  for (const { steps } of LESSONS) {
    const names = steps.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const [i, { after = [] }] of steps.entries())
      for (const name of after) expect(names.slice(0, i)).toContain(name);
  }
});

test('a lesson that is not begun notes nothing, whatever else is done', async () => {
  const played = new Played(lessonNamed('acks')!);
  await played.begin();
  await played.cluster.command({ what: 'stop-consumer', consumer: 'c1' });
  await played.cluster.advance(played.cluster.nowMs + 2000);
  const notes = notesAfter(played.lesson, played.notes, played.cluster.drain());
  expect(played.lesson.steps.some(({ name }) => name in notes)).toBe(false);
});
