/**
 * What a run begins with: the brokers start; then, in the default scene, a topic is made on up to three of
 * them, a producer writes with acks=all, and a consumer reads. Ready when the first record was read.
 */
import { SimCluster } from '../../src/simulation/sim-cluster';
import { Action, Run } from '../shared/run';
import { Commands } from './commands';
import { EventLog } from './event-log';

const LOOK_MS = 20;
const TOPIC = 't';
const REPLICAS = 3;

export class Scene {
  isReady = false;
  private readonly steps: { readonly isDue: () => boolean; readonly perform: () => void }[];

  constructor(
    run: Run,
    private readonly cluster: SimCluster,
    private readonly commands: Commands,
    private readonly log: EventLog,
  ) {
    this.steps = run.scene === 'empty' ? [] : this.defaultScene(run.brokers);
  }

  private perform(action: Action): void {
    const refusal = this.commands.perform(action);
    if (refusal !== undefined) throw new Error(`the scene cannot be set: ${refusal}`);
  }

  private defaultScene(brokers: number): typeof this.steps {
    const replicas = Array.from({ length: Math.min(REPLICAS, brokers) }, (_, i) => i + 1);
    const minIsr = String(Math.min(2, brokers));
    return [
      {
        isDue: () => this.isUp(),
        perform: () =>
          this.perform({
            what: 'create-topic',
            topic: TOPIC,
            assignment: [replicas],
            settings: { 'min.insync.replicas': minIsr },
          }),
      },
      {
        isDue: () => this.cluster.existsTopic(TOPIC) && this.cluster.isQuiet({ topic: TOPIC, partition: 0 }),
        perform: () => {
          this.perform({ what: 'start-consumer', consumer: 'c1', topic: TOPIC, group: 'g1', settings: {} });
          this.perform({
            what: 'start-producer',
            producer: 'p1',
            topic: TOPIC,
            acks: 'all',
            isIdempotent: true,
            everyMs: 500,
            bytes: 0,
            settings: {},
          });
        },
      },
    ];
  }

  private isUp(): boolean {
    const { brokers } = this.cluster;
    const isControlled = brokers.some(
      ({ id, broker }) => this.cluster.isRunning(id) && broker!.controller.isActive,
    );
    return isControlled && brokers.every(({ id }) => this.cluster.isRunning(id));
  }

  begin(): void {
    this.cluster.startAll();
    this.goOn();
  }

  /** One step after the other, each when it is due. */
  private goOn(): void {
    const [step] = this.steps;
    if (!step) return;
    this.cluster.world.schedule(LOOK_MS, () => {
      if (step.isDue()) {
        this.steps.shift();
        step.perform();
      }
      this.goOn();
    });
  }

  /** Called after each action. */
  look(): void {
    if (this.isReady || this.steps.length > 0) return;
    const hasRead = this.commands.consumers.size === 0 || this.commands.consumers.get('c1')!.readCount > 0;
    if (!hasRead || !this.isUp()) return;
    this.isReady = true;
    this.log.see('simulation', { what: 'ready' });
  }
}
