/**
 * The size of an element as it is now, and again whenever it changes; in units of the picture, see
 * UNIT_TEXT_PX.
 */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Drawings are made for text of this size; on a larger screen they grow with it. */
const UNIT_TEXT_PX = 12.6;

export interface Size {
  readonly width: number;
  readonly height: number;
  readonly scale: number;
}

export function useSize<E extends Element>() {
  const element = useRef<E>(null);
  const [size, setSize] = useState<Size | null>(null);
  useLayoutEffect(() => {
    const measured = element.current;
    if (!measured) return undefined;
    const measure = () => {
      const { width, height } = measured.getBoundingClientRect();
      const scale = parseFloat(getComputedStyle(document.documentElement).fontSize) / UNIT_TEXT_PX;
      setSize({ width: width / scale, height: height / scale, scale });
    };
    const observer = new ResizeObserver(measure);
    observer.observe(measured);
    measure();
    return () => observer.disconnect();
  }, []);
  return [element, size] as const;
}
