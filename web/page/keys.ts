/**
 * The keyboard: everything that can be clicked has a key. What a key does is decided here, not in the
 * views.
 */
import { nextSelection } from './model/cycles';
import { faultsOf } from './model/faults';
import { nextSpeed } from './model/speeds';
import { Store } from './store';

export const KEYS: readonly (readonly [keys: string, does: string])[] = [
  ['space', 'stop time, or let it go on'],
  ['→', 'to the next event'],
  ['shift →', 'to the next message'],
  ['←', 'back to the event before'],
  ['Home', 'back to the beginning'],
  ['- and +', 'slower, faster'],
  ['0', 'automatic speed'],
  ['PageUp, PageDown', 'a shorter or longer stretch of time in the timeline'],
  ['End', 'to the present, of real processes'],
  ['1 to 9', 'choose a broker'],
  ['K P R X E T O F I S', 'fault for the chosen broker; K drops a chosen message'],
  ['J L C M Z', 'next replica, link, client, message; ZooKeeper. With shift: the one before'],
  ['Enter', 'to the buttons of what is chosen; Tab goes on'],
  ['N', 'new: clients, topics, settings, records, another run'],
  ['Esc', 'close details or form'],
  ['D', 'dark or light'],
  ['?', 'these keys'],
];

export function isTyping({ target }: KeyboardEvent): boolean {
  return (
    target instanceof HTMLElement &&
    /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) &&
    target.getAttribute('type') !== 'range'
  );
}

function timeKey(store: Store, { key, shiftKey }: KeyboardEvent): boolean {
  const { drivenSpeed } = store.time.value;
  switch (key) {
    case ' ':
      store.toggle();
      return true;
    case 'ArrowRight':
      store.send({ type: 'step', to: shiftKey ? 'message' : 'event' });
      return true;
    case 'ArrowLeft':
      store.back();
      return true;
    case 'Home':
      store.home();
      return true;
    case '+':
    case '=':
      store.setSpeed(nextSpeed(store.speed.value, drivenSpeed, 1));
      return true;
    case '-':
      store.setSpeed(nextSpeed(store.speed.value, drivenSpeed, -1));
      return true;
    case 'PageUp':
      store.zoomBy(0.5);
      return true;
    case 'PageDown':
      store.zoomBy(2);
      return true;
    case 'End':
      if (store.source.value.kind !== 'real') return false;
      store.goLive();
      return true;
    case '0':
      store.setSpeed('auto');
      return true;
    default:
      return false;
  }
}

function faultKey(store: Store, key: string): boolean {
  const chosen = store.selection.value;
  if (chosen?.kind === 'message' && key.toLowerCase() === 'k') {
    store.act({ what: 'drop-message', message: chosen.id });
    return true;
  }
  const broker = store.selectedBroker.value;
  if (broker === null) return false;
  const fault = faultsOf(store.state.value, broker, store.source.value.cannot).find(
    (one) => one.key === key.toLowerCase(),
  );
  if (!fault || fault.impossible !== null) return false;
  store.act(fault.action);
  return true;
}

/** The keyboard goes on in the details of what is chosen. */
function toButtons(): boolean {
  const button = document.querySelector<HTMLElement>('.details .body button:not([disabled])');
  button?.focus();
  return button !== null;
}

/** Returns whether the key meant something. */
export function pressed(store: Store, event: KeyboardEvent): boolean {
  const { key, ctrlKey, metaKey, altKey, shiftKey, target } = event;
  if (key === 'Escape') {
    store.select(null);
    store.openForm(null);
    return true;
  }
  if (ctrlKey || metaKey || altKey || isTyping(event)) return false;
  if (target instanceof HTMLButtonElement && (key === ' ' || key === 'Enter')) return false;
  if (key === 'Enter') return toButtons();
  if (key === 'n' || key === 'N') {
    store.openForm('producer');
    return true;
  }
  const by = shiftKey ? -1 : 1;
  const next = nextSelection(key.toLowerCase(), store.state.value, store.selection.value, by);
  if (next) {
    store.select(next);
    return true;
  }
  if (timeKey(store, event)) return true;
  if (/^[1-9]$/.test(key) && store.state.value.brokers[Number(key)]) {
    store.select({ kind: 'broker', broker: Number(key) });
    return true;
  }
  return faultKey(store, key);
}
