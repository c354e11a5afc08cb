/**
 * The virtual cluster in a Web Worker: hands the page's messages to the player, and the player's to the page.
 * An error that nobody caught ends the run, and the page is told.
 */
import { Player } from './engine/player';
import { ToWorker } from './shared/worker-protocol';

interface WorkerScope {
  onmessage: ((event: { readonly data: ToWorker }) => void) | null;
  postMessage(message: unknown): void;
  addEventListener(
    type: string,
    listener: (event: { readonly reason?: unknown; readonly message?: string }) => void,
  ): void;
}

const scope = self as unknown as WorkerScope;

const player = new Player({
  nowMs: () => performance.now(),
  later: (ms, run) => void setTimeout(run, ms),
  send: (message) => scope.postMessage(message),
});

const fail = (why: unknown): void => {
  const text = String((why as Error | undefined)?.stack ?? why);
  scope.postMessage({ type: 'failed', why: `The run has ended: ${text}` });
};

scope.addEventListener('error', (event) => fail(event.message));
scope.addEventListener('unhandledrejection', (event) => fail(event.reason));
scope.onmessage = ({ data }) => void player.handle(data);
