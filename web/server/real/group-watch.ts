/**
 * What is seen of the consumer groups that the lab's own consumers are in: members and committed offsets,
 * asked of the coordinator when something happened to the group, and now and then. Its generation is in the
 * brokers' timelines alone.
 */
import { Admin } from '../../../src/admin/admin';
import { ClientEnvironment } from '../../../src/client/client-config';
import { RawConfig } from '../../../src/common/config-def';
import { GroupSight, LabEvent } from '../../shared/events';
import { brokerHost } from '../../shared/run';
import { EventHub } from '../event-hub';

const OF_GROUPS = /^(group-|rebalance|generation-changed|offset-commit-stored|assigned|revoked)/;
const LOOK_MS = 2000;
const MAX_GROUPS = 20;

export class RealGroupWatch {
  private readonly admin: Admin;
  private readonly generations = new Map<string, number>();
  private readonly told = new Map<string, string>();
  private isBusy = false;
  private isDue = false;
  private isClosed = false;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly hub: EventHub,
    environment: ClientEnvironment,
    settings: RawConfig,
    /** Groups of the lab's consumers. */
    private readonly groups: () => readonly string[],
  ) {
    this.admin = new Admin(environment, { ...settings, 'default.api.timeout.ms': 5000, 'client.id': 'lab' });
    hub.onEvent.push((event) => this.hear(event));
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.timer.unref();
  }

  private hear(event: LabEvent): void {
    if (!OF_GROUPS.test(event.what)) return;
    const { group, generation } = event as Readonly<Record<string, unknown>>;
    if (typeof group === 'string' && typeof generation === 'number') this.generations.set(group, generation);
    this.look();
  }

  private look(): void {
    if (this.isClosed || this.isBusy) {
      this.isDue = this.isBusy;
      return;
    }
    this.isBusy = true;
    this.ask()
      // Its coordinator is dead or moves: the next look finds it.
      .catch(() => {})
      .finally(() => {
        this.isBusy = false;
        if (this.isDue) this.look();
      });
    this.isDue = false;
  }

  private async ask(): Promise<void> {
    for (const group of this.groups().slice(0, MAX_GROUPS)) {
      const { coordinator, state, members } = await this.admin.describeConsumerGroup(group);
      const offsets = await this.admin.listConsumerGroupOffsets(group);
      const sight: GroupSight = {
        what: 'group',
        group,
        coordinator: coordinator.id,
        state,
        generation: this.generations.get(group) ?? 0,
        members: members.map(({ memberId, clientId, host }) => {
          return { member: memberId, client: clientId, host: host.replace('/', ''), isLeader: false };
        }),
        committed: offsets.map(({ topic, partition, offset }) => [topic, partition, offset] as const),
      };
      const text = JSON.stringify(sight);
      if (this.told.get(group) === text) continue;
      this.told.set(group, text);
      this.hub.see(brokerHost(coordinator.id), sight);
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearInterval(this.timer);
    await this.admin.close();
  }
}
