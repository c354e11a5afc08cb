/** A lesson beside the picture, in four steps. What it says is the page in docs/lessons. */
import texts from 'lab:texts';
import { useEffect, useState } from 'preact/hooks';
import { lessonNamed } from '../lessons/all-lessons';
import { isOver, LessonScript, Seeing, sightsSeen, Step, STEPS } from '../lessons/script';
import { Inline, LessonText } from '../model/lesson-text';
import { since } from '../model/words';
import { SourceText } from './source-text';
import { useStore } from './store-context';
import { Term } from './term';

function Words({ inlines }: { inlines: readonly Inline[] }) {
  return (
    <>
      {inlines.map(({ kind, text, to }, i) => {
        if (kind === 'code') return <code key={i}>{text}</code>;
        if (kind === 'term')
          return (
            <Term key={i} id={to!}>
              {text}
            </Term>
          );
        return <span key={i}>{text.replace(/\*([^*]+)\*/g, '$1')}</span>;
      })}
    </>
  );
}

type Guesses = Readonly<Record<string, string>>;

function Predict({
  lesson,
  text,
  guesses,
  guess,
  next,
}: {
  lesson: LessonScript;
  text: LessonText;
  guesses: Guesses;
  guess: (id: string, choice: string) => void;
  next: () => void;
}) {
  const isDone = lesson.predictions.every(({ id }) => id in guesses);
  return (
    <>
      <p class="question">
        <Words inlines={text.question} />
      </p>
      {lesson.predictions.map(({ id, label, choices }) => (
        <fieldset key={id}>
          <legend>{label}</legend>
          {choices.map((choice) => (
            <button
              key={choice}
              type="button"
              class={guesses[id] === choice ? 'on' : ''}
              aria-pressed={guesses[id] === choice}
              data-guess={`${id}:${choice}`}
              onClick={() => guess(id, choice)}
            >
              {choice}
            </button>
          ))}
        </fieldset>
      ))}
      <button type="button" class="next" disabled={!isDone} onClick={next}>
        now break it ▸
      </button>
    </>
  );
}

function Break({ lesson, seeing }: { lesson: LessonScript; seeing: Seeing }) {
  const store = useStore();
  return (
    <>
      <p>The producer writes with acks=all. Watch the bars, then:</p>
      <div class="buttons column">
        {lesson.breaks.map(({ label, action }, i) => {
          const wanted = action(seeing.state);
          return (
            <button
              key={i}
              type="button"
              class="break"
              disabled={!wanted}
              data-break={i}
              onClick={() => {
                if (wanted) store.act(wanted);
              }}
            >
              ✝ {label(seeing.state)}
            </button>
          );
        })}
      </div>
    </>
  );
}

function See({
  lesson,
  seeing,
  guesses,
  next,
}: {
  lesson: LessonScript;
  seeing: Seeing;
  guesses: Guesses;
  next: () => void;
}) {
  const seen = sightsSeen(lesson, seeing);
  const startMs =
    seeing.chronicle.incidents.find(({ moved }) => Object.keys(moved).length > 0)?.atMs ??
    seeing.chronicle.lastFaultMs ??
    0;
  const waitsFor = seen.findIndex((one) => one === null);
  return (
    <>
      <ol class="sights">
        {lesson.sights.map(({ label }, i) => (
          <li key={label} class={seen[i] !== null ? 'seen' : i === waitsFor ? 'next-one' : ''}>
            <span class="tick">{seen[i] !== null ? '✓' : i === waitsFor ? '…' : ''}</span>
            <span>{label}</span>
            <time>{seen[i] === null ? '' : since(seen[i]! - startMs)}</time>
          </li>
        ))}
      </ol>
      {isOver(seen) && (
        <>
          {lesson.predictions.map(({ id, label, truth }) => {
            const is = truth(seeing);
            const isRight = guesses[id] === is;
            return (
              <p key={id} class={`truth ${guesses[id] === undefined ? '' : isRight ? 'right' : 'wrong'}`}>
                {label}: <b>{is}</b>
                {guesses[id] === undefined
                  ? ''
                  : isRight
                    ? ' – as you said.'
                    : ` – you said ${guesses[id]}. Why?`}
              </p>
            );
          })}
          <button type="button" class="next" onClick={next}>
            read the lines ▸
          </button>
        </>
      )}
    </>
  );
}

function Read({ text }: { text: LessonText }) {
  return (
    <>
      {text.sections.map(({ heading, paragraphs }) => (
        <section key={heading}>
          <h3>{heading}</h3>
          {paragraphs.map((paragraph, i) => (
            <p key={i}>
              <Words inlines={paragraph} />
            </p>
          ))}
        </section>
      ))}
      <h3>In the source</h3>
      {text.places.map(({ file, symbol }) => {
        const lines = texts.sources[`${file}#${symbol}`];
        return lines ? (
          <SourceText key={file + symbol} lines={lines} />
        ) : (
          <p key={file + symbol}>
            <code>
              {file}#{symbol}
            </code>
          </p>
        );
      })}
    </>
  );
}

export function LessonPanel() {
  const store = useStore();
  const lesson = lessonNamed(store.run.value.lesson);
  const text = lesson && texts.lessons[lesson.name];
  const [step, setStep] = useState<Step>('Predict');
  const [guesses, setGuesses] = useState<Guesses>({});
  const seeing = { state: store.state.value, chronicle: store.chronicle.value };
  const isBroken = seeing.chronicle.lastFaultMs !== null;
  useEffect(() => {
    if (isBroken && step !== 'Read') setStep('See');
  }, [isBroken]);
  if (!lesson || !text) return null;
  return (
    <section
      class={`lesson panel ${step.toLowerCase()}`}
      aria-label={`lesson: ${lesson.short}`}
      data-lesson={lesson.name}
    >
      <nav class="steps">
        {STEPS.map((one) => (
          <button
            key={one}
            type="button"
            class={one === step ? 'on' : ''}
            aria-current={one === step ? 'step' : undefined}
            data-step={one}
            onClick={() => setStep(one)}
          >
            {one}
          </button>
        ))}
      </nav>
      <div class="body">
        {step === 'Predict' && (
          <Predict
            lesson={lesson}
            text={text}
            guesses={guesses}
            next={() => setStep('Break')}
            guess={(id, choice) => setGuesses({ ...guesses, [id]: choice })}
          />
        )}
        {step === 'Break' && <Break lesson={lesson} seeing={seeing} />}
        {step === 'See' && (
          <>
            {!isBroken && <p>Nothing is broken yet.</p>}
            {isBroken && (
              <See lesson={lesson} seeing={seeing} guesses={guesses} next={() => setStep('Read')} />
            )}
          </>
        )}
        {step === 'Read' && <Read text={text} />}
      </div>
    </section>
  );
}
