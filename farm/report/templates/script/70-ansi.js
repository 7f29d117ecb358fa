// Colours of a terminal (ECMA-48 SGR) as classes, so that both themes can make them readable. Only SGR is left in the data.

const BASIC = { 1: "bold", 2: "dim", 3: "italic", 4: "under", 7: "inverse", 9: "strike" };
const ENDS = { 22: ["bold", "dim"], 23: ["italic"], 24: ["under"], 27: ["inverse"], 29: ["strike"] };

class Pen {
  constructor() {
    this.clear();
  }

  clear() {
    this.styles = new Set();
    this.front = this.back = -1;
  }

  /** Obey `1;31` or `38;5;196`; what is not known is left alone. */
  obey(text) {
    const codes = text.split(/[;:]/).map(Number);
    for (let at = 0; at < codes.length; at++) {
      const code = codes[at];
      if (code === 0) this.clear();
      else if (BASIC[code]) this.styles.add(BASIC[code]);
      else if (ENDS[code]) ENDS[code].forEach((each) => this.styles.delete(each));
      else if (code >= 30 && code <= 37) this.front = code - 30;
      else if (code >= 90 && code <= 97) this.front = code - 82;
      else if (code === 39) this.front = -1;
      else if (code >= 40 && code <= 47) this.back = code - 40;
      else if (code >= 100 && code <= 107) this.back = code - 92;
      else if (code === 49) this.back = -1;
      else if (code === 38 || code === 48) {
        const [colour, used] =
          codes[at + 1] === 5 ? [palette(codes[at + 2]), 2] : [nearest(...codes.slice(at + 2, at + 5)), 4];
        if (code === 38) this.front = colour;
        else this.back = colour;
        at += used;
      }
    }
  }

  get style() {
    const found = [...this.styles];
    if (this.front >= 0) found.push(`c${this.front}`);
    if (this.back >= 0) found.push(`b${this.back}`);
    return found.join(" ");
  }
}

/** One of 256 as one of the sixteen. */
function palette(number) {
  if (!(number >= 0 && number < 256)) return -1;
  if (number < 16) return number;
  if (number >= 232) return number < 244 ? 8 : 7;
  const cube = number - 16;
  return nearest(Math.floor(cube / 36) * 51, (Math.floor(cube / 6) % 6) * 51, (cube % 6) * 51);
}

function nearest(red, green, blue) {
  const most = Math.max(red, green, blue);
  if (!(most >= 0)) return -1;
  if (most < 64) return 0;
  const bit = (part, value) => (part > most / 2 ? value : 0);
  return bit(red, 1) + bit(green, 2) + bit(blue, 4) + (most > 200 ? 8 : 0);
}

/** A line as nodes; `pen` keeps its colour for the next one, as a terminal does. */
function painted(text, pen) {
  const pieces = text.split(/\x1b\[([0-9;:]*)m/);
  const found = [];
  pieces.forEach((piece, at) => {
    if (at % 2) pen.obey(piece || "0");
    else if (piece) found.push(pen.style ? h("span", { class: pen.style }, piece) : piece);
  });
  return found;
}
