/** The head of the page: what it is, which lesson, which profile, and what concerns the page itself. */
import texts from 'lab:texts';
import { useState } from 'preact/hooks';
import { LESSONS, lessonNamed } from '../lessons/all-lessons';
import { useStore } from './store-context';

function Share() {
  const [isCopied, setCopied] = useState(false);
  const copy = () => {
    navigator.clipboard.writeText(location.href).then(
      () => setCopied(true),
      () => setCopied(false),
    );
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <button type="button" title="copy the link: whoever opens it sees this run" onClick={copy}>
      {isCopied ? 'copied ✓' : 'share link'}
    </button>
  );
}

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

export function Top({ showKeys }: { showKeys: () => void }) {
  const store = useStore();
  const run = store.run.value;
  const lesson = lessonNamed(run.lesson);
  const text = lesson && texts.lessons[lesson.name];
  return (
    <header class="top">
      <h1>Samsa lab</h1>
      <label class="chooser">
        <select
          value={run.lesson ?? ''}
          title="lesson"
          onChange={(event) => store.begin(lessonNamed(event.currentTarget.value))}
        >
          <option value="">free play</option>
          {LESSONS.map(({ name, short }) => (
            <option key={name} value={name}>
              Lesson: {short}
            </option>
          ))}
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
        onClick={() => store.begin(lesson)}
      >
        start over
      </button>
      <Share />
      <ThemeButton />
      <button type="button" title="all keys (?)" onClick={showKeys}>
        ?
      </button>
    </header>
  );
}
