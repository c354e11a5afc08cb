/**
 * What is seen of the consumer groups: state, generation, members and committed offsets, as their coordinator
 * has them. Looked at when something happened to a group.
 */
import { SimCluster } from '../../src/simulation/sim-cluster';
import { GroupSight } from '../shared/events';
import { EventLog } from './event-log';
import { runningPartsOf } from './peek';

const OF_GROUPS = /^(group-|rebalance|generation-changed|offset-commit-stored|member)/;

export class GroupWatch {
  private hasChanged = false;
  private readonly told = new Map<string, string>();

  constructor(
    private readonly cluster: SimCluster,
    private readonly log: EventLog,
  ) {
    cluster.world.onEvent.push(({ what }) => {
      this.hasChanged ||= OF_GROUPS.test(what);
    });
  }

  /** Called after each action. */
  look(): void {
    if (!this.hasChanged) return;
    this.hasChanged = false;
    for (const { id, host, broker } of this.cluster.brokers) {
      const groups = host.life.isDead ? [] : (runningPartsOf(broker)?.groups.groups.all ?? []);
      for (const { groupId, state, generation, leaderId, all, offsets } of groups) {
        const sight: GroupSight = {
          what: 'group',
          group: groupId,
          coordinator: id,
          state,
          generation,
          members: all.map(({ memberId, clientId, clientHost }) => ({
            member: memberId,
            client: clientId,
            host: clientHost.replace('/', ''),
            isLeader: memberId === leaderId,
          })),
          committed: offsets.all.map(
            ({ tp, committed }) => [tp.topic, tp.partition, committed.offset] as const,
          ),
        };
        const now = JSON.stringify(sight);
        if (this.told.get(groupId) === now) continue;
        this.told.set(groupId, now);
        this.log.see(host.name, sight);
      }
    }
  }
}
