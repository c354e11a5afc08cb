/** What can be asked for with choices: a form at a time, beside the picture. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { Field, Form, FORMS, outcomeOf, Values } from '../model/forms';
import { useStore } from './store-context';

function Input({ field, value, change }: { field: Field; value: string; change: (value: string) => void }) {
  const { name, kind, options = [], doc } = field;
  if (kind === 'check')
    return (
      <input
        type="checkbox"
        name={name}
        title={doc}
        checked={value === 'true'}
        onChange={(event) => change(String(event.currentTarget.checked))}
      />
    );
  if (kind === 'choice')
    return (
      <select name={name} title={doc} value={value} onChange={(event) => change(event.currentTarget.value)}>
        {options.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    );
  return (
    <>
      <input
        type={kind === 'number' ? 'number' : 'text'}
        name={name}
        title={doc}
        value={value}
        list={options.length > 0 ? `${name}-options` : undefined}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => change(event.currentTarget.value)}
      />
      {options.length > 0 && (
        <datalist id={`${name}-options`}>
          {options.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      )}
    </>
  );
}

/** The values that were typed; a field that was not touched follows the cluster. */
function OpenForm({ form }: { form: Form }) {
  const store = useStore();
  const [typed, setTyped] = useState<Values>({});
  const [problem, setProblem] = useState<string | null>(null);
  const element = useRef<HTMLFormElement>(null);
  useEffect(() => element.current?.querySelector<HTMLElement>('input, select')?.focus(), []);
  const state = store.state.value;
  const fields = form.fields(state, store.run.value);
  const values = { ...Object.fromEntries(fields.map((one) => [one.name, one.value])), ...typed };
  const submit = (event: Event) => {
    event.preventDefault();
    const outcome = outcomeOf(form, values, state, store.run.value);
    setProblem('problem' in outcome ? outcome.problem : null);
    if ('problem' in outcome) return;
    store.openForm(null);
    if ('run' in outcome) store.load(outcome.run);
    else outcome.actions.forEach((action) => store.act(action));
  };
  return (
    <form ref={element} onSubmit={submit} data-form={form.id}>
      <p class="dim">{form.doc}</p>
      {fields.map((field) => (
        <label key={field.name} title={field.doc}>
          <span>{field.label}</span>
          <Input
            field={field}
            value={values[field.name]!}
            change={(value) => setTyped({ ...typed, [field.name]: value })}
          />
        </label>
      ))}
      {problem !== null && (
        <p class="problem" role="alert">
          ✗ {problem}
        </p>
      )}
      <button type="submit" class="next">
        {form.button}
      </button>
    </form>
  );
}

export function FormsPanel() {
  const store = useStore();
  const open = store.form.value;
  const form = FORMS.find(({ id }) => id === open);
  if (!form) return null;
  return (
    <section class="forms panel" aria-label="new">
      <h2>
        <select
          aria-label="what to do"
          value={form.id}
          onChange={(event) => store.openForm(event.currentTarget.value)}
        >
          {FORMS.map(({ id, title }) => (
            <option key={id} value={id}>
              {title}
            </option>
          ))}
        </select>
        <button type="button" class="small" title="close (Esc)" onClick={() => store.openForm(null)}>
          ✕
        </button>
      </h2>
      <div class="body">
        <OpenForm key={form.id} form={form} />
      </div>
    </section>
  );
}
