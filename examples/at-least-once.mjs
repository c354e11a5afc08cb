// Work first, then commit: a crash between the two repeats what was done and not yet committed. Nothing is lost.
import { Consumer } from 'samsa';
import { openLedger, settings, untilDone } from './ledger.mjs';
import { cluster, maybeCrash, topic } from './where.mjs';

const ledger = openLedger();
const consumer = new Consumer({ ...cluster, ...settings });
await consumer.subscribe([topic]);
await untilDone(consumer, async (records) => {
  for (const { value } of records) {
    ledger.pay(value.toString());
    maybeCrash();
  }
  if (records.length > 0) await consumer.commitSync();
});
