/** Plays an exercise in the virtual cluster as a user would: looks, acts, waits. */
import { VirtualCluster } from '../../../web/engine/virtual-cluster';
import { exerciseNamed } from '../../../web/page/exercises/all-exercises';
import {
  Exercise,
  exerciseRun,
  Judged,
  judgedAfter,
  NOT_JUDGED,
  START_MS,
  whyNot,
} from '../../../web/page/exercises/script';
import { controllerOf, followersOf, leaderOf } from '../../../web/page/lessons/look';
import { checkRun } from '../../../web/shared/check-run';
import { LabEvent } from '../../../web/shared/events';
import { foldAll } from '../../../web/shared/fold';
import { Action, BrokerAction, brokerHost, Run } from '../../../web/shared/run';
import { EMPTY_STATE, State } from '../../../web/shared/state';

const LOOK_MS = 100;
const PATIENCE_MS = 60_000;

export class ExercisePlayer {
  readonly exercise: Exercise;
  readonly events: LabEvent[] = [];
  judged: Judged = NOT_JUDGED;
  state: State = EMPTY_STATE;
  private readonly cluster: VirtualCluster;

  constructor(name: string) {
    this.exercise = exerciseNamed(name)!;
    this.cluster = new VirtualCluster(checkRun(exerciseRun(this.exercise)));
  }

  get run(): Run {
    return this.cluster.run;
  }
  get nowMs(): number {
    return this.cluster.nowMs;
  }
  get leader(): number {
    return leaderOf(this.state)!;
  }
  get followers(): number[] {
    return followersOf(this.state);
  }
  get controller(): number {
    return controllerOf(this.state)!;
  }
  get isr(): readonly number[] {
    return this.znode('/brokers/topics/t/partitions/0/state').isr as number[];
  }
  get hasPassed(): boolean {
    return this.judged.passedMs !== null;
  }
  get why(): string | null {
    return whyNot(this.exercise, this.judged, this.nowMs);
  }

  private znode(path: string): Record<string, unknown> {
    return JSON.parse(this.state.znodes[path]?.data ?? '{"isr":[]}') as Record<string, unknown>;
  }

  private hear(): void {
    const events = this.cluster.drain();
    this.events.push(...events);
    this.state = foldAll(this.state, events, this.cluster.nowMs);
    this.judged = judgedAfter(this.exercise, this.judged, events);
  }

  async begin(): Promise<void> {
    await this.cluster.advance(START_MS);
    this.hear();
  }

  async wait(ms: number): Promise<void> {
    await this.cluster.advance(this.cluster.nowMs + ms);
    this.hear();
  }

  async until(what: string, isDone: () => boolean): Promise<void> {
    const endMs = this.nowMs + PATIENCE_MS;
    while (!isDone()) {
      if (this.nowMs > endMs) throw new Error(`${this.exercise.name}: ${what} did not come; ${this.why}`);
      await this.wait(LOOK_MS);
    }
  }

  untilIsr(count: number): Promise<void> {
    return this.until(`an ISR of ${count}`, () => this.isr.length === count);
  }

  /** Until the goal, or all of them, is reached. */
  untilDone(goal?: string): Promise<void> {
    return this.until(goal ?? 'the end', () => this.hasPassed || (goal ?? '') in this.judged.done);
  }

  async act(...actions: readonly Action[]): Promise<void> {
    for (const action of actions) await this.cluster.command(action);
    this.hear();
  }

  to(what: BrokerAction, ...brokers: readonly number[]): Promise<void> {
    return this.act(...brokers.map((broker) => ({ what, broker }) as const));
  }

  /** Both ways, or only what `from` sends. */
  cut(from: string, others: readonly string[], isOneWay = false): Promise<void> {
    return this.act(...others.map((to) => ({ what: 'cut-link', from, to, isOneWay }) as const));
  }

  cutFromBrokers(client: string): Promise<void> {
    return this.cut(client, [1, 2, 3].map(brokerHost));
  }

  heal(): Promise<void> {
    return this.act({ what: 'heal-all' });
  }

  /** A button of the exercise. */
  async press(label: string): Promise<void> {
    const tool = this.exercise.tools?.find((one) => one.label === label);
    if (!tool) throw new Error(`${this.exercise.name} has no button ${label}`);
    await this.act(...tool.actions(this.state));
  }

  setTopic(name: string, value: string): Promise<void> {
    return this.press(`set ${name}=${value}`);
  }
}

type Play = (player: ExercisePlayer) => Promise<void>;

export interface Solution {
  readonly solve: Play;
  readonly misses: readonly {
    readonly title: string;
    readonly play: Play;
    /** Why it does not count, in the words of the exercise. */
    readonly why: RegExp;
  }[];
}
