/**
 * `scripts/lab`: serves the page that was built into the folder named first, with what is to be seen on it:
 * the virtual cluster, real processes (`--real`, `--attach`, `--watch`), or a timeline (`--replay`). Until it
 * is told to end; then it ends what it has started.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { messageOf } from '../../src/common/errors';
import { profiles } from '../../src/lab/lab-cluster';
import { attachOptions, storyOptions } from './attach-options';
import { EventHub } from './event-hub';
import { LabServerOptions, startLabServer } from './lab-server';
import { Options, optionsOf } from './options';
import { RealCluster } from './real/real-cluster';
import { readReplay } from './replay-file';
import { LabServer } from './static-server';

/** The page keeps its link when the lab is started again. */
const DEFAULT_PORT = 8650;
/** For the last words to reach the pages. */
const FAREWELL_MS = 200;
const STORY_ENDED = 'The story has ended. Go back in time, or open its timeline.ndjson from .samsa/runs.';
const ENDED = 'The lab was ended. What was told so far can still be looked at.';

/** Without --port any port will do. */
async function serve(options: Omit<LabServerOptions, 'port'>, port: number | undefined): Promise<LabServer> {
  if (port !== undefined) return startLabServer({ ...options, port });
  try {
    return await startLabServer({ ...options, port: DEFAULT_PORT });
  } catch {
    return startLabServer({ ...options, port: 0 });
  }
}

/** What has to be undone at the end, the newest first. */
class Ending {
  private readonly steps: (() => Promise<void> | void)[] = [];
  private isRunning = false;

  constructor() {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.run(0));
  }

  first(step: () => Promise<void> | void): void {
    this.steps.unshift(step);
  }

  run(code: number): void {
    if (this.isRunning) return;
    this.isRunning = true;
    this.undo().then(
      () => process.exit(code),
      (error) => {
        console.error(`lab: ${messageOf(error)}`);
        process.exit(1);
      },
    );
  }

  private async undo(): Promise<void> {
    for (const step of this.steps) await step();
  }
}

function announce(server: LabServer): void {
  console.log(`The lab is at ${server.url}`);
  console.log('Ctrl-C ends it.');
}

/** The page is there before the cluster is, and shows it start. */
async function serveReal(options: Options, ending: Ending): Promise<void> {
  const hub = new EventHub({ title: 'starting …', cannot: {} });
  let cluster: RealCluster | undefined;
  const perform: RealCluster['perform'] = (action) =>
    cluster ? cluster.perform(action) : Promise.resolve('The cluster is still starting.');
  const server = await serve({ directory: options.page, live: { hub, perform } }, options.port);
  ending.first(() => server.close());
  ending.first(async () => {
    hub.end(options.isWatching ? STORY_ENDED : ENDED);
    await new Promise<void>((resolve) => setTimeout(resolve, FAREWELL_MS));
  });
  announce(server);
  if (options.isReal) cluster = await startReal(options, hub, ending);
  else {
    const found = options.isWatching ? await storyOptions(options) : attachOptions(options);
    cluster = await RealCluster.attach(found, hub);
    const joined = cluster;
    ending.first(() => joined.stop());
  }
}

async function startReal(options: Options, hub: EventHub, ending: Ending): Promise<RealCluster> {
  const profile = profiles[options.profile];
  if (!profile) throw new Error(`there is no profile '${options.profile}'`);
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-lab-real-'));
  ending.first(() => fs.rmSync(directory, { recursive: true, force: true }));
  console.log(`Starting a ZooKeeper and ${options.brokers} brokers in ${directory} ...`);
  const cluster = await RealCluster.open({ directory, brokers: options.brokers, profile }, hub);
  ending.first(() => cluster.stop());
  await cluster.begin();
  console.log('They run.');
  return cluster;
}

async function main(args: readonly string[]): Promise<void> {
  const options = optionsOf(args);
  const ending = new Ending();
  try {
    if (options.isReal || options.isWatching || options.attach !== undefined)
      return await serveReal(options, ending);
    const replay = options.replay === undefined ? {} : { replay: readReplay(options.replay) };
    const server = await serve({ directory: options.page, ...replay }, options.port);
    ending.first(() => server.close());
    announce(server);
  } catch (error) {
    console.error(`lab: ${messageOf(error)}`);
    ending.run(1);
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`lab: ${messageOf(error)}`);
  process.exitCode = 1;
});
