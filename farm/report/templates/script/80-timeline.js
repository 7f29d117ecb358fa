// The run over time: the host, how many containers there were, each of them as a bar, and the chain that the run waited for.

const LANE = { most: 14, least: 2, tallest: 1600 };

class Timeline {
  constructor() {
    this.element = h("div", { class: "view timeline" });
    this.bars = null;
    this.tip = h("div", { class: "tip", hidden: true });
    this.seen = null;
  }

  /** Each attempt in the first lane that is free again when it begins. */
  laidOut() {
    const { spans } = run;
    const order = spans.job.map((_, at) => at).sort((one, other) => spans.began[one] - spans.began[other]);
    const free = [];
    const bars = order.map((at) => {
      const began = spans.began[at];
      const ended = began + spans.setup[at] + spans.took[at];
      let lane = free.findIndex((until) => until <= began);
      if (lane < 0) lane = free.length;
      free[lane] = ended;
      return {
        job: spans.job[at],
        began,
        ended,
        setup: spans.setup[at],
        waited: spans.waited[at],
        outcome: spans.outcome[at],
        lane,
      };
    });
    this.lanes = free.length;
    this.until = Math.max(
      1,
      bars.reduce((most, bar) => Math.max(most, bar.ended), (run.duration ?? 0) * 1000),
    );
    return bars;
  }

  update(numbers) {
    this.seen = new Set(numbers);
    this.bars ??= this.laidOut();
    if (!this.bars.length) {
      this.element.replaceChildren(h("p", { class: "quiet none" }, "Nothing ran."));
      return;
    }
    this.canvas = h("canvas", {
      role: "img",
      "aria-label": `${count(this.bars.length, "attempt")} in ${count(this.lanes, "lane")} over ${duration(this.until / 1000)}; the critical path is below`,
      mousemove: (event) => this.point(event),
      mouseleave: () => (this.tip.hidden = true),
      click: (event) => this.open(event),
    });
    this.element.replaceChildren(
      this.figures(),
      this.charts(),
      h(
        "section",
        {},
        h("h2", {}, "Containers", h("small", {}, `at most ${this.lanes} at once`)),
        h("div", { class: "panel lanes" }, this.canvas, this.tip),
        this.legend(),
      ),
      this.critical(),
    );
    this.drawnWidth = 0;
    this.resized();
  }

