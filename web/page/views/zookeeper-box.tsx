/**
 * ZooKeeper with the sessions it keeps for the brokers: a full bar is heard, one that runs down is silent.
 */
import { State } from '../../shared/state';
import { Box } from '../model/places';
import { sessionViews } from '../model/session-view';
import { pressable } from './pressable';
import { useStore } from './store-context';

export function ZooKeeperBox({
  box,
  sessions: known,
  nowMs,
}: {
  box: Box;
  sessions: State['sessions'];
  nowMs: number;
}) {
  const store = useStore();
  const sessions = sessionViews({ sessions: known }, nowMs);
  const each = (box.width - 24) / Math.max(3, sessions.length);
  return (
    <g
      class="zookeeper"
      data-zookeeper
      {...pressable('ZooKeeper, with the sessions of the brokers', () => store.select({ kind: 'zookeeper' }))}
    >
      <rect class="body" {...box} rx="8" />
      <text class="name" x={box.x + 12} y={box.y + 19}>
        ZooKeeper
      </text>
      <text class="note" x={box.x + box.width - 12} y={box.y + 19} text-anchor="end">
        sessions of the brokers
      </text>
      {sessions.map(({ session, label, share, isSilent, words }, i) => {
        const x = box.x + 12 + i * each;
        const width = Math.max(8, each - 36);
        return (
          <g key={session} class={`session ${isSilent ? 'silent' : ''}`}>
            <title>{words}</title>
            <text class="label" x={x} y={box.y + 42}>
              {label}
            </text>
            <rect class="track" x={x + 13} y={box.y + 34} width={width} height="9" rx="2" />
            <rect class="rest" x={x + 13} y={box.y + 34} width={width * share} height="9" rx="2" />
          </g>
        );
      })}
    </g>
  );
}
