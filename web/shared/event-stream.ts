/**
 * Reads the lines of a stream of server-sent events. Of the format only what our server writes: `id:`,
 * `event:` and one `data:` line each.
 */
export interface StreamEvent {
  readonly id: string | null;
  readonly event: string;
  readonly data: string;
}

/** More text than that without an end of an event is no stream of ours. */
const MAX_EVENT_LENGTH = 64 * 1024 * 1024;

export class EventStreamReader {
  private parts: string[] = [];
  private length = 0;

  /** The events that are complete now. Throws an Error that explains if the text is no such stream. */
  take(text: string): StreamEvent[] {
    this.parts.push(text);
    this.length += text.length;
    if (this.length > MAX_EVENT_LENGTH) throw new Error('an event of the stream has no end');
    // The end of an event may be divided between two texts.
    if (!text.includes('\n')) return [];
    const blocks = this.parts.join('').split('\n\n');
    const rest = blocks.pop()!;
    this.parts = rest === '' ? [] : [rest];
    this.length = rest.length;
    return blocks.flatMap((block) => {
      const event = parseBlock(block);
      return event ? [event] : [];
    });
  }
}

function parseBlock(block: string): StreamEvent | undefined {
  const fields = new Map<string, string>();
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ''));
  }
  const [event, data] = [fields.get('event'), fields.get('data')];
  if (event === undefined || data === undefined) return undefined;
  return { id: fields.get('id') ?? null, event, data };
}

/** Data of several lines would need several `data:`; JSON has none. */
export function formatEvent(event: string, data: string, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`;
}
