/** What makes a part of the picture a button, for the pointer and for the keyboard. */
export function pressable(label: string, press: () => void, tabIndex = 0) {
  return {
    tabIndex,
    'role': 'button' as const,
    'aria-label': label,
    'onClick': (event: MouseEvent) => {
      event.stopPropagation();
      press();
    },
    'onKeyDown': (event: KeyboardEvent) => {
      if (event.key !== 'Enter') return;
      event.preventDefault();
      event.stopPropagation();
      press();
    },
  };
}
