/** What was clicked, with its fields, what it is in one sentence, and what can be done to it. */
import { State } from '../../shared/state';
import { Selection } from '../model/selection';
import { whoIs } from '../model/who';
import { BrokerDetails, ReplicaDetails } from './broker-details';
import { ConsumerDetails, ProducerDetails } from './client-details';
import { LineDetails } from './line-details';
import { LinkDetails } from './link-details';
import { MessageDetails } from './message-fields';
import { useStore } from './store-context';
import { ZnodeDetails, ZooKeeperDetails } from './znode-details';

function titleOf(chosen: Selection, state: State): string {
  switch (chosen.kind) {
    case 'broker':
      return `Broker ${chosen.broker}`;
    case 'replica':
      return `${chosen.topic}-${chosen.partition} on broker ${chosen.broker}`;
    case 'znode':
      return chosen.path;
    case 'message':
      return `Message ${chosen.id}`;
    case 'link':
      return `Link ${whoIs(state, chosen.from)} – ${whoIs(state, chosen.to)}`;
    case 'zookeeper':
      return 'ZooKeeper';
    case 'line':
      return 'What happened';
    default:
      return `${chosen.kind} ${chosen.name}`;
  }
}

function Body({ chosen, state }: { chosen: Selection; state: State }) {
  switch (chosen.kind) {
    case 'broker':
      return <BrokerDetails id={chosen.broker} state={state} />;
    case 'replica':
      return <ReplicaDetails chosen={chosen} state={state} />;
    case 'znode':
      return <ZnodeDetails path={chosen.path} state={state} />;
    case 'message':
      return <MessageDetails id={chosen.id} />;
    case 'link':
      return <LinkDetails from={chosen.from} to={chosen.to} state={state} />;
    case 'zookeeper':
      return <ZooKeeperDetails state={state} />;
    case 'line':
      return <LineDetails seq={chosen.seq} />;
    case 'producer':
      return <ProducerDetails name={chosen.name} state={state} />;
    case 'consumer':
      return <ConsumerDetails name={chosen.name} state={state} />;
  }
}

export function DetailsPanel() {
  const store = useStore();
  const chosen = store.selection.value;
  if (!chosen) return null;
  const state = store.state.value;
  return (
    <section class="details panel" aria-label="details" data-details={chosen.kind}>
      <h2>
        {titleOf(chosen, state)}
        <button type="button" class="small" title="close (Esc)" onClick={() => store.select(null)}>
          ✕
        </button>
      </h2>
      <div class="body">
        <Body chosen={chosen} state={state} />
      </div>
    </section>
  );
}
