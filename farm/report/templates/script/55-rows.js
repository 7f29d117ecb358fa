// Rows of a table, only those in sight: above and below them are two rows as high as what is left out.

const BEYOND = 12;
const PRINTED_ROWS = 1000;

class Rows {
  /** `draw(at)` makes a row, all of one height; `scroller` is what scrolls, the window where it is null. */
  constructor(table, draw, scroller = null) {
    this.body = h("tbody");
    this.above = h("tbody", { class: "gap", "aria-hidden": "true" }, h("tr", {}, h("td")));
    this.below = h("tbody", { class: "gap", "aria-hidden": "true" }, h("tr", {}, h("td")));
    table.append(this.above, this.body, this.below);
    this.table = table;
    this.draw = draw;
    this.scroller = scroller;
    this.count = 0;
    this.drawn = new Map();
    this.height = 0;
    this.asked = false;
    (scroller ?? window).addEventListener("scroll", () => this.later(), { passive: true });
    addEventListener("resize", () => {
      this.height = 0;
      this.later();
    });
  }

  /** There are `count` rows now, none like before. */
  reset(count) {
    this.count = count;
    this.drawn.clear();
    this.body.replaceChildren();
    this.table.setAttribute("aria-rowcount", count + 1);
    this.update();
  }

  later() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.update();
    });
  }

  update(all = false) {
    if (!this.count || this.table.offsetParent === null) {
      this.gaps(0, 0);
      return;
    }
    if (!this.height) this.measure();
    let [first, last] = [0, Math.min(this.count, PRINTED_ROWS)];
    if (!all) {
      const { top } = this;
      const box = this.scroller?.getBoundingClientRect();
      const [from, to] = box ? [box.top, box.bottom] : [0, innerHeight];
      first = Math.max(0, Math.floor((from - top) / this.height) - BEYOND);
      last = Math.min(this.count, Math.ceil((to - top) / this.height) + BEYOND);
      first = Math.min(first, Math.max(0, last - 1));
    }
    for (const [at, row] of this.drawn) {
      if (at < first || at >= last) {
        row.remove();
        this.drawn.delete(at);
      }
    }
    let next = this.body.firstChild;
    for (let at = first; at < last; at++) {
      const there = this.drawn.get(at);
      if (there) {
        next = there.nextSibling;
        continue;
      }
      const row = this.draw(at);
      row.setAttribute("aria-rowindex", at + 2);
      this.drawn.set(at, row);
      this.body.insertBefore(row, next);
    }
    this.gaps(first, all ? 0 : this.count - last);
  }

  /** Where the first row is or would be, from the upper edge of the window. */
  get top() {
    return this.table.getBoundingClientRect().top + (this.table.tHead?.offsetHeight ?? 0);
  }

  measure() {
    const row = this.draw(0);
    this.body.append(row);
    this.height = row.getBoundingClientRect().height || 30;
    row.remove();
  }

  gaps(above, below) {
    this.above.firstChild.firstChild.style.height = `${above * this.height}px`;
    this.below.firstChild.firstChild.style.height = `${below * this.height}px`;
    this.above.hidden = !above;
    this.below.hidden = !below;
  }

  /** Bring a row into sight and its first link into focus. */
  focus(at) {
    if (at < 0 || at >= this.count) return;
    if (!this.drawn.has(at)) {
      const offset = this.top + at * this.height;
      if (this.scroller) this.scroller.scrollTop += offset - this.scroller.getBoundingClientRect().top - 100;
      else scrollBy(0, offset - innerHeight / 2);
      this.update();
    }
    const row = this.drawn.get(at);
    row?.querySelector("a, button")?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: "nearest" });
  }

  /** The row that has the focus, -1 for none. */
  focused() {
    for (const [at, row] of this.drawn) if (row.contains(document.activeElement)) return at;
    return -1;
  }
}
