/**
 * Starts the page: a worker with the virtual cluster, the run that the address bar names, a frame for each
 * frame.
 */
import { render } from 'preact';
import { decodeLink, encodeLink } from '../shared/link';
import { Run } from '../shared/run';
import { FIRST_RUN } from './first-run';
import { workerSource } from './source';
import { Store } from './store';
import { Page } from './views/page';
import { StoreContext } from './views/store-context';

function chosenTheme(): string {
  try {
    const kept = localStorage.getItem('theme');
    if (kept === 'dark' || kept === 'light') return kept;
  } catch {
    /* a page without storage keeps nothing */
  }
  return matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
}

/** The run of the address bar; a bad link says why, and the page goes on with the default. */
function runOfAddress(complain: (why: string) => void): Run {
  if (location.hash.length < 2) return FIRST_RUN;
  try {
    return decodeLink(location.hash);
  } catch (error) {
    complain(`${error instanceof Error ? error.message : String(error)} A new run was started instead.`);
    return FIRST_RUN;
  }
}

document.documentElement.dataset.theme = chosenTheme();
let ownLink = '';
const store = new Store(workerSource('worker.js'), (run) => {
  ownLink = `#${encodeLink(run)}`;
  if (location.hash !== ownLink) history.replaceState(null, '', ownLink);
});

function open(): void {
  let problem: string | undefined;
  const run = runOfAddress((why) => {
    problem = why;
  });
  store.load(run);
  if (problem !== undefined) store.failure.value = problem;
}

window.addEventListener('hashchange', () => {
  if (location.hash !== ownLink) open();
});
render(
  <StoreContext.Provider value={store}>
    <Page />
  </StoreContext.Provider>,
  document.getElementById('page')!,
);
const frame = (realMs: number) => {
  store.frame(realMs);
  requestAnimationFrame(frame);
};
requestAnimationFrame(frame);
open();
