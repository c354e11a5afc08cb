/** Lines of our source, as they are in the file that runs. */
import { SourceLines } from '../model/lesson-text';

export function SourceText({ lines: { file, symbol, line, text } }: { lines: SourceLines }) {
  return (
    <details class="source">
      <summary>
        <code>{file.replace('src/', '')}</code> <b>{symbol}</b> <span class="dim">line {line}</span>
      </summary>
      <pre>{text}</pre>
    </details>
  );
}
