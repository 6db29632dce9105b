/** Text in drawings, which does not wrap or cut itself. */

/** About how wide a letter is, as a share of the size of the font: East Asian letters and emoji take twice as much. */
const LETTER = 0.58;
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u;

export function widthOf(text: string, size: number): number {
  let letters = 0;
  for (const letter of text) letters += WIDE.test(letter) ? 1.8 : 1;
  return letters * LETTER * size;
}

/** The text, or as much of its beginning as fits, with a sign that it goes on. */
export function cut(text: string, width: number, size: number): string {
  if (widthOf(text, size) <= width) return text;
  let kept = "";
  for (const letter of text) {
    if (widthOf(`${kept}${letter}…`, size) > width) break;
    kept += letter;
  }
  return `${kept}…`;
}
