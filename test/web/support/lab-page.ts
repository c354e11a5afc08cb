/** The lab's page for the tests of one file: built into a folder of its own, served, and a browser. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Browser } from 'playwright-core';
import { launchChromium, serve, StaticServer } from './chromium';

const ROOT = path.join(__dirname, '../../../..');

export interface LabPage {
  /** Undefined where there is no Chromium: then nothing is built either. */
  browser: Browser | undefined;
  server: StaticServer;
}

/** Set before the first test of the file, and gone after the last one. */
export function labPage(): LabPage {
  const lab = {} as LabPage;
  let directory: string;
  beforeAll(async () => {
    lab.browser = await launchChromium();
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-page-'));
    const build = `import('./web/build.mjs').then((one) => one.build(${JSON.stringify(directory)}))`;
    if (lab.browser) execFileSync(process.execPath, ['-e', build], { cwd: ROOT, stdio: 'inherit' });
    lab.server = await serve(directory);
  });
  afterAll(async () => {
    await lab.server.close();
    await lab.browser?.close();
    fs.rmSync(directory, { recursive: true });
  });
  return lab;
}
