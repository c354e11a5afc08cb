/** What texts-plugin.mjs reads from docs and src when the page is built. */
declare module 'lab:texts' {
  import { LessonText, SourceLines } from './model/lesson-text';

  const texts: {
    readonly lessons: Readonly<Record<string, LessonText>>;
    readonly glossary: Readonly<Record<string, { readonly term: string; readonly text: string }>>;
    /** By `file#symbol`. */
    readonly sources: Readonly<Record<string, SourceLines>>;
  };
  export default texts;
}
