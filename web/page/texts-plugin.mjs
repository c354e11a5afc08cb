/**
 * `lab:texts` for the bundle: the lessons and the glossary out of docs, and the lines of src that they and
 * the events name. They are read when the page is built, so they have one home and cannot drift.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';

const NAME = 'lab:texts';

/** A TypeScript file of the page without imports, as a module. */
async function load(esbuild, file) {
  const { code } = await esbuild.transform(fs.readFileSync(file, 'utf8'), { loader: 'ts', format: 'esm' });
  return import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`);
}

/** `root`: of the repository. */
export function textsPlugin(esbuild, root) {
  const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');
  return {
    name: 'texts',
    setup(build) {
      build.onResolve({ filter: /^lab:texts$/ }, () => ({ path: NAME, namespace: 'texts' }));
      build.onLoad({ filter: /.*/, namespace: 'texts' }, async () => {
        const model = path.join(root, 'web/page/model');
        const { parseLesson, parseGlossary, declarationIn } = await load(
          esbuild,
          path.join(model, 'lesson-text.ts'),
        );
        const { ORIGINS } = await load(esbuild, path.join(model, 'origins.ts'));
        const { LESSON_NAMES } = await load(esbuild, path.join(root, 'web/page/lessons/names.ts'));
        const lessons = Object.fromEntries(
          LESSON_NAMES.map((name) => [name, parseLesson(read(`docs/lessons/${name}.md`))]),
        );
        const places = [
          ...Object.values(lessons).flatMap((lesson) => lesson.places),
          ...Object.values(ORIGINS).map(({ source }) => ({
            file: source.split('#')[0],
            symbol: source.split('#')[1],
          })),
        ];
        const sources = Object.fromEntries(
          places.flatMap((place) => {
            const found = declarationIn(read(place.file), place);
            return found ? [[`${place.file}#${place.symbol}`, found]] : [];
          }),
        );
        const contents = JSON.stringify({
          lessons,
          glossary: parseGlossary(read('docs/glossary.md')),
          sources,
        });
        return { contents, loader: 'json' };
      });
    },
  };
}
