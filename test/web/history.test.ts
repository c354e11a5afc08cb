/** Going back shows at once what the page has seen, exactly, and a branch forgets the future that was. */
import { LabEvent } from '../../web/shared/events';
import { Command, DEFAULT_RUN, Run } from '../../web/shared/run';
import { FromWorker } from '../../web/shared/worker-protocol';
import { Player } from '../../web/engine/player';
import { VirtualCluster } from '../../web/engine/virtual-cluster';
import { History } from '../../web/page/model/history';
import { EMPTY_PICTURE, Picture, pictureAfter, withMessages } from '../../web/page/model/picture';

const ACTIONS: readonly Command[] = [
  { what: 'kill', broker: 1, atMs: 4000 },
  { what: 'start', broker: 1, atMs: 14_000 },
];
const RUN: Run = { ...DEFAULT_RUN, actions: ACTIONS };
const END_MS = 20_000;

const after = (before: Picture, events: readonly LabEvent[], nowMs: number) =>
  pictureAfter(before, events, nowMs, RUN);

/** The history of a page that heard of the run in reports of `everyMs`. */
async function seen(everyMs: number): Promise<{ history: History<Picture>; events: LabEvent[] }> {
  const cluster = new VirtualCluster(RUN);
  const history = new History<Picture>(after);
  const events: LabEvent[] = [];
  let picture = EMPTY_PICTURE;
  for (let atMs = everyMs; atMs <= END_MS; atMs += everyMs) {
    await cluster.advance(atMs);
    const fresh = cluster.drain();
    history.append(picture, fresh, atMs);
    picture = after(picture, fresh, atMs);
    events.push(...fresh);
  }
  return { history, events };
}

/** Arrived messages go at the end of a fold, so that they depend on how events were divided into folds. */
const withoutMessages = ({ state, ...rest }: Picture) => ({ ...rest, state: { ...state, messages: {} } });

test('any moment that was seen is what its events come to', async () => {
  const { history, events } = await seen(250);
  for (const atMs of [0, 1, 249.5, 250, 3999, 4000, 10_017, 14_000, END_MS]) {
    const past = events.filter((event) => event.atMs <= atMs);
    const whole = after(EMPTY_PICTURE, past, atMs);
    expect(withoutMessages(history.at(atMs)!)).toEqual(withoutMessages(whole));
  }
  expect(history.at(END_MS + 1)).toBeUndefined();
});

test('after a branch nothing is known of the future that was', async () => {
  const { history, events } = await seen(500);
  const back = history.at(9000)!;
  history.forgetAfter(back);
  expect(history.at(9001)).toBeUndefined();
  expect(withoutMessages(history.at(9000)!)).toEqual(withoutMessages(back));
  const other = events.filter(({ atMs }) => atMs > 9000 && atMs <= 9500);
  history.append(back, other, 9500);
  expect(history.at(9200)!.state.nowMs).toBe(9200);
});

test('a long run is forgotten from its beginning', () => {
  const history = new History<Picture>(after);
  let picture = EMPTY_PICTURE;
  for (let i = 0; i < 200; i++) {
    const events = Array.from({ length: 1000 }, (_, k) => ({
      ...{ seq: i * 1000 + k + 1, atMs: i * 100, who: 'simulation', what: 'nothing' },
    }));
    history.append(picture, events, i * 100 + 99);
    picture = { ...picture, state: { ...picture.state, nowMs: i * 100 + 99, lastSeq: (i + 1) * 1000 } };
  }
  expect(history.at(500)).toBeUndefined();
  expect(history.at(15_000)).toBeDefined();
});

test('a player that is told that the moment is known says where it goes on, and nothing twice', async () => {
  const heard: FromWorker[] = [];
  let nowMs = 0;
  const player = new Player({
    nowMs: () => (nowMs += 0.01),
    later: (_ms, run) => void setImmediate(run),
    send: (message) => void heard.push(message),
  });
  const all = () => heard.flatMap((one) => (one.type === 'events' ? one.events : []));
  await player.handle({ type: 'load', run: RUN, atMs: 9000 });
  const first = all();
  heard.length = 0;
  await player.handle({ type: 'seek', atMs: 5000, isKnown: true });
  const resumed = heard.find((one) => one.type === 'resumed')!;
  expect(heard.map(({ type }) => type)).toEqual(['resumed', 'time']);
  expect(resumed.lastSeq).toBe(first.filter(({ atMs }) => atMs <= 5000).at(-1)!.seq);
  expect(resumed.messages.every(({ arrivesMs }) => arrivesMs === null || arrivesMs > 5000)).toBe(true);
  const picture = withMessages(EMPTY_PICTURE, resumed.lastSeq, resumed.messages);
  expect(Object.keys(picture.state.messages)).toHaveLength(resumed.messages.length);
  heard.length = 0;
  await player.handle({ type: 'seek', atMs: 9000 });
  const isMessage = ({ what }: LabEvent) => what === 'message' || what === 'message-gone';
  const later = first.filter(({ seq }) => seq > resumed.lastSeq).filter((event) => !isMessage(event));
  expect(all().filter((event) => !isMessage(event))).toEqual(later);
  await player.handle({ type: 'seek', atMs: 3000 });
  expect(heard.map(({ type }) => type)).toEqual(['events', 'time', 'reset', 'events', 'time']);
});
