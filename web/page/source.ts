/**
 * Where events come from and commands go to: the virtual cluster in a Web Worker, or a tape of real processes
 * (tape-sources.ts). The page knows nothing else of either.
 */
import { FromWorker, ToWorker } from '../shared/worker-protocol';

export interface Source {
  send(message: ToWorker): void;
  /** Called with everything that arrives; once, before the first `send`. */
  listen(listener: (message: FromWorker) => void): void;
  close(): void;
  /** Asks a server that is gone, at once. */
  retry?(): void;
}

/** Says nothing, until another takes its place. */
export const silentSource: Source = { send: () => {}, listen: () => {}, close: () => {} };

export function workerSource(address: string): Source {
  const worker = new Worker(address);
  return {
    send: (message) => worker.postMessage(message),
    listen: (listener) => {
      worker.onmessage = ({ data }: MessageEvent<FromWorker>) => listener(data);
      worker.onerror = ({ message }) =>
        listener({ type: 'failed', why: message || 'The worker could not be loaded.' });
    },
    close: () => worker.terminate(),
  };
}
