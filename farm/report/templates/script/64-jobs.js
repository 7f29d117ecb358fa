// All jobs that fit the filters, as a list that may be sorted.

class Jobs {
  constructor() {
    const heads = [
      ["", "outcome", "m"],
      ["job", "job", "name"],
      ["flaky", "history", "n past"],
      ["time", "time", "n"],
      ["cpu", "cpu", "n wide"],
      ["memory", "peak memory", "n wide"],
      ["", "log", "n wide"],
    ];
    this.history = run.jobs.past.some(Boolean);
    this.heads = heads.filter(([, text]) => this.history || text !== "history");
    this.head = h("thead");
    this.table = h(
      "table",
      { class: "list", "aria-label": "jobs" },
      h(
        "colgroup",
        {},
        this.heads.map(([, , style]) => h("col", { class: style })),
      ),
      this.head,
    );
    this.rows = new Rows(this.table, (at) => this.row(this.numbers[at]));
    this.none = nothing();
    this.element = h("div", { class: "view" }, this.none, h("div", { class: "panel" }, this.table));
    this.table.addEventListener("keydown", (event) => this.key(event));
  }

  update(numbers) {
    this.numbers = sorted(numbers);
    this.none.hidden = numbers.length > 0;
    this.table.parentElement.hidden = !numbers.length;
    this.head.replaceChildren(
      h(
        "tr",
        {},
        this.heads.map(([name, text, style]) =>
          h("th", { scope: "col", class: style, "aria-sort": this.direction(name) }, this.sorter(name, text)),
        ),
      ),
    );
    this.rows.reset(numbers.length);
  }

  direction(name) {
    const chosen = state.sort ?? "";
    if (!name || chosen.replace(/^-/, "") !== name) return null;
    return chosen.startsWith("-") ? "descending" : "ascending";
  }

  /** The largest first, then the smallest, then what is worst. */
  sorter(name, text) {
    if (!name) return text === "outcome" ? h("span", { class: "sr" }, text) : text;
    const next = state.sort === `-${name}` ? name : state.sort === name ? "" : `-${name}`;
    const arrow = { descending: " ↓", ascending: " ↑" }[this.direction(name)] ?? "";
    return h("button", { type: "button", class: "plain", click: () => go({ sort: next }) }, text + arrow);
  }

  row(number) {
    const { jobs } = run;
    const link = linkTo({ job: jobs.id[number] });
    const reason = whyOf(number);
    const known = (value, format) => (value >= 0 ? format(value) : "");
    return h(
      "tr",
      { class: wordOf(number).replace(" ", "-") },
      h("td", { class: "m" }, markOf(number)),
      h(
        "th",
        { scope: "row" },
        h("a", { class: "id", href: link, title: jobs.id[number] }, jobs.id[number]),
        badges(number),
        reason ? h("span", { class: "why", title: reason }, reason) : "",
      ),
      this.history ? h("td", { class: "past" }, sparkline(number)) : null,
      h(
        "td",
        {},
        known(jobs.took[number], (ms) => duration(ms / 1000)),
        jobs.attempts[number] > 1 ? h("span", { class: "quiet", title: "attempts" }, ` ×${jobs.attempts[number]}`) : "",
      ),
      h(
        "td",
        { class: "wide" },
        known(jobs.cpu[number], (ms) => duration(ms / 1000)),
      ),
      h(
        "td",
        { class: "wide" },
        known(jobs.peak[number], (kib) => size(kib * 1024)),
      ),
      h("td", { class: "wide" }, jobs.log[number] ? size(jobs.log[number]) : ""),
    );
  }

  key(event) {
    const step = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity }[event.key];
    const at = this.rows.focused();
    if (!step || at < 0 || !plain(event)) return;
    event.preventDefault();
    this.rows.focus(Math.max(0, Math.min(this.rows.count - 1, at + step)));
  }

  resized() {
    this.rows.update();
  }

  print(all) {
    this.rows.update(all);
  }
}
