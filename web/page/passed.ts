/** Which exercises were passed in this browser: a tick in the list, and nothing else depends on it. */
const KEY = 'passed-exercises';

export function passedExercises(): readonly string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(kept) ? kept.filter((one) => typeof one === 'string') : [];
  } catch {
    return [];
  }
}

export function keepPassed(name: string): void {
  try {
    localStorage.setItem(KEY, JSON.stringify([...new Set([...passedExercises(), name])]));
  } catch {
    /* a page without storage keeps nothing */
  }
}
