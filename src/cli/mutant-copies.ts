/**
 * Copies of the compiled project, one a mutant, in which only the patched files are compiled anew (file by
 * file, without types: a tenth of a second).
 *
 * Invariant: the project itself is never changed, and a change made to it meanwhile does not reach the
 * copies.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { applyChange, Mutant } from './mutant-patch';

/**
 * What stands beside dist in a copy. The launcher is copied, because its own place tells it where dist is.
 */
const LINKED = ['node_modules', 'test', 'config', 'scripts', 'docs', 'examples', 'esm', 'bench'];
const COPIED = ['bin', 'package.json', 'src'];
/** Compiled files are CommonJS: nothing is to be transformed. */
const JEST_CONFIG = {
  testEnvironment: 'node',
  testTimeout: 180_000,
  transform: {},
  watchman: false,
  testMatch: ['<rootDir>/dist/test/**/*.test.js'],
};
export class MutantCopies {
  private readonly directory: string;
  /**
   * The sources and the compiled files as they were at the beginning. Only read: copies are links to its
   * files.
   */
  private readonly base: string;
  private count = 0;

  /** `root`: the project, with src, test and a dist that is up to date. */
  constructor(private readonly root: string) {
    this.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-mutants-'));
    this.base = path.join(this.directory, 'base');
    for (const name of COPIED)
      fs.cpSync(path.join(root, name), path.join(this.base, name), { recursive: true });
    for (const name of ['src', 'test']) {
      eachScript(path.join(root, 'dist', name), path.join(this.base, 'dist', name), fs.copyFileSync);
    }
  }

  /** Removes all of them. */
  close(): void {
    fs.rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Compiles the patched files into the copy; returns why not, if it cannot. */
  plant({ changes }: Mutant, copy: string): string | undefined {
    for (const change of changes) {
      const source = fs.readFileSync(path.join(this.base, change.path), 'utf8');
      let patched;
      try {
        patched = applyChange(source, change);
      } catch (error) {
        return (error as Error).message;
      }
      const { js, problem } = transpile(change.path, patched);
      if (problem !== undefined) return `${change.path} does not compile: ${problem}`;
      if (js === transpile(change.path, source).js)
        return `${change.path} does the same with the patch as without`;
      const target = path.join(copy, 'dist', change.path.replace(/\.ts$/, '.js'));
      // A hard link: it must be replaced, not written to.
      fs.rmSync(target);
      fs.writeFileSync(target, js);
    }
    return undefined;
  }

  /** The path of a new copy of what was there at the beginning. */
  make(): string {
    const { root } = this;
    const copy = path.join(this.directory, String(this.count++));
    fs.mkdirSync(copy);
    for (const name of LINKED)
      if (fs.existsSync(path.join(root, name))) fs.symlinkSync(path.join(root, name), path.join(copy, name));
    fs.cpSync(path.join(this.base, 'bin'), path.join(copy, 'bin'), { recursive: true });
    fs.copyFileSync(path.join(this.base, 'package.json'), path.join(copy, 'package.json'));
    fs.symlinkSync(path.join(this.base, 'src'), path.join(copy, 'src'));
    eachScript(path.join(this.base, 'dist'), path.join(copy, 'dist'), fs.linkSync);
    fs.writeFileSync(
      path.join(copy, 'jest.config.json'),
      JSON.stringify({ ...JEST_CONFIG, cacheDirectory: path.join(this.directory, 'cache') }),
    );
    return copy;
  }
}

/** Brings the JavaScript below `from` to the same places below `to`. */
function eachScript(from: string, to: string, bring: (source: string, target: string) => void): void {
  fs.mkdirSync(to, { recursive: true });
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) eachScript(source, target, bring);
    else if (entry.name.endsWith('.js')) bring(source, target);
  }
}

/** As tsc compiles it here, but without types, hence without a look at other files. */
function transpile(file: string, text: string): { js: string; problem: string | undefined } {
  // Loaded only here: no other command needs the compiler.
  const ts = require('typescript') as typeof import('typescript');
  const { outputText, diagnostics } = ts.transpileModule(text, {
    fileName: file,
    reportDiagnostics: true,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.CommonJS,
      esModuleInterop: true,
    },
  });
  const problem = diagnostics?.[0] && ts.flattenDiagnosticMessageText(diagnostics[0].messageText, ' ');
  return { js: outputText, problem };
}
