/**
 * The server of the lab: the page's files, and, with real processes behind it, their events and the way for
 * actions; or a timeline to replay.
 *
 * Node's own HTTP server: there are four routes, and what matters of them (who may ask, bounds, a stream that
 * is cut off when it is not read) no framework decides for us. Everything has a bound: connections, clients,
 * the size of an action, the time that a request may take to arrive.
 */
import * as http from 'node:http';
import { AddressInfo } from 'node:net';
import { messageOf } from '../../src/common/errors';
import { checkAction, RunError } from '../shared/check-run';
import {
  CommandAnswer,
  COMMANDS_PATH,
  EVENTS_PATH,
  LAST_EVENT_HEADER,
  LIVE_LIMITS,
  Place,
  REPLAY_PATH,
} from '../shared/live-protocol';
import { Action } from '../shared/run';
import { EventHub, HubClient } from './event-hub';
import { newToken, refusalOf } from './guard';
import { HEADERS, LabServer, serveFile } from './static-server';

/** A real cluster, as the server knows it. */
export interface LiveCluster {
  readonly hub: EventHub;
  /** Why it is impossible; undefined: it is done, or under way. Never rejects for what a user did. */
  perform(action: Action): Promise<string | undefined>;
}

export interface Replay {
  readonly name: string;
  readonly text: string;
  /** What verdict.json holds, if it lies beside it. */
  readonly verdict?: unknown;
}

export interface LabServerOptions {
  readonly directory: string;
  /** 0: any. */
  readonly port: number;
  readonly live?: LiveCluster;
  /** The text of a timeline to replay, and what it is called. */
  readonly replay?: Replay;
}

const MAX_CONNECTIONS = 128;
const REQUEST_WITHIN_MS = 10_000;
/** Actions that wait for the one before them. */
const MAX_WAITING_COMMANDS = 100;

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

function refuse(response: http.ServerResponse, status: number, why: string): void {
  response.writeHead(status, { ...HEADERS, 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${why}\n`);
}

class Commands {
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(private readonly cluster: LiveCluster) {}

  /** One after the other, whoever asks. */
  readonly handle: Handler = (request, response) => {
    if (request.method !== 'POST') return refuse(response, 405, 'An action is sent by POST.');
    if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
      return refuse(response, 415, 'An action is JSON.');
    if (this.waiting >= MAX_WAITING_COMMANDS) return refuse(response, 503, 'Too many actions wait already.');
    readBody(request, response, (text) => {
      const action = this.parse(text, response);
      if (action) this.enqueue(action, response);
    });
  };

  private parse(text: string, response: http.ServerResponse): Action | undefined {
    try {
      const action: unknown = JSON.parse(text);
      checkAction(action);
      return action as Action;
    } catch (error) {
      refuse(response, 400, error instanceof RunError ? error.message : 'The action is not valid JSON.');
      return undefined;
    }
  }

  private enqueue(action: Action, response: http.ServerResponse): void {
    this.waiting++;
    this.last = this.last
      .then(() => this.perform(action, response))
      .catch((error) => refuse(response, 500, messageOf(error)))
      .finally(() => {
        this.waiting--;
      });
  }

  private async perform(action: Action, response: http.ServerResponse): Promise<void> {
    const { hub } = this.cluster;
    hub.happened('user', 'command', { action });
    const refused = await this.cluster.perform(action);
    if (refused !== undefined) hub.happened('user', 'refused', { action, why: refused });
    const answer: CommandAnswer = { refused: refused ?? null };
    response.writeHead(200, { ...HEADERS, 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  }
}

/** Calls `done` with the whole body, unless it is too long. */
function readBody(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  done: (text: string) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= LIVE_LIMITS.commandBytes) chunks.push(chunk);
    else if (!response.headersSent) {
      response.setHeader('connection', 'close');
      refuse(response, 413, `An action has at most ${LIVE_LIMITS.commandBytes} bytes.`);
    }
  });
  request.on('end', () => {
    if (bytes <= LIVE_LIMITS.commandBytes) done(Buffer.concat(chunks).toString());
  });
  request.on('error', () => {});
}

function eventsHandler(hub: EventHub): Handler {
  return (request, response) => {
    if (request.method !== 'GET') return refuse(response, 405, 'Events are asked for by GET.');
    const client: HubClient = {
      get bufferedBytes() {
        return response.writableLength;
      },
      write: (text) => response.write(text),
      end: (isSlow) => (isSlow ? response.destroy() : response.end()),
    };
    const lastId = request.headers[LAST_EVENT_HEADER];
    const start = { ...HEADERS, 'content-type': 'text/event-stream', 'cache-control': 'no-store' };
    if (hub.clientCount >= LIVE_LIMITS.clients)
      return refuse(response, 503, 'Too many pages look at this cluster already.');
    response.writeHead(200, start);
    // Small pieces at once: a fault is to be seen now.
    response.socket?.setNoDelay(true);
    hub.join(client, typeof lastId === 'string' ? lastId : undefined);
    response.on('close', () => hub.leave(client));
    response.on('error', () => hub.leave(client));
  };
}

function replayHandler({ name, text, verdict }: Replay): Handler {
  return (_, response) => {
    response.writeHead(200, {
      ...HEADERS,
      'content-type': 'application/x-ndjson',
      'cache-control': 'no-store',
    });
    response.end(`${JSON.stringify({ replay: name, verdict })}\n${text}`);
  };
}

function routesOf({ live, replay }: LabServerOptions): Map<string, Handler> {
  const routes = new Map<string, Handler>();
  if (live) {
    routes.set(EVENTS_PATH, eventsHandler(live.hub));
    routes.set(COMMANDS_PATH, new Commands(live).handle);
  }
  if (replay) routes.set(REPLAY_PATH, replayHandler(replay));
  return routes;
}

/** Rejects if the port is taken. Its address has the token where there is something to protect. */
export async function startLabServer(options: LabServerOptions): Promise<LabServer> {
  const { directory, live, replay } = options;
  const routes = routesOf(options);
  const token = newToken();
  const server = http.createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    const handler = routes.get((request.url ?? '').replace(/[?#].*/, ''));
    if (!handler) return serveFile(directory, port, request, response);
    const refusal = refusalOf(request.headers, port, token);
    if (refusal !== undefined) return refuse(response, 403, refusal);
    handler(request, response);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.headersTimeout = REQUEST_WITHIN_MS;
  server.requestTimeout = REQUEST_WITHIN_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const { port } = server.address() as AddressInfo;
  const place: Place | undefined = live ? 'real' : replay ? 'replay' : undefined;
  const url = `http://127.0.0.1:${port}/`;
  return { url: place ? `${url}#${place}.${token}` : url, close };
}
