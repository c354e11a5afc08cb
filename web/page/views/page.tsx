/** The whole page: four regions and what floats above them. */
import { useEffect, useState } from 'preact/hooks';
import { isTyping, KEYS, pressed } from '../keys';
import { ClusterView } from './cluster-view';
import { Controls } from './controls';
import { DetailsPanel } from './details';
import { EventList } from './event-list';
import { ExercisePanel } from './exercise-panel';
import { FaultMenu } from './fault-buttons';
import { FormsPanel } from './forms-panel';
import { LessonPanel } from './lesson-panel';
import { Connection, DropZone } from './source-parts';
import { useStore } from './store-context';
import { Timeline } from './timeline';
import { Top } from './top';
import { TreePanel } from './tree-panel';
import { Verdict } from './verdict';

function Keys({ close }: { close: () => void }) {
  return (
    <section class="keys panel" aria-label="keys">
      <h2>
        Keys{' '}
        <button type="button" class="small" onClick={close}>
          ✕
        </button>
      </h2>
      <dl class="facts">
        {KEYS.map(([keys, does]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Failure() {
  const store = useStore();
  const why = store.failure.value;
  if (why === null) return null;
  return (
    <div class="failure" role="alert">
      <b>✗</b> {why}
      <button
        type="button"
        class="small"
        onClick={() => {
          store.failure.value = null;
        }}
      >
        close
      </button>
    </div>
  );
}

export function Page() {
  const store = useStore();
  const [hasKeys, setHasKeys] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isPlain = !isTyping(event) && !event.ctrlKey && !event.metaKey && !event.altKey;
      if (event.key === 'Escape') setHasKeys(false);
      if (isPlain && event.key === '?') setHasKeys((shown) => !shown);
      else if (isPlain && (event.key === 'd' || event.key === 'D'))
        document.querySelector<HTMLElement>('[data-theme-button]')?.click();
      else if (!pressed(store, event)) return;
      event.preventDefault();
    };
    const onClick = ({ target }: Event) => {
      if (!(target instanceof Element && target.closest('.menu'))) store.menuAt.value = null;
    };
    window.addEventListener('keydown', onKey);
    window.addEventListener('click', onClick);
    return () => {
      window.removeEventListener('keydown', onKey);
      window.removeEventListener('click', onClick);
    };
  }, []);
  return (
    <div class={`page ${(store.run.value.lesson ?? store.run.value.exercise) ? 'with-lesson' : ''}`}>
      <Top showKeys={() => setHasKeys(!hasKeys)} />
      <TreePanel />
      <ClusterView />
      <div class="beside">
        <LessonPanel />
        <ExercisePanel />
        {hasKeys && <Keys close={() => setHasKeys(false)} />}
        <FormsPanel />
        <DetailsPanel />
        <EventList />
      </div>
      <footer class="time panel">
        <Timeline />
        <Controls />
      </footer>
      <Verdict />
      <FaultMenu />
      <Failure />
      <Connection />
      <DropZone />
    </div>
  );
}
