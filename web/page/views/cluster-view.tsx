/**
 * The cluster in the middle of the page: who is there, who can reach whom, what each holds, what is on its
 * way.
 */
import { brokerHost, ZOOKEEPER } from '../../shared/run';
import { State } from '../../shared/state';
import { brokerViews, firstLeader } from '../model/broker-view';
import { isCutFrom } from '../model/faults';
import { centreX, layOut, pathOf, Places, pointAt, wayBetween } from '../model/places';
import { BrokerBox } from './broker-box';
import { ConsumerBox, ProducerBox } from './client-box';
import { BarLegend, Legend } from './legend';
import { MessagesLayer } from './messages-layer';
import { useSize } from './size';
import { useStore } from './store-context';
import { ZooKeeperBox } from './zookeeper-box';

function placesFor(state: State, width: number, height: number): Places {
  const running = (one: { status: string }) => one.status !== 'stopped';
  const rows = Math.max(0, ...brokerViews(state).map((view) => view.rows.length));
  return layOut(width, height, {
    rows,
    brokers: Object.values(state.brokers)
      .sort((a, b) => a.broker - b.broker)
      .map(({ host }) => host),
    producers: Object.values(state.producers)
      .filter(running)
      .map(({ host }) => host),
    consumers: Object.values(state.consumers)
      .filter(running)
      .map(({ host }) => host),
  });
}

function Link({ places, state, from, to }: { places: Places; state: State; from: string; to: string }) {
  const store = useStore();
  const way = wayBetween(places, from, to, false);
  if (!way) return null;
  const isCut = isCutFrom(state, from, to);
  const middle = pointAt(way, 0.5);
  return (
    <g
      class={`link ${isCut ? 'cut' : ''}`}
      data-link={`${from}>${to}`}
      onClick={() => store.select({ kind: 'link', from, to })}
    >
      <path class="reach" d={pathOf(way)} />
      <path class="line" d={pathOf(way)} />
      {isCut && (
        <path
          class="scissors"
          d={`M${middle.x - 6} ${middle.y - 6} l12 12 M${middle.x + 6} ${middle.y - 6} l-12 12`}
        />
      )}
    </g>
  );
}

function Links({ places, state }: { places: Places; state: State }) {
  const brokers = Object.keys(state.brokers).map((id) => brokerHost(Number(id)));
  const clients = [...places.boxes.keys()].filter((host) => host.startsWith('client-'));
  const links = [
    ...brokers.map((host) => [host, ZOOKEEPER] as const),
    ...brokers.flatMap((a, i) => brokers.slice(i + 1).map((b) => [a, b] as const)),
    ...clients.flatMap((client) => brokers.map((host) => [client, host] as const)),
  ];
  return (
    <g class="links">
      {links.map(([from, to]) => (
        <Link key={from + to} {...{ places, state, from, to }} />
      ))}
    </g>
  );
}

function Hint({ places, state }: { places: Places; state: State }) {
  const store = useStore();
  const leader = firstLeader(brokerViews(state));
  const box = leader && places.boxes.get(leader.host);
  if (store.hasActed.value || store.run.value.lesson !== null || !box || !state.isReady) return null;
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

function Drawing({ width, height }: { width: number; height: number }) {
  const store = useStore();
  const state = store.state.value;
  const places = placesFor(state, width, height);
  const views = brokerViews(state);
  const box = (host: string) => places.boxes.get(host);
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
        <pattern
          id="open-hatch"
          width="5"
          height="5"
          patternUnits="userSpaceOnUse"
          patternTransform="rotate(45)"
        >
          <rect width="2.4" height="5" />
        </pattern>
        <pattern
          id="frozen-hatch"
          width="9"
          height="9"
          patternUnits="userSpaceOnUse"
          patternTransform="rotate(45)"
        >
          <rect width="3" height="9" />
        </pattern>
      </defs>
      <Links places={places} state={state} />
      {width > 640 && <BarLegend x={16} y={22} />}
      {box(ZOOKEEPER) && <ZooKeeperBox box={box(ZOOKEEPER)!} state={state} nowMs={state.nowMs} />}
      {views.map(
        (view) =>
          box(view.host) && <BrokerBox key={view.id} view={view} box={box(view.host)!} state={state} />,
      )}
      {Object.values(state.producers).map(
        (one) => box(one.host) && <ProducerBox key={one.producer} one={one} box={box(one.host)!} />,
      )}
      {Object.values(state.consumers).map(
        (one) =>
          box(one.host) && (
            <ConsumerBox
              key={one.consumer}
              one={one}
              group={state.groups[one.group ?? '']}
              box={box(one.host)!}
            />
          ),
      )}
      <MessagesLayer places={places} />
      <Hint places={places} state={state} />
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
