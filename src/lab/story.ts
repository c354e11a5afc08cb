/**
 * A story: a lesson that runs. It gets a new cluster of real processes, disturbs it, and returns a verdict.
 *
 * Every run leaves `timeline.ndjson` and `verdict.json` (docs/timeline.md); processes and data are removed at
 * its end.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { LabCluster, Profile } from './lab-cluster';

/** The result of a story. `problems` are the promises that did not hold. */
export interface StoryResult {
  readonly problems: readonly string[];
  readonly [key: string]: unknown;
}

export interface Verdict extends StoryResult {
  readonly story: string;
  readonly good: boolean;
}

export interface StoryOptions {
  readonly input: string;
  readonly json: boolean;
}

export interface Story {
  readonly name: string;
  readonly title: string;
  readonly question: string;
  readonly brokers: number;
  readonly settings?: Readonly<Record<string, string | number>>;
  run(context: StoryContext): Promise<StoryResult>;
}

export class StoryContext {
  private readonly startedMs = Date.now();
  readonly events: Record<string, unknown>[] = [];

  constructor(
    readonly cluster: LabCluster,
    readonly options: StoryOptions,
    private readonly print: (line: string) => void,
  ) {}

  /** Prints a line, with the seconds since the start of the story. */
  say(text: string): void {
    this.print(`${((Date.now() - this.startedMs) / 1000).toFixed(1).padStart(6)} s  ${text}`);
  }

  /** Adds an action of the story to the timeline. Returns its time. */
  event(what: string, details: Readonly<Record<string, unknown>> = {}): number {
    const time = Date.now();
    this.events.push({ time, who: 'story', what, ...details });
    return time;
  }

  /** The events of the brokers and of the story since `sinceMs`, ordered by time. */
  timeline(sinceMs = 0): Record<string, unknown>[] {
    return [...this.cluster.timeline(), ...this.events]
      .filter((event) => Number(event.time) >= sinceMs)
      .sort((a, b) => Number(a.time) - Number(b.time));
  }
}

/**
 * Runs the story in `directory`, or, without a profile, on docker-compose.yml. Keeps the timeline and the
 * verdict in `results`.
 */
export async function runStory(
  story: Story,
  profile: Profile | undefined,
  options: StoryOptions,
  directory: string,
  results: string,
  print: (line: string) => void,
): Promise<Verdict> {
  print(`${story.title}`);
  print(`  Predict: ${story.question}`);
  print(
    profile
      ? `  Profile ${profile.name}: ${profile.about}.`
      : '  In containers: docker-compose.yml, sessions of 6 s (config/compose.properties).',
  );
  print('  Starting a ZooKeeper and the brokers ...');
  const cluster = profile
    ? await LabCluster.start({ directory, brokers: story.brokers, profile, settings: story.settings })
    : await LabCluster.compose(path.join(directory, 'timelines'));
  try {
    const context = new StoryContext(cluster, options, print);
    context.say(
      `ZooKeeper on ${cluster.connect}; brokers ` +
        `${cluster.brokers.map((b) => `${b.id} (${b.where})`).join(', ')}; controller is broker ` +
        `${await cluster.controllerId()}`,
    );
    const result = await story.run(context);
    const verdict: Verdict = {
      story: story.name,
      good: result.problems.length === 0,
      profile: profile?.name ?? 'compose',
      ...result,
    };
    fs.mkdirSync(results, { recursive: true });
    fs.writeFileSync(
      path.join(results, 'timeline.ndjson'),
      context
        .timeline()
        .map((event) => `${JSON.stringify(event)}\n`)
        .join(''),
    );
    fs.writeFileSync(path.join(results, 'verdict.json'), `${JSON.stringify(verdict, null, 2)}\n`);
    return verdict;
  } finally {
    await cluster.stop();
  }
}