  figures() {
    const waits = run.spans.waited.filter((each) => each >= 0).sort((one, other) => one - other);
    const busy = this.bars.reduce((sum, bar) => sum + bar.ended - bar.began, 0);
    const all = [
      ["length of the run", duration(this.until / 1000)],
      ["attempts", this.bars.length.toLocaleString("en")],
      ["containers at once", `${(busy / this.until).toFixed(1)} on average, ${this.lanes} at most`],
    ];
    if (waits.length)
      all.push([
        "wait for room",
        `${duration(waits[waits.length >> 1] / 1000)} median, ${duration(waits.at(-1) / 1000)} at most`,
      ]);
    return h(
      "dl",
      { class: "facts panel" },
      all.map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text))),
    );
  }

  charts() {
    const { samples } = run.spans;
    const ended = counted(this.bars, this.until);
    const running = h(
      "figure",
      {},
      h("figcaption", {}, "containers and jobs that wait"),
      chart(
        [
          ["running", ended.map(([at, alive]) => [at, alive])],
          ["waiting", samples.map(([at, , , , waiting]) => [at, waiting])],
        ],
        this.until,
        (value) => String(Math.round(value)),
      ),
    );
    if (!samples.length) return h("div", { class: "charts" }, running);
    return h(
      "div",
      { class: "charts" },
      h(
        "figure",
        {},
        h("figcaption", {}, `cpu of the host, ${count(run.cpus, "core")}`),
        chart(
          [["cpu", samples.map(([at, cpu]) => [at, cpu / 1000])]],
          this.until,
          (value) => `${Math.round(100 * value)} %`,
          1,
        ),
      ),
      h(
        "figure",
        {},
        h("figcaption", {}, `memory of the host, ${size(run.memory)}`),
        chart([["memory", samples.map(([at, , mib]) => [at, mib * 2 ** 20])]], this.until, size, run.memory),
      ),
      running,
    );
  }

  legend() {
    const codes = [...new Set(this.bars.map((bar) => bar.outcome))].sort(
      (one, other) => run.rank[one] - run.rank[other],
    );
    return h(
      "p",
      { class: "quiet legend" },
      codes.map((code) => h("span", {}, mark(code), ` ${run.words[code]}`)),
      h("span", {}, h("i", { class: "waitkey" }), " waited for room"),
      h("span", {}, h("i", { class: "critkey" }), " critical path"),
    );
  }

  critical() {
    const steps = run.spans.critical;
    if (!steps.length) return "";
    const row = ([number, began, ended, idle]) =>
      h(
        "tr",
        {},
        h("td", {}, markOf(number)),
        h(
          "th",
          { scope: "row" },
          h("a", { class: "id", href: linkTo({ job: run.jobs.id[number] }) }, run.jobs.id[number]),
        ),
        h("td", { class: "quiet" }, idle >= 1 ? `after ${duration(idle / 1000)}` : ""),
        h("td", {}, duration((ended - began) / 1000)),
        h("td", { class: "quiet" }, `until ${duration(ended / 1000)}`),
      );
    return h(
      "section",
      {},
      h(
        "h2",
        {},
        "Critical path",
        h("small", {}, "the job that ended last, and before each job the one it needed that ended last"),
      ),
      h("div", { class: "panel scroll" }, h("table", { class: "plainlist" }, steps.map(row))),
    );
  }

  resized() {
    const width = this.canvas?.parentElement.clientWidth;
    if (!width || width === this.drawnWidth) return;
    this.drawnWidth = width;
    this.paint(width);
  }

  /** Colours come from the style sheet, so that both themes and paper have theirs. */
  paint(width) {
    const lane = Math.max(LANE.least, Math.min(LANE.most, Math.floor(LANE.tallest / this.lanes)));
    const axis = 22;
    const high = this.lanes * lane + axis;
    const ratio = Math.min(devicePixelRatio || 1, 2);
    this.lane = lane;
    Object.assign(this.canvas, { width: width * ratio, height: high * ratio });
    Object.assign(this.canvas.style, { width: `${width}px`, height: `${high}px` });
    const pen = this.canvas.getContext("2d");
    const probe = this.element.appendChild(h("i", { hidden: true }));
    const colour = (name) => {
      probe.style.color = `var(--${name}, var(--quiet))`;
      return getComputedStyle(probe).color;
    };
    pen.scale(ratio, ratio);
    this.ruler(pen, width, high - axis, colour);
    const fills = run.words.map((word) => colour(`bar-${word.replace(" ", "-")}`));
    const [edge, ink] = [colour("edge"), colour("ink")];
    const onPath = new Set(run.spans.critical.map(([number]) => number));
    const scale = width / this.until;
    const gap = lane > 5 ? 2 : lane > 2 ? 1 : 0;
    if (lane > 3) this.waits(pen, scale, lane, edge);
    for (const bar of this.bars) {
      const [x, y] = [bar.began * scale, bar.lane * lane];
      const wide = Math.max(1.5, (bar.ended - bar.began) * scale - 0.5);
      pen.globalAlpha = this.seen.has(bar.job) ? 1 : 0.15;
      pen.fillStyle = fills[bar.outcome];
      pen.fillRect(x, y, wide, lane - gap);
      if (onPath.has(bar.job)) {
        pen.strokeStyle = ink;
        pen.lineWidth = 1.5;
        pen.strokeRect(x + 0.5, y + 0.5, Math.max(1, wide - 1), lane - gap - 1);
      }
    }
    pen.globalAlpha = 1;
    probe.remove();
  }

  /** A line before each bar; where another one was in its lane, that hides it. */
  waits(pen, scale, lane, colour) {
    pen.fillStyle = colour;
    for (const bar of this.bars) {
      if (bar.waited <= 0) continue;
      const from = Math.max(0, bar.began - bar.waited);
      pen.globalAlpha = this.seen.has(bar.job) ? 1 : 0.15;
      pen.fillRect(from * scale, bar.lane * lane + lane / 2 - 1.5, (bar.began - from) * scale, 1);
    }
  }

  ruler(pen, width, high, colour) {
    const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400];
    const seconds = this.until / 1000;
    const step = steps.find((each) => (each / seconds) * width > 70) ?? 86400;
    pen.font = "11px system-ui, sans-serif";
    for (let at = 0; at <= seconds; at += step) {
      const x = Math.round((at / seconds) * width) + 0.5;
      pen.strokeStyle = colour("rule");
      pen.lineWidth = 1;
      pen.beginPath();
      pen.moveTo(x, 0);
      pen.lineTo(x, high + 4);
      pen.stroke();
      pen.fillStyle = colour("quiet");
      const text = at < 60 ? `${Number(at.toFixed(1))} s` : duration(at);
      if (x + pen.measureText(text).width + 4 < width) pen.fillText(text, x + 3, high + 16);
    }
  }

  hit(event) {
    const box = this.canvas.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * this.until;
    const lane = Math.floor((event.clientY - box.top) / this.lane);
    const slack = (3 / box.width) * this.until;
    return this.bars.find((bar) => bar.lane === lane && bar.began - slack <= at && at <= bar.ended + slack);
  }

  point(event) {
    const bar = this.hit(event);
    this.tip.hidden = !bar;
    this.canvas.classList.toggle("over", Boolean(bar));
    if (!bar) return;
    const waited = bar.waited > 0 ? `, waited ${duration(bar.waited / 1000)}` : "";
    this.tip.replaceChildren(
      h("b", { class: "id" }, run.jobs.id[bar.job]),
      ` ${run.words[bar.outcome]}, ${duration((bar.ended - bar.began) / 1000)}${waited}`,
    );
    const box = this.canvas.parentElement.getBoundingClientRect();
    this.tip.style.left = `${Math.max(0, Math.min(event.clientX - box.left + 12, box.width - this.tip.offsetWidth - 4))}px`;
    this.tip.style.top = `${event.clientY - box.top + 16}px`;
  }

  open(event) {
    const bar = this.hit(event);
    if (bar) go({ job: run.jobs.id[bar.job] });
  }

  print() {
    this.drawnWidth = 0;
    this.resized();
  }
}
