/** An exercise beside the picture: its task, how far it has come and why no farther, buttons, hints. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { EXERCISES, exerciseNamed } from '../exercises/all-exercises';
import { Exercise, Judged, problemOf, START_MS, whyNot } from '../exercises/script';
import { lessonNamed } from '../lessons/all-lessons';
import { since } from '../model/words';
import { keepPassed } from '../passed';
import { ShareButton } from './share-button';
import { useStore } from './store-context';

function Goals({ exercise, judged }: { exercise: Exercise; judged: Judged }) {
  const next = exercise.goals.find(({ name }) => !(name in judged.done));
  return (
    <ol class="sights goals">
      {exercise.goals.map((goal) => {
        const atMs = judged.done[goal.name];
        const isReached = atMs !== undefined;
        return (
          <li
            key={goal.name}
            class={isReached ? 'seen' : goal === next ? 'next-one' : ''}
            data-goal={goal.name}
          >
            <span class="tick">{isReached ? '✓' : goal === next ? '…' : ''}</span>
            <span>{goal.label}</span>
            <time>{isReached ? since(atMs - START_MS) : ''}</time>
          </li>
        );
      })}
    </ol>
  );
}

function Tools({ exercise }: { exercise: Exercise }) {
  const store = useStore();
  if (!exercise.tools) return null;
  return (
    <div class="buttons tools">
      {exercise.tools.map(({ label, actions }) => (
        <button
          key={label}
          type="button"
          data-tool={label}
          onClick={() => {
            for (const action of actions(store.state.value)) store.act(action);
          }}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

/** One hint after the other, each when it is asked for. */
function Hints({ exercise: { hints } }: { exercise: Exercise }) {
  const [shown, setShown] = useState(0);
  const here = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (shown > 0) here.current?.scrollIntoView({ block: 'nearest' });
  }, [shown]);
  return (
    <div class="hints" ref={here}>
      {hints.slice(0, shown).map((hint) => (
        <p key={hint}>{hint}</p>
      ))}
      {shown < hints.length && (
        <button type="button" class="small" data-hint-button onClick={() => setShown(shown + 1)}>
          {shown === 0 ? 'a hint' : 'another hint'} ({hints.length - shown})
        </button>
      )}
    </div>
  );
}

function State({ exercise, judged, nowMs }: { exercise: Exercise; judged: Judged; nowMs: number }) {
  const store = useStore();
  const problem = problemOf(exercise, store.run.value);
  if (problem !== undefined) {
    return (
      <p class="judgement bad" data-judgement="void">
        <b>Does not count.</b> {problem}{' '}
        <button type="button" class="small" onClick={() => store.beginExercise(exercise)}>
          begin again
        </button>
      </p>
    );
  }
  const why = whyNot(exercise, judged, nowMs);
  const next = EXERCISES[EXERCISES.indexOf(exercise) + 1];
  if (why === null) {
    return (
      <p class="judgement passed" data-judgement="passed">
        <b>✓ Passed.</b> The link holds the run: hand it in. <ShareButton />
        {next && (
          <button type="button" data-next-exercise onClick={() => store.beginExercise(next)}>
            next ▸
          </button>
        )}
      </p>
    );
  }
  return (
    <p class="judgement" data-judgement="open">
      <b>Not yet.</b> {why}
    </p>
  );
}

function Panel({ exercise }: { exercise: Exercise }) {
  const store = useStore();
  const judged = store.judged.value;
  const lesson = lessonNamed(exercise.lesson);
  const hasPassed = judged.passedMs !== null;
  useEffect(() => {
    if (hasPassed) keepPassed(exercise.name);
  }, [hasPassed]);
  return (
    <section
      class={`exercise panel ${hasPassed ? 'is-passed' : ''}`}
      aria-label={`exercise: ${exercise.title}`}
      data-exercise={exercise.name}
    >
      <h2>{exercise.title}</h2>
      <div class="body">
        <p class="task">{exercise.task}</p>
        <State exercise={exercise} judged={judged} nowMs={store.tickMs.value} />
        <Goals exercise={exercise} judged={judged} />
        <Tools exercise={exercise} />
        <Hints exercise={exercise} />
        {lesson && (
          <p class="dim before">
            Before it:{' '}
            <button type="button" class="small" onClick={() => store.begin(lesson)}>
              the lesson on {lesson.short}
            </button>
          </p>
        )}
      </div>
    </section>
  );
}

export function ExercisePanel() {
  const exercise = exerciseNamed(useStore().run.value.exercise);
  return exercise ? <Panel key={exercise.name} exercise={exercise} /> : null;
}
