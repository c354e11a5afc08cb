/** The verdict and the promises that are checked all the time: a tick or a cross, not colour alone. */
import { CHECKS } from '../../shared/events';
import { shortNumber } from '../model/bars';
import { moment } from '../model/words';
import { useStore } from './store-context';

function Count({
  label,
  value,
  isBad,
  isBroken,
  doc,
}: {
  label: string;
  value: number;
  isBad?: boolean;
  /** A promise was broken: only then it is red. */
  isBroken?: boolean;
  doc: string;
}) {
  const isKnown = useStore().parts.verdict.value !== null;
  return (
    <div class={`count ${isBad ? (isBroken ? 'bad' : 'warm') : ''}`} title={doc}>
      <b>{isKnown ? shortNumber(value) : '–'}</b>
      <span>{label}</span>
    </div>
  );
}

export function Verdict() {
  const { parts } = useStore();
  const [verdict, checks] = [parts.verdict.value, parts.checks.value];
  const { acked = 0, read = 0, lost = 0, duplicated = 0, reordered = 0 } = verdict ?? {};
  const isKept = checks['acked-kept']?.isGood !== false;
  const checked = CHECKS.filter(({ check }) => check in checks).length;
  const broken = CHECKS.filter(({ check }) => checks[check]?.isGood === false);
  return (
    <section class="verdict" aria-label="verdict" data-verdict>
      <div class="counts">
        <Count label="acked" value={acked} doc="records that were acknowledged to their producer" />
        <Count label="read" value={read} doc="records that consumers were handed" />
        <Count
          label="lost"
          value={lost}
          isBad={lost > 0}
          isBroken={!isKept}
          doc="acknowledged, and no longer in the log"
        />
        <Count label="duplicated" value={duplicated} isBad={duplicated > 0} doc="more than once in the log" />
        <Count
          label="reordered"
          value={reordered}
          isBad={reordered > 0}
          doc="in another order than they were sent in"
        />
      </div>
      <ul class="checks">
        {CHECKS.map(({ check, promise }) => {
          const seen = checks[check];
          const isBroken = seen?.isGood === false;
          const title = isBroken
            ? `${promise}: broken at ${moment(seen.seenMs)}. ${seen.why ?? ''}`
            : `${promise}${seen ? '' : ': not checked here'}`;
          return (
            <li key={check} class={isBroken ? 'bad' : seen ? '' : 'unchecked'} title={title}>
              {isBroken ? '✗' : seen ? '✓' : '–'} {check.replaceAll('-', ' ')}
            </li>
          );
        })}
      </ul>
      <p class={broken.length > 0 ? 'bad' : checked > 0 ? 'good' : ''}>
        {broken.length > 0
          ? `✗ ${broken[0]!.promise}: broken`
          : checked === CHECKS.length
            ? `✓ all ${CHECKS.length} promises hold`
            : checked > 0
              ? `✓ the ${checked} promises that are checked hold`
              : '– a timeline alone proves nothing'}
      </p>
    </section>
  );
}
