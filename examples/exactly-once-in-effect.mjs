// Work first, then commit, and do nothing twice: the ledger itself says which payments were made. Every record arrives at
// least once, its effect happens once. It takes a key of the work (here the payment's id) and a store in which the effect
// and the note of it are one write.
import { Consumer } from 'samsa';
import { openLedger, settings, untilDone } from './ledger.mjs';
import { cluster, maybeCrash, topic } from './where.mjs';

const ledger = openLedger();
const consumer = new Consumer({ ...cluster, ...settings });
await consumer.subscribe([topic]);
await untilDone(consumer, async (records) => {
  for (const { value } of records) {
    const id = value.toString();
    if (!ledger.has(id)) ledger.pay(id);
    maybeCrash();
  }
  if (records.length > 0) await consumer.commitSync();
});
