/** A link between two hosts: whole, slow or cut, in one direction or both. */
import { State } from '../../shared/state';
import { isCutFrom, slownessOf } from '../model/faults';
import { whoIs } from '../model/who';
import { useStore } from './store-context';

const SLOW_MS = [50, 500, 5000];

interface LinkProps {
  readonly from: string;
  readonly to: string;
  readonly state: State;
}

function words({ from, to, state }: LinkProps): string {
  if (isCutFrom(state, from, to)) return 'Cut: what is sent waits, and is lost if the connection breaks.';
  const slowMs = slownessOf(state, from, to);
  return slowMs > 0 ? `Slow: what is sent takes at least ${slowMs} ms.` : 'Whole.';
}

export function LinkDetails(props: LinkProps) {
  const { from, to, state } = props;
  const store = useStore();
  const isCut = isCutFrom(state, from, to);
  const isSlow = slownessOf(state, from, to) > 0;
  const [a, b] = [whoIs(state, from), whoIs(state, to)];
  const cut = (one: string, other: string, isOneWay: boolean) =>
    store.act({ what: 'cut-link', from: one, to: other, isOneWay });
  const slow = (delayMs: number) => store.act({ what: 'slow-link', from, to, isOneWay: false, delayMs });
  return (
    <>
      <p>{words(props)}</p>
      <div class="buttons">
        {isCut ? (
          <button type="button" onClick={() => store.act({ what: 'heal-link', from, to, isOneWay: false })}>
            ∞ Mend
          </button>
        ) : (
          <>
            <button type="button" onClick={() => cut(from, to, false)}>
              ✂ Cut both ways
            </button>
            <button type="button" onClick={() => cut(from, to, true)}>
              ✂ {a} → {b}
            </button>
            <button type="button" onClick={() => cut(to, from, true)}>
              ✂ {b} → {a}
            </button>
          </>
        )}
        {isSlow ? (
          <button type="button" onClick={() => slow(0)}>
            » Fast again
          </button>
        ) : (
          SLOW_MS.map((ms) => (
            <button key={ms} type="button" onClick={() => slow(ms)}>
              ◷ Slow, {ms} ms
            </button>
          ))
        )}
      </div>
    </>
  );
}
