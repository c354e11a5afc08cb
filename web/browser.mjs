/** What the scripts that drive the page share: where Chromium is, and a server for a folder. */
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as path from 'node:path';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

/** Debian's, or the one that SAMSA_CHROMIUM names. */
export function chromiumPath() {
  const found = [process.env.SAMSA_CHROMIUM ?? '', ...PLACES].find((place) => place && fs.existsSync(place));
  if (!found) throw new Error('no Chromium: apt-get install chromium, or name one in SAMSA_CHROMIUM');
  return found;
}

export async function serveFolder(directory) {
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const file = path.join(directory, path.basename(pathname === '/' ? 'index.html' : pathname));
    const exists = fs.existsSync(file);
    response.writeHead(exists ? 200 : 404, { 'content-type': TYPES[path.extname(file)] ?? 'text/plain' });
    response.end(exists ? fs.readFileSync(file) : '');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}
