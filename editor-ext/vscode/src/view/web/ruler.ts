/** How wide texts are in the page's font. */

const known = new Map<string, number>();
const canvas = document.createElement('canvas').getContext('2d');
let font = '';

/** Pixels that `text` takes on one line; a part of the page's size may be given. */
export function widthOf(text: string, size = 1): number {
  const width = known.get(text) ?? measured(text);
  known.set(text, width);
  return width * size;
}

/** To be called before texts are measured for a picture: the theme, and so the font, may be another. */
export function renew(): void {
  const { fontStyle, fontWeight, fontSize, fontFamily } = getComputedStyle(document.body);
  const now = `${fontStyle} ${fontWeight} ${fontSize} ${fontFamily}`;
  if (now !== font && canvas !== null) {
    font = now;
    canvas.font = now;
    known.clear();
  }
}

/** Without a canvas a guess: wide, so that rather too little is written than half a figure. */
function measured(text: string): number {
  return canvas === null ? text.length * 8 : canvas.measureText(text).width;
}
