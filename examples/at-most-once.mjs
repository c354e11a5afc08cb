// Commit first, then work: a crash between the two loses what was committed and not yet done. Nothing is done twice.
import { Consumer } from 'samsa';
import { openLedger, settings, untilDone } from './ledger.mjs';
import { cluster, maybeCrash, topic } from './where.mjs';

const ledger = openLedger();
const consumer = new Consumer({ ...cluster, ...settings });
await consumer.subscribe([topic]);
await untilDone(consumer, async (records) => {
  if (records.length > 0) await consumer.commitSync();
  for (const { value } of records) {
    maybeCrash();
    ledger.pay(value.toString());
  }
});
