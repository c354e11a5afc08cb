/**
 * What the address asks for: a run of the virtual cluster (shared/link.ts), the real cluster behind the
 * server, or its replay. The token is kept for this tab, so that the page can be loaded again, and taken out
 * of the address, so that it is not copied along.
 */
import { Place, PLACES } from '../shared/live-protocol';

export interface Asked {
  readonly place: Place;
  readonly token: string;
}

const placeIn = (hash: string): { readonly place: Place | undefined; readonly given: string | undefined } => {
  const [, name, given] = /^#(\w+)(?:\.([\w-]+))?$/.exec(hash) ?? [];
  return { place: PLACES.find((one) => one === name), given };
};

export const isPlace = (hash: string): boolean => placeIn(hash).place !== undefined;

/** Undefined: the virtual cluster. */
export function askedPlace(): Asked | undefined {
  const { place, given } = placeIn(location.hash);
  if (place === undefined) return undefined;
  const key = `samsa-token-${place}`;
  try {
    if (given !== undefined) sessionStorage.setItem(key, given);
    history.replaceState(null, '', `#${place}`);
    return { place, token: given ?? sessionStorage.getItem(key) ?? '' };
  } catch {
    // Without storage the address keeps it.
    return { place, token: given ?? '' };
  }
}
