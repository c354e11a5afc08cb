/** The head of the page: what it is, which lesson, which profile, and what concerns the page itself. */
import texts from 'lab:texts';
import { useMemo, useState } from 'preact/hooks';
import { EXERCISES, exerciseNamed } from '../exercises/all-exercises';
import { LESSONS, lessonNamed } from '../lessons/all-lessons';
import { passedExercises } from '../passed';
import { ShareButton } from './share-button';
import { OpenTimeline, SourceTitle, StartPrograms } from './source-parts';
import { useStore } from './store-context';

/** Before the name of an exercise, so that it is no lesson's. */
const EXERCISE = 'exercise:';

function ThemeButton() {
  const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? 'dark');
  const change = () => {
    const next = theme === 'dark' ? 'light' : 'dark';
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem('theme', next);
    } catch {
      /* a page without storage keeps nothing */
    }
    setTheme(next);
  };
  return (
    <button type="button" title="dark or light (key D)" data-theme-button onClick={change}>
      {theme === 'dark' ? '☀' : '☾'}
    </button>
  );
}

/** Lesson and run of the virtual cluster. */
function VirtualRun() {
  const store = useStore();
  const run = store.run.value;
  const lesson = lessonNamed(run.lesson);
  const text = lesson && texts.lessons[lesson.name];
  const exercise = exerciseNamed(run.exercise);
  const hasPassed = store.judged.value.passedMs !== null;
  const before = useMemo(passedExercises, [run.exercise]);
  const passed = hasPassed && run.exercise !== null ? [...before, run.exercise] : before;
  const begin = (value: string) => {
    const chosen = value.startsWith(EXERCISE) ? exerciseNamed(value.slice(EXERCISE.length)) : undefined;
    if (chosen) store.beginExercise(chosen);
    else store.begin(lessonNamed(value));
  };
  return (
    <>
      <label class="chooser">
        <select
          value={exercise ? `${EXERCISE}${exercise.name}` : (run.lesson ?? '')}
          title="lesson or exercise"
          onChange={(event) => begin(event.currentTarget.value)}
        >
          <option value="">free play</option>
          <optgroup label="Lessons">
            {LESSONS.map(({ name, short }) => (
              <option key={name} value={name}>
                Lesson: {short}
              </option>
            ))}
          </optgroup>
          <optgroup label="Exercises">
            {EXERCISES.map(({ name, title }) => (
              <option key={name} value={`${EXERCISE}${name}`}>
                Exercise: {title} {passed.includes(name) ? '✓' : ''}
              </option>
            ))}
          </optgroup>
        </select>
      </label>
      <span class="title">{text?.title ?? ''}</span>
      <span class="run dim" title="Everything that decides this run is in the link.">
        {`seed ${run.seed} · ${run.brokers} brokers · profile ${run.profile}`}
      </span>
      <button
        type="button"
        class={store.form.value ? 'on' : ''}
        data-new
        title="clients, topics, settings, records, another run (key N)"
        onClick={() => store.openForm(store.form.value ? null : 'producer')}
      >
        + new …
      </button>
      <button
        type="button"
        title="the same run from its beginning, without faults"
        onClick={() => (exercise ? store.beginExercise(exercise) : store.begin(lesson))}
      >
        start over
      </button>
      <ShareButton />
    </>
  );
}

export function Top({ showKeys }: { showKeys: () => void }) {
  const isVirtual = useStore().source.value.kind === 'virtual';
  return (
    <header class="top">
      <h1>Samsa lab</h1>
      {isVirtual ? <VirtualRun /> : <SourceTitle />}
      <StartPrograms />
      <OpenTimeline />
      <ThemeButton />
      <button type="button" title="all keys (?)" onClick={showKeys}>
        ?
      </button>
    </header>
  );
}
