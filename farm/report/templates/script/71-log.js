// A log: numbered lines that can be linked to, searched, the first error marked.

class LogView {
  constructor(number, attempt, open) {
    this.log = attempt.log;
    this.link = (line) => linkTo({ job: run.jobs.id[number], attempt: attempt.n, line });
    this.hits = [];
    this.at = -1;
    this.lines = new Map();
    this.body = h("ol", { class: "lines" });
    this.box = h(
      "div",
      { class: "log", tabindex: 0, role: "region", "aria-label": `log of attempt ${attempt.n}` },
      this.body,
    );
    this.found = h("span", { class: "quiet", role: "status" });
    this.search = h("input", {
      type: "search",
      placeholder: "search this log",
      "aria-label": "search this log",
      spellcheck: "false",
      input: () => this.look(),
      keydown: (event) => this.key(event),
    });
    this.element = h("div", { class: "logview" }, this.bar(), this.box);
    this.fill();
    this.shown = open;
  }

  bar() {
    const { log } = this;
    const step = (by, text, label) =>
      h("button", { type: "button", class: "plain", "aria-label": label, click: () => this.step(by) }, text);
    const wrap = h("input", {
      type: "checkbox",
      checked: true,
      change: () => this.box.classList.toggle("long", !wrap.checked),
    });
    return h(
      "div",
      { class: "logbar" },
      h(
        "span",
        { class: "searching" },
        this.search,
        step(-1, "↑", "match before"),
        step(1, "↓", "next match"),
        this.found,
      ),
      h(
        "span",
        { class: "tools" },
        log.error ? h("a", { href: this.link(log.error) }, `first error: line ${this.numbered(log.error)}`) : "",
        h("label", {}, wrap, " wrap"),
        h("a", { href: log.href }, log.whole ? "file" : "whole log"),
        h("span", { class: "quiet" }, `${size(log.bytes)}${log.cut ? ", cut at its cap" : ""}`),
      ),
    );
  }

  /** Of a log too long to count its lines they are numbered from its end. */
  numbered(line) {
    return line < 0 ? `${line} from the end` : line;
  }

  fill() {
    const pen = new Pen();
    let next = 1;
    for (const [first, lines] of this.log.pieces) {
      if (first !== next)
        this.body.append(
          h(
            "li",
            { class: "cut" },
            first > 0 ? `lines ${next} to ${first - 1} are in the file` : "what came before is in the file",
          ),
        );
      lines.forEach((text, at) => {
        const line = first + at;
        const row = h(
          "li",
          { class: line === this.log.error ? "error" : "" },
          h("a", { class: "no", href: this.link(line), "aria-label": `line ${line}` }, String(line)),
          h("span", { class: "text" }, painted(text, pen)),
        );
        this.lines.set(line, row);
        this.body.append(row);
      });
      next = first + lines.length;
    }
  }

  /** Show a line; without one the first error, else the end. */
  goto(line) {
    for (const row of this.body.querySelectorAll(".target")) row.classList.remove("target");
    const wanted = this.lines.get(line);
    wanted?.classList.add("target");
    const row = wanted ?? this.lines.get(this.log.error);
    if (row) this.box.scrollTop = row.offsetTop - this.box.clientHeight / 3;
    else this.box.scrollTop = this.box.scrollHeight;
    if (wanted) wanted.scrollIntoView({ block: "nearest" });
  }

  look() {
    const needle = this.search.value.toLowerCase();
    for (const row of this.hits) row.classList.remove("hit", "here");
    this.hits = needle
      ? [...this.lines.values()].filter((row) => row.lastChild.textContent.toLowerCase().includes(needle))
      : [];
    for (const row of this.hits) row.classList.add("hit");
    this.at = -1;
    this.underline(needle);
    this.found.textContent = needle ? `${this.hits.length} of ${this.lines.size} lines` : "";
    if (this.hits.length) this.step(1);
  }

  /** The letters themselves, where the browser can mark text without changing it. */
  underline(needle) {
    if (!globalThis.CSS?.highlights) return;
    const ranges = [];
    for (const row of needle ? this.hits : []) {
      const walker = document.createTreeWalker(row.lastChild, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const text = walker.currentNode.data.toLowerCase();
        for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + needle.length)) {
          const range = new Range();
          range.setStart(walker.currentNode, at);
          range.setEnd(walker.currentNode, Math.min(walker.currentNode.length, at + needle.length));
          ranges.push(range);
        }
      }
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  }

  step(by) {
    if (!this.hits.length) return;
    this.hits[this.at]?.classList.remove("here");
    this.at = (this.at + by + this.hits.length) % this.hits.length;
    const row = this.hits[this.at];
    row.classList.add("here");
    this.box.scrollTop = row.offsetTop - this.box.clientHeight / 2;
    this.found.textContent = `${this.at + 1} of ${this.hits.length}`;
  }

  key(event) {
    if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") {
      this.search.value = "";
      this.look();
      this.box.focus();
    }
  }
}
