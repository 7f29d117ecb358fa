// Tests by distributions. A test with axes is one row until it is opened, a mark then stands for several jobs: the worst.

const OPEN_AT_FIRST = 40;
const MARKS_IN_A_CELL = 40;
const LONG_NAME = 34;

class Grid {
  constructor() {
    const { texts } = run.jobs;
    this.single = texts.distro.length === 1;
    this.bands = this.banded();
    const rows = this.bands.reduce((sum, band) => sum + band.variants.length, 0);
    this.open = new Set(
      !this.single && rows <= OPEN_AT_FIRST
        ? this.bands.filter((band) => band.variants.length > 1).map((band) => band.test)
        : [],
    );
    this.onlyBad = h("input", { type: "checkbox", change: () => this.list() });
    this.toggle = h("button", { type: "button", class: "plain", click: () => this.toggleAll() });
    this.head = h("thead");
    const longest = Math.max(0, ...run.jobs.texts.test.map((name) => name.length));
    const names = longest > LONG_NAME ? " long" : "";
    this.table = h(
      "table",
      { class: `grid${this.single ? " single" : ""}${names}`, "aria-labelledby": "grid" },
      this.columns(),
      this.head,
    );
    this.box = h("div", { class: "panel gridbox", tabindex: 0, role: "region", "aria-labelledby": "grid" }, this.table);
    this.rows = new Rows(this.table, (at) => this.row(this.lines[at]), this.box);
    this.box.addEventListener("keydown", (event) => this.key(event));
    const axes = this.bands.some((band) => band.variants.length > 1) && !this.single;
    this.none = nothing();
    this.element = h(
      "section",
      {},
      h(
        "div",
        { class: "head" },
        h("h2", { id: "grid" }, "Tests by distribution"),
        h("span", {}, axes ? this.toggle : "", h("label", {}, this.onlyBad, " only rows with failures")),
      ),
      this.none,
      this.box,
    );
  }

  /** Every test with its axes' values, and of each the jobs by distro. */
  banded() {
    const { jobs } = run;
    const width = jobs.texts.distro.length;
    const bands = new Map();
    for (let number = 0; number < jobs.count; number++) {
      const test = jobs.test[number];
      if (!bands.has(test)) bands.set(test, { test, variants: new Map() });
      const { variants } = bands.get(test);
      const axes = jobs.axes[number];
      if (!variants.has(axes)) variants.set(axes, { axes, cells: Array.from({ length: width }, () => []) });
      variants.get(axes).cells[jobs.distro[number]].push(number);
    }
    return [...bands.values()].map((band) => ({ test: band.test, variants: [...band.variants.values()] }));
  }

  columns() {
    const width = run.jobs.texts.distro.length;
    return h(
      "colgroup",
      {},
      h("col", { class: "label" }),
      this.single ? h("col") : h("col", { class: "cell", span: width }),
      h("col", { class: "sum" }),
    );
  }

  update(numbers) {
    this.seen = new Uint8Array(run.jobs.count);
    for (const number of numbers) this.seen[number] = 1;
    this.list();
  }

  /** The rows that there are now. */
  list() {
    const bad = run.jobs.texts.distro.map(() => 0);
    const lines = [];
    for (const band of this.bands) {
      const variants = band.variants
        .map((variant) => this.narrowed(variant))
        .filter((variant) => variant.any && (variant.bad || !this.onlyBad.checked));
      if (!variants.length) continue;
      for (const variant of variants) variant.cells.forEach((cell, at) => (bad[at] += cell.filter(isBad).length));
      const several = band.variants.length > 1;
      const open = several && this.open.has(band.test);
      const cells = variants[0].cells.map((_, at) => variants.flatMap((variant) => variant.cells[at]));
      lines.push({
        kind: several ? "band" : "test",
        open,
        test: band.test,
        cells,
        bad: variants.reduce((sum, each) => sum + each.bad, 0),
      });
      if (open) lines.push(...variants.map((variant) => ({ kind: "variant", test: band.test, ...variant })));
    }
    this.lines = lines;
    this.heading(bad);
    this.none.hidden = lines.length > 0;
    this.box.hidden = !lines.length;
    const some = this.bands.some((band) => band.variants.length > 1 && !this.open.has(band.test));
    this.toggle.textContent = some ? "open all axes" : "close all axes";
    this.rows.reset(lines.length);
  }

  narrowed(variant) {
    const cells = variant.cells.map((cell) => cell.filter((number) => this.seen[number]));
    const bad = cells.reduce((sum, cell) => sum + cell.filter(isBad).length, 0);
    return { axes: variant.axes, cells, bad, any: cells.some((cell) => cell.length) };
  }

