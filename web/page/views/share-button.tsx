/** Copies the address of the page: it holds the run. */
import { useState } from 'preact/hooks';

export function ShareButton() {
  const [isCopied, setCopied] = useState(false);
  const copy = () => {
    navigator.clipboard.writeText(location.href).then(
      () => setCopied(true),
      () => setCopied(false),
    );
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <button type="button" title="copy the link: whoever opens it sees this run" onClick={copy}>
      {isCopied ? 'copied ✓' : 'share link'}
    </button>
  );
}
