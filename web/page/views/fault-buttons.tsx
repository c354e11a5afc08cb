/**
 * What can be done to a broker: as buttons in the details, and as the menu that opens where it was clicked.
 */
import { useEffect, useRef } from 'preact/hooks';
import { Fault, faultsOf } from '../model/faults';
import { useStore } from './store-context';

function Button({ fault }: { fault: Fault }) {
  const store = useStore();
  const { id, label, key, icon, doc, action, impossible } = fault;
  return (
    <button
      type="button"
      class="fault-button"
      disabled={impossible !== null}
      data-fault={id}
      title={`${doc} Key ${key.toUpperCase()}.${impossible ? ` Not now: ${impossible}` : ''}`}
      onClick={() => store.act(action)}
    >
      <span class="icon" aria-hidden="true">
        {icon}
      </span>
      {label}
      <kbd>{key.toUpperCase()}</kbd>
    </button>
  );
}

export function FaultButtons({ broker }: { broker: number }) {
  const { state, source } = useStore();
  return (
    <div class="buttons faults">
      {faultsOf(state.value, broker, source.value.cannot).map((fault) => (
        <Button key={fault.id} fault={fault} />
      ))}
    </div>
  );
}

const MENU = { width: 235, height: 330 };

export function FaultMenu() {
  const store = useStore();
  const at = store.menuAt.value;
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => {
    menu.current?.querySelector<HTMLButtonElement>('button:not([disabled])')?.focus();
  }, [at]);
  if (!at) return null;
  const broker = Number(at.host.replace('broker-', ''));
  const left = Math.min(at.x, window.innerWidth - MENU.width);
  const top = Math.min(at.y, window.innerHeight - MENU.height);
  return (
    <div
      class="menu"
      role="menu"
      ref={menu}
      style={{ left: `${left}px`, top: `${top}px` }}
      aria-label={`what to do to broker ${broker}`}
    >
      <b>Broker {broker}</b>
      <FaultButtons broker={broker} />
    </div>
  );
}
