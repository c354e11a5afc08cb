/**
 * Copies of the compiled project, one for each mutant. Only the patched files are compiled again (one by one,
 * without types: a tenth of a second).
 *
 * Invariant: the project itself is never changed, and changes to the project during the run do not affect the
 * copies.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { applyChange, Mutant } from './mutant-patch';

/**
 * What a copy contains besides dist. The launcher is copied, not linked, because it finds dist relative to
 * its own path.
 */
const LINKED = ['node_modules', 'test', 'config', 'scripts', 'docs', 'examples', 'esm', 'bench'];
const COPIED = ['bin', 'package.json', 'src'];
/** The compiled files are CommonJS, so jest need not transform them. */
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
   * The sources and compiled files at the start. Never written to: the copies are hard links to its files.
   */
  private readonly base: string;
  private count = 0;

  /** `root`: the project, with src, test and an up-to-date dist. */
  constructor(private readonly root: string) {
    this.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-mutants-'));
    this.base = path.join(this.directory, 'base');
    for (const name of COPIED)
      fs.cpSync(path.join(root, name), path.join(this.base, name), { recursive: true });
    for (const name of ['src', 'test']) {
      eachScript(path.join(root, 'dist', name), path.join(this.base, 'dist', name), fs.copyFileSync);
    }
  }

  /** Removes all copies. */
  close(): void {
    fs.rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Compiles the patched files into the copy. Returns the problem if they do not compile. */
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
      // A hard link has to be replaced: writing to it would change the original.
      fs.rmSync(target);
      fs.writeFileSync(target, js);
    }
    return undefined;
  }

  /** Makes a new copy of the state at the start. Returns its path. */
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

/** Calls `bring` for each JavaScript file below `from`, with the same path below `to`. */
function eachScript(from: string, to: string, bring: (source: string, target: string) => void): void {
  fs.mkdirSync(to, { recursive: true });
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) eachScript(source, target, bring);
    else if (entry.name.endsWith('.js')) bring(source, target);
  }
}

/** Compiles one file like tsc, but without types, so that no other file is needed. */
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
