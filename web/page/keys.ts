/**
 * The keyboard: everything that can be clicked has a key. What a key does is decided here, not in the
 * views.
 */
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
  ['1 to 9', 'choose a broker'],
  ['K P R X E T O S', 'fault for the chosen broker'],
  ['Esc', 'close details'],
  ['D', 'dark or light'],
  ['?', 'these keys'],
];

function isTyping({ target }: KeyboardEvent): boolean {
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
    case '0':
      store.setSpeed('auto');
      return true;
    default:
      return false;
  }
}

function faultKey(store: Store, key: string): boolean {
  const broker = store.selectedBroker.value;
  if (broker === null) return false;
  const fault = faultsOf(store.state.value, broker).find((one) => one.key === key.toLowerCase());
  if (!fault || fault.impossible !== null) return false;
  store.act(fault.action);
  return true;
}

/** Returns whether the key meant something. */
export function pressed(store: Store, event: KeyboardEvent): boolean {
  const { key, ctrlKey, metaKey, altKey, target } = event;
  if (ctrlKey || metaKey || altKey || isTyping(event)) return false;
  if (key === ' ' && target instanceof HTMLButtonElement) return false;
  if (key === 'Escape') {
    store.select(null);
    return true;
  }
  if (timeKey(store, event)) return true;
  if (/^[1-9]$/.test(key) && store.state.value.brokers[Number(key)]) {
    store.select({ kind: 'broker', broker: Number(key) });
    return true;
  }
  return faultKey(store, key);
}
