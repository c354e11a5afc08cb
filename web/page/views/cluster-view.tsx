/**
 * The cluster in the middle of the page: who is there, who can reach whom, what each holds, what is on its
 * way.
 */
import { useMemo } from 'preact/hooks';
import { ZOOKEEPER } from '../../shared/run';
import { firstLeader } from '../model/broker-view';
import { isCutFrom, slownessOf } from '../model/faults';
import { centreX, Hosts, layOut, pathOf, Places, pointAt, wayBetween } from '../model/places';
import { isSame } from '../model/selection';
import { linkEnds, whoIs } from '../model/who';
import { BrokerBox } from './broker-box';
import { ConsumerBox, ProducerBox } from './client-box';
import { BarLegend, Legend } from './legend';
import { MessagesLayer } from './messages-layer';
import { pressable } from './pressable';
import { useSize } from './size';
import { useStore } from './store-context';
import { ZooKeeperBox } from './zookeeper-box';

/** Each part of the drawing reads what it shows, so that the rest stands still when it changes. */
interface Part {
  readonly places: Places;
}

function Link({ places, from, to }: { places: Places; from: string; to: string }) {
  const store = useStore();
  const { cuts, slow, producers, consumers } = store.parts;
  const way = wayBetween(places, from, to, false);
  if (!way) return null;
  const isCut = isCutFrom({ cuts: cuts.value }, from, to);
  const slowMs = slownessOf({ slow: slow.value }, from, to);
  const clients = { producers: producers.peek(), consumers: consumers.peek() };
  const name = `link ${whoIs(clients, from)} – ${whoIs(clients, to)}`;
  const isChosen = isSame(store.selection.value, { kind: 'link', from, to });
  const { x, y } = pointAt(way, 0.5);
  const words = [name, isCut && 'cut', slowMs > 0 && `slow, ${slowMs} ms`].filter(Boolean).join(', ');
  return (
    <g
      class={['link', isCut && 'cut', slowMs > 0 && 'slow', isChosen && 'chosen'].filter(Boolean).join(' ')}
      data-link={`${from}>${to}`}
      {...pressable(words, () => store.select({ kind: 'link', from, to }), -1)}
    >
      <title>{words}</title>
      <path class="reach" d={pathOf(way)} />
      <path class="line" d={pathOf(way)} />
      {slowMs > 0 && <path class="hourglass" d={`M${x - 5} ${y - 7} h10 l-10 14 h10 Z`} />}
      {isCut && <path class="scissors" d={`M${x - 6} ${y - 6} l12 12 M${x + 6} ${y - 6} l-12 12`} />}
    </g>
  );
}

function Links({ places }: Part) {
  return (
    <g class="links">
      {linkEnds([...places.boxes.keys()]).map(([from, to]) => (
        <Link key={from + to} {...{ places, from, to }} />
      ))}
    </g>
  );
}

function Hint({ places }: Part) {
  const store = useStore();
  const leader = firstLeader(store.brokerViews.value);
  const box = leader && places.boxes.get(leader.host);
  const { lesson, exercise } = store.run.value;
  const isFree = lesson === null && exercise === null;
  const canKill = store.source.value.cannot.kill === undefined;
  const isWanted = !store.hasActed.value && isFree && canKill && store.parts.isReady.value;
  if (!isWanted || !box) return null;
  const isChosen = store.selectedBroker.value !== null;
  const x = Math.max(104, Math.min(places.width - 104, centreX(box)));
  const y = box.y + box.height - 12;
  return (
    <g class="hint" data-hint>
      <path d={`M${x} ${y - 12} l-7 12 h14 Z`} />
      <rect x={x - 96} y={y} width="192" height="34" rx="17" />
      <text x={x} y={y + 22} text-anchor="middle">
        {isChosen ? 'now kill it: press K' : 'click a broker and kill it'}
      </text>
    </g>
  );
}

function ZooKeeper({ places }: Part) {
  const { parts, tickMs } = useStore();
  const box = places.boxes.get(ZOOKEEPER);
  return box ? <ZooKeeperBox box={box} sessions={parts.sessions.value} nowMs={tickMs.value} /> : null;
}

function Brokers({ places }: Part) {
  const { parts, brokerViews } = useStore();
  const [cuts, disks] = [parts.cuts.value, parts.disks.value];
  return (
    <>
      {brokerViews.value.map((view) => {
        const box = places.boxes.get(view.host);
        return box && <BrokerBox key={view.id} view={view} box={box} cuts={cuts} disk={disks[view.id]} />;
      })}
    </>
  );
}

function Clients({ places: { boxes } }: Part) {
  const { parts } = useStore();
  const groups = parts.groups.value;
  return (
    <>
      {Object.values(parts.producers.value).map((one) => {
        const box = boxes.get(one.host);
        return box && <ProducerBox key={one.producer} one={one} box={box} />;
      })}
      {Object.values(parts.consumers.value).map((one) => {
        const box = boxes.get(one.host);
        return box && <ConsumerBox key={one.consumer} one={one} group={groups[one.group ?? '']} box={box} />;
      })}
    </>
  );
}

function Hatch({ id, size, width }: { id: string; size: number; width: number }) {
  return (
    <pattern id={id} width={size} height={size} patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
      <rect width={width} height={size} />
    </pattern>
  );
}

function Drawing({ width, height }: { width: number; height: number }) {
  const store = useStore();
  const hosts = store.hosts.value;
  const places = useMemo(() => layOut(width, height, JSON.parse(hosts) as Hosts), [hosts, width, height]);
  return (
    <svg
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label="the cluster"
      onClick={(event) => {
        if (event.target === event.currentTarget) store.select(null);
      }}
    >
      <defs>
        <Hatch id="open-hatch" size={5} width={2.4} />
        <Hatch id="frozen-hatch" size={9} width={3} />
      </defs>
      <Links places={places} />
      {width > 640 && <BarLegend x={16} y={22} />}
      <ZooKeeper places={places} />
      <Brokers places={places} />
      <Clients places={places} />
      <MessagesLayer places={places} />
      <Hint places={places} />
    </svg>
  );
}

export function ClusterView() {
  const [element, size] = useSize<HTMLDivElement>();
  return (
    <main class="cluster">
      <div class="drawing" ref={element}>
        {size && <Drawing width={size.width} height={size.height} />}
      </div>
      <Legend />
    </main>
  );
}
