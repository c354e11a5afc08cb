/**
 * Makes one line of a message for the log. Messages contain client ids, group ids and other text from
 * outside, which must neither forge further log lines nor send control sequences to a terminal.
 *
 * Invariant: the result contains no control character and no line break, except the line breaks of a stack
 * trace. A line of a stack trace begins with ` at`; no other line of a log does.
 *
 * Kafka leaves this to log4j's layout, which by default does not do it.
 */

/** A longer message is truncated: a name may have 32 KB, and a message may contain a list of names. */
const MAX_CHARACTERS = 20_000;
/** Control characters, line separators, and characters that change the direction of text. */
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
