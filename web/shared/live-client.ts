/**
 * The page's side of a real cluster: reads its stream of events onto a tape, sends actions, and when the
 * server is gone asks again in growing intervals and says so.
 */
import { EventStreamReader, StreamEvent } from './event-stream';
import {
  COMMANDS_PATH,
  EVENTS_PATH,
  LAST_EVENT_HEADER,
  LiveMessage,
  SILENCE_MS,
  TOKEN_HEADER,
} from './live-protocol';
import { Action } from './run';
import { TapePlayer } from './tape-player';
import { FromWorker, SourceReport, ToWorker, VIRTUAL_SOURCE } from './worker-protocol';

export interface LiveDeps {
  /** Of the server, without a slash at its end. */
  readonly address: string;
  readonly token: string;
  readonly fetch: typeof fetch;
  readonly nowMs: () => number;
  readonly later: (ms: number, run: () => void) => void;
  readonly send: (message: FromWorker) => void;
}

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 15_000;
const COMMAND_WITHIN_MS = 45_000;
const CHECK_SILENCE_MS = 750;
const NO_TOKEN =
  'The server wants the token of the address that it printed. Open that address: it is in the terminal.';
const NOT_REACHED = 'The server of the lab did not answer: nobody knows whether this was done.';
const GONE = 'The server of the lab does not answer. What was told so far can still be looked at.';

const REAL_SOURCE: SourceReport = {
  ...VIRTUAL_SOURCE,
  kind: 'real',
  title: 'real processes',
  connection: 'opening',
};

export class LiveClient {
  private readonly tape: TapePlayer;
  private lastId: string | null = null;
  private retryMs = FIRST_RETRY_MS;
  private heardMs = 0;
  private isClosed = false;
  private current: AbortController | undefined;

  constructor(private readonly deps: LiveDeps) {
    const { nowMs, later, send } = deps;
    this.tape = new TapePlayer(
      { nowMs, later, send, command: (action) => this.command(action) },
      REAL_SOURCE,
    );
  }

  start(): void {
    this.open();
    this.watchSilence();
  }

  handle(message: ToWorker): void {
    this.tape.handle(message);
  }

  close(): void {
    this.isClosed = true;
    this.tape.close();
    this.current?.abort();
  }

  /** At once, instead of when the interval is over. */
  retryNow(): void {
    this.retryMs = FIRST_RETRY_MS;
    this.open();
  }

  private open(): void {
    if (this.isClosed || this.current) return;
    const attempt = (this.current = new AbortController());
    this.heardMs = this.deps.nowMs();
    this.read(attempt)
      .then(
        () => this.lost(attempt, GONE),
        (error: unknown) => this.lost(attempt, error instanceof RefusedError ? error.message : GONE),
      )
      .catch(() => {});
  }

  private async read(attempt: AbortController): Promise<void> {
    const { address, token } = this.deps;
    const headers: Record<string, string> = { [TOKEN_HEADER]: token };
    if (this.lastId !== null) headers[LAST_EVENT_HEADER] = this.lastId;
    const response = await this.deps.fetch(`${address}${EVENTS_PATH}`, { headers, signal: attempt.signal });
    if (response.status === 403) throw new RefusedError(NO_TOKEN);
    if (!response.ok || !response.body) throw new RefusedError(await refusalOf(response));
    const reader = new EventStreamReader();
    const text = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await text.read();
      if (done || this.isClosed || attempt !== this.current) return;
      this.heardMs = this.deps.nowMs();
      this.retryMs = FIRST_RETRY_MS;
      for (const event of reader.take(value as unknown as string)) this.hear(event);
    }
  }

  private hear(event: StreamEvent): void {
    const message = { event: event.event, data: JSON.parse(event.data) as unknown } as LiveMessage;
    if (event.id !== null) this.lastId = event.id;
    switch (message.event) {
      case 'reset': {
        const { title, cannot, events, nowMs } = message.data;
        this.tape.sourceIs({ title, cannot, connection: 'open', why: null });
        return this.tape.begin(events, nowMs);
      }
      case 'events':
        this.tape.sourceIs({ connection: 'open', why: null });
        return this.tape.append(message.data.events, message.data.nowMs);
      case 'ping':
        this.tape.sourceIs({ connection: 'open', why: null });
        return this.tape.append([], message.data.nowMs);
      case 'ended':
        this.isClosed = true;
        this.tape.halt();
        return this.tape.sourceIs({ connection: 'closed', why: message.data.why });
    }
  }

  private lost(attempt: AbortController, why: string): void {
    if (this.isClosed || attempt !== this.current) return;
    this.current = undefined;
    this.tape.halt();
    const seconds = Math.round(this.retryMs / 100) / 10;
    this.tape.sourceIs({ connection: 'lost', why: `${why} It is asked again in ${seconds} s.` });
    const { retryMs } = this;
    this.retryMs = Math.min(MAX_RETRY_MS, retryMs * 2);
    this.deps.later(retryMs, () => this.open());
  }

  /** A connection may break without a word: the server speaks every few seconds. */
  private watchSilence(): void {
    this.deps.later(CHECK_SILENCE_MS, () => {
      if (this.isClosed) return;
      if (this.current && this.deps.nowMs() - this.heardMs > SILENCE_MS) this.current.abort();
      this.watchSilence();
    });
  }

  private command(action: Action): void {
    this.post(action).then(
      (refused) => {
        // A refusal is told to everybody as an event; only what never came so far is told here.
        if (refused !== undefined) this.deps.send({ type: 'failed', why: refused });
      },
      () => this.deps.send({ type: 'failed', why: NOT_REACHED }),
    );
  }

  private async post(action: Action): Promise<string | undefined> {
    const { address, token } = this.deps;
    const response = await this.deps.fetch(`${address}${COMMANDS_PATH}`, {
      method: 'POST',
      headers: { [TOKEN_HEADER]: token, 'content-type': 'application/json' },
      body: JSON.stringify(action),
      signal: AbortSignal.timeout(COMMAND_WITHIN_MS),
    });
    if (response.status === 403) return NO_TOKEN;
    if (!response.ok) return refusalOf(response);
    await response.arrayBuffer();
    return undefined;
  }
}

/** The server answered, and will not serve. */
class RefusedError extends Error {}

async function refusalOf(response: Response): Promise<string> {
  const text = (await response.text()).trim().slice(0, 300);
  return text === '' ? `The server of the lab answered ${response.status}.` : text;
}
