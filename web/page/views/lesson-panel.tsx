/** A lesson beside the picture, in four steps. What it says is the page in docs/lessons. */
import texts from 'lab:texts';
import { useEffect, useRef, useState } from 'preact/hooks';
import { lessonNamed } from '../lessons/all-lessons';
import {
  Break,
  brokenMs,
  comparedRun,
  isBreak,
  isNext,
  isOver,
  LessonScript,
  LessonStep,
  Seeing,
  Step,
  STEPS,
} from '../lessons/script';
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
          <div class="choices">
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
          </div>
        </fieldset>
      ))}
      <button type="button" class="next" disabled={!isDone} onClick={next}>
        now break it ▸
      </button>
    </>
  );
}

/** A break as its button: pressed when it is its turn, and possible. */
function BreakButton({ lesson, one, seeing }: { lesson: LessonScript; one: Break; seeing: Seeing }) {
  const store = useStore();
  const wanted = isNext(lesson, one, seeing.notes) ? one.actions(seeing.state) : undefined;
  return (
    <button
      type="button"
      class="break"
      disabled={!wanted}
      data-break={lesson.steps.filter(isBreak).indexOf(one)}
      onClick={() => {
        for (const action of wanted ?? []) store.act(action);
      }}
    >
      ✝ {one.label(seeing.state)}
    </button>
  );
}

function BreakIt({ lesson, seeing }: { lesson: LessonScript; seeing: Seeing }) {
  const settings = Object.entries(lesson.run?.settings ?? {});
  return (
    <>
      <p>{lesson.hint}</p>
      {settings.length > 0 && (
        <p class="dim">
          Settings of this lesson: <code>{settings.map((one) => one.join('=')).join(' ')}</code>
        </p>
      )}
      <div class="buttons column">
        {lesson.steps.filter(isBreak).map((one) => (
          <BreakButton key={one.name} lesson={lesson} one={one} seeing={seeing} />
        ))}
      </div>
    </>
  );
}

/** A line of what is to be seen; a break among them is a button when it is its turn. */
function SeeStep({ lesson, one, seeing }: { lesson: LessonScript; one: LessonStep; seeing: Seeing }) {
  const { notes } = seeing;
  const atMs = notes[one.name];
  const isTurn = isNext(lesson, one, notes);
  if (one.kind === 'break') {
    if (!isTurn) return null;
    return (
      <li class="to-do">
        <span class="tick" />
        <BreakButton lesson={lesson} one={one} seeing={seeing} />
      </li>
    );
  }
  const isSeen = atMs !== undefined;
  return (
    <li class={isSeen ? 'seen' : isTurn ? 'next-one' : ''} data-sight={one.name}>
      <span class="tick">{isSeen ? '✓' : isTurn ? '…' : ''}</span>
      <span>{one.label}</span>
      <time>{isSeen ? since(atMs - (brokenMs(lesson, notes) ?? 0)) : ''}</time>
    </li>
  );
}

function Truths({ lesson, seeing, guesses }: { lesson: LessonScript; seeing: Seeing; guesses: Guesses }) {
  return (
    <>
      {lesson.predictions.map(({ id, label, truth }) => {
        const is = truth(seeing);
        const guess = guesses[id];
        const said = guess === is ? ' – as you said.' : ` – you said ${guess}. Why?`;
        return (
          <p key={id} class={`truth ${guess === undefined ? '' : guess === is ? 'right' : 'wrong'}`}>
            {label}: <b>{is}</b>
            {guess === undefined ? '' : said}
          </p>
        );
      })}
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
  const store = useStore();
  const here = useRef<HTMLDivElement>(null);
  const { notes } = seeing;
  const done = lesson.steps.filter(({ name }) => name in notes).length;
  useEffect(() => {
    const turns = here.current?.querySelectorAll('.to-do, .next-one, .next') ?? [];
    [...turns].at(-1)?.scrollIntoView({ block: 'nearest' });
  }, [done]);
  return (
    <div ref={here}>
      <ol class="sights">
        {lesson.steps.map((one) => (
          <SeeStep key={one.name} lesson={lesson} one={one} seeing={seeing} />
        ))}
      </ol>
      {isOver(lesson, notes) && (
        <>
          <Truths lesson={lesson} seeing={seeing} guesses={guesses} />
          {lesson.compare && (
            <button
              type="button"
              class="compare"
              onClick={() => store.load(comparedRun(lesson, store.run.value))}
            >
              ↺ {lesson.compare.label}
            </button>
          )}
          <button type="button" class="next" onClick={next}>
            read the lines ▸
          </button>
        </>
      )}
    </div>
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
  const seeing = { state: store.state.value, notes: store.notes.value };
  const isBroken = lesson !== undefined && brokenMs(lesson, seeing.notes) !== null;
  useEffect(() => {
    if (isBroken && step !== 'Read') setStep('See');
    if (!isBroken && step === 'See') setStep('Break');
  }, [isBroken]);
  useEffect(() => {
    setStep('Predict');
    setGuesses({});
  }, [lesson]);
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
        {step === 'Break' && <BreakIt lesson={lesson} seeing={seeing} />}
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
