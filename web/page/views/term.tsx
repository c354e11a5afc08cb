/** A word of the glossary, explained where it stands. */
import { ComponentChildren } from 'preact';
import texts from 'lab:texts';

export function Term({
  id,
  isWhole,
  children,
}: {
  id: string;
  isWhole?: boolean;
  children?: ComponentChildren;
}) {
  const entry = texts.glossary[id];
  if (!entry) return <>{children}</>;
  if (isWhole)
    return (
      <>
        <b>{entry.term}</b>: {entry.text}
      </>
    );
  return (
    <abbr class="term" tabIndex={0} title={entry.text}>
      {children ?? entry.term}
    </abbr>
  );
}
