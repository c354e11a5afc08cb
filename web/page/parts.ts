/**
 * The parts of the state, each a signal of its own. The fold leaves what an event does not touch as the
 * same object, so a view that reads a part is drawn again only when that part has changed, not in every
 * frame.
 */
import { computed, ReadonlySignal, Signal } from '@preact/signals';
import { EMPTY_STATE, State } from '../shared/state';

export type Parts = { readonly [K in keyof State]: ReadonlySignal<State[K]> };

export function partsOf(state: Signal<State>): Parts {
  const names = Object.keys(EMPTY_STATE) as (keyof State)[];
  return Object.fromEntries(
    names.map((name) => [name, computed(() => state.value[name])]),
  ) as unknown as Parts;
}
