/**
 * One message, one line: what clients call themselves and their groups stands in log lines, and must not be able
 * to look like others, nor to steer a terminal.
 *
 * Invariant: the result has no control character and no line break, but for those before the lines of a stack;
 * such a line begins with `    at`, as no line of a log does.
 *
 * Kafka leaves this to log4j's layout, which by default does not do it.
 */

/** A name of 32 KB, or a list of such, is told by its beginning. */
const MAX_CHARACTERS = 20_000;
/** Control characters, line separators, and what turns the direction of text. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;
const STACK_LINE = '\n    at ';
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string, at: number, text: string): string {
  if (character === '\n' && text.startsWith(STACK_LINE, at)) return character;
  return SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

export function logLine(message: string): string {
  const text = message.length > MAX_CHARACTERS ? `${message.slice(0, MAX_CHARACTERS)}…` : message;
  return text.replace(CONTROL, escaped);
}
