/** Rows of comma separated values (RFC 4180), which a spreadsheet opens and takes for text. */

/** A cell that begins so is a formula to a spreadsheet; what was handed in may not become one. */
const FORMULA = /^[=+\-@\t\r]/;

function cell(text: string): string {
  const safe = (FORMULA.test(text) ? `'${text}` : text).replace(/[\r\n]+/g, ' ');
  return /[",]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export const csvRow = (cells: readonly string[]): string => cells.map(cell).join(',');