  toggleAll() {
    const closed = this.bands.filter((band) => band.variants.length > 1 && !this.open.has(band.test));
    this.open = new Set(closed.length ? this.bands.map((band) => band.test) : []);
    this.list();
  }

  heading(bad) {
    const names = run.jobs.texts.distro.map((name, at) =>
      h(
        "th",
        { scope: "col", class: bad[at] ? "hit" : "" },
        h(
          "a",
          { href: linkTo({ view: "jobs", distro: [name] }), title: `${name}${bad[at] ? `: ${bad[at]} bad` : ""}` },
          name,
          bad[at] ? h("b", {}, ` ${bad[at]}`) : "",
        ),
      ),
    );
    this.head.replaceChildren(h("tr", {}, h("th", { scope: "col" }, "test"), names, h("td")));
  }

  row(line) {
    const name = run.jobs.texts.test[line.test];
    const about = run.jobs.about[name];
    let label;
    if (line.kind === "variant") {
      label = labelOf(run.jobs.texts.axes[line.axes]) || "(no axes)";
    } else if (line.kind === "band" && !this.single) {
      label = h(
        "button",
        { type: "button", class: "fold", "aria-expanded": String(line.open), click: () => this.fold(line.test) },
        name,
      );
    } else {
      label = `${name}${line.kind === "test" && !this.single ? suffix(line.cells) : ""}`;
    }
    return h(
      "tr",
      { class: line.kind },
      h(
        "th",
        { scope: "row", title: about ? `${name}: ${about}` : line.kind === "variant" ? `${name} ${label}` : name },
        label,
      ),
      line.cells.map((cell) => h("td", {}, this.cell(cell, name))),
      h("td", {}, line.bad ? [h("b", {}, `${line.bad} bad`), h("span", { class: "quiet" }, this.why(line.cells))] : ""),
    );
  }

  /** What the first of the bad ones says, beside the marks where there is room. */
  why(cells) {
    const first = sorted(cells.flat())[0];
    const group = run.groups[run.groupOf.get(first)];
    return ` ${group?.signature || reasonOf(first) || wordOf(first)}`;
  }

  cell(numbers, test) {
    if (!numbers.length) return "";
    if (numbers.length === 1) return markOf(numbers[0], linkTo({ job: run.jobs.id[numbers[0]] }));
    if (this.single) {
      const rest = numbers.length - MARKS_IN_A_CELL;
      const all = h("a", { href: linkTo({ view: "jobs", test: [test] }) }, `+${rest}`);
      const some = rest > 0 ? sorted(numbers).slice(0, MARKS_IN_A_CELL) : numbers;
      return [some.map((number) => markOf(number, linkTo({ job: run.jobs.id[number] }))), rest > 0 ? all : ""];
    }
    const worst = sorted(numbers)[0];
    const bad = numbers.filter(isBad).length;
    const distro = distroOf(worst);
    const title = `${test} on ${distro}: ${bad ? `${bad} of ${numbers.length} bad` : `${numbers.length} jobs, ${wordOf(worst)}`}`;
    return mark(
      run.jobs.outcome[worst],
      linkTo({ view: "jobs", test: [test], distro: [distro] }),
      title,
      bad > 1 ? String(bad) : "",
    );
  }

  fold(test) {
    const at = this.lines.findIndex((line) => line.test === test);
    if (!this.open.delete(test)) this.open.add(test);
    this.list();
    this.rows.focus(at);
    this.rows.drawn.get(at)?.querySelector("button")?.focus();
  }

  /** Arrows walk through the grid. */
  key(event) {
    const cell = document.activeElement?.closest("td, th");
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const at = this.rows.focused();
    if (!plain(event) || !(event.key in steps) || at < 0 || !cell) return;
    event.preventDefault();
    const [down, right] = steps[event.key];
    if (down) {
      const column = cell.cellIndex;
      this.rows.focus(at + down);
      this.rows.drawn
        .get(at + down)
        ?.cells[column]?.querySelector("a, button")
        ?.focus();
      return;
    }
    for (let next = cell.cellIndex + right; next >= 0 && next < cell.parentElement.cells.length; next += right) {
      const link = cell.parentElement.cells[next].querySelector("a, button");
      if (link) return link.focus();
    }
  }
}

/** A test with a single value of its axes has it beside its name. */
function suffix(cells) {
  const first = cells.find((cell) => cell.length);
  const label = first ? labelOf(axesOf(first[0])) : "";
  return label && ` ${label}`;
}
