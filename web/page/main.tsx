/**
 * Starts the page: a worker with the virtual cluster and the run that the address bar names, or the tape that
 * it asks for; a frame for each frame.
 */
import { render } from 'preact';
import { decodeLink, encodeLink } from '../shared/link';
import { Run } from '../shared/run';
import { FIRST_RUN } from './first-run';
import { Asked, askedPlace, isPlace } from './place';
import { silentSource, Source, workerSource } from './source';
import { Store } from './store';
import { liveSource, replayOfServer } from './tape-sources';
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
const asked = askedPlace();
let ownLink = location.hash;

function firstSource(): Source {
  if (asked === undefined) return workerSource('worker.js');
  return asked.place === 'real' ? liveSource(asked.token) : silentSource;
}

const store = new Store(firstSource(), (run) => {
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

function begin({ place, token }: Asked): void {
  if (place === 'real') return store.load(FIRST_RUN);
  replayOfServer(token).then(
    (source) => store.use(source),
    (error: unknown) => {
      store.failure.value = error instanceof Error ? error.message : String(error);
    },
  );
}

window.addEventListener('hashchange', () => {
  if (location.hash === ownLink) return;
  // From or to a real cluster or a replay: the page begins anew.
  if (store.source.value.kind !== 'virtual' || isPlace(location.hash)) location.reload();
  else open();
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
if (asked) begin(asked);
else open();
