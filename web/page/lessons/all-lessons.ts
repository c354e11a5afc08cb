/** The lessons that the page can play, in the order of the course. */
import { FAILOVER } from './failover';
import { LessonScript } from './script';

export const LESSONS: readonly LessonScript[] = [FAILOVER];

export function lessonNamed(name: string | null): LessonScript | undefined {
  return LESSONS.find((one) => one.name === name);
}
