// One job: what became of it, how to run it again, its log, and all that is known of it.

class JobView {
  constructor() {
    this.element = h("div", { class: "view job" });
    this.number = -1;
  }

  /** `numbers` are those among which next and previous go. */
  async update(numbers) {
    const number = run.numbers.get(state.job);
    if (number === undefined) {
      this.number = -1;
      this.element.replaceChildren(h("p", { class: "none" }, "This run has no job ", h("span", { class: "id" }, state.job), ". ", h("a", { href: linkTo({}) }, "All jobs")));
      return;
    }
    const key = `${number} ${state.attempt ?? ""}`;
    if (this.number !== number || this.key !== key) {
      const known = await detail(number);
      if (run.numbers.get(state.job) !== number) return; // somebody went on meanwhile
      this.draw(number, known, sorted(numbers));
      this.number = number;
      this.key = key;
    }
    this.log?.goto(Number(state.line ?? 0));
  }

  draw(number, known, numbers) {
    this.log = null;
    const attempts = known.attempts ?? [];
    const chosen = attempts.find((each) => String(each.n) === state.attempt) ?? attempts.at(-1);
    const reason = reasonOf(number);
    const why = chosen?.ending?.startsWith(reason) ? "" : reason;
    const how = chosen?.ending && !why.includes(chosen.ending) ? chosen.ending : "";
    const title = h("h2", { tabindex: -1, class: "id" }, run.jobs.id[number]);
    this.element.replaceChildren(
      this.way(number, numbers),
      h("div", { class: "title" }, markOf(number), title, h("span", { class: `word ${wordOf(number).replace(" ", "-")}` }, wordOf(number)), badges(number)),
      why || how ? h("p", { class: "reason" }, why, why && how ? " · " : "", how) : "",
      this.since(number),
      h("div", { class: "again" }, h("code", {}, known.repro), copyButton(known.repro, "the command that runs it again")),
      this.elsewhere(number),
      this.section(attempts.length > 1 ? "Attempts" : "Attempt", attempts.length ? attemptsTable(attempts, known.limits) : h("p", { class: "quiet none" }, "It never ran."), attempts.length > 1 ? attempts.length : ""),
      chosen?.trouble ? h("dl", { class: "facts panel" }, chosen.trouble.map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)))) : "",
      this.cases(chosen),
      this.logs(number, attempts, chosen),
      this.difference(known),
      this.artifacts(chosen),
      this.command(known),
      this.image(number, chosen),
      this.history(number, known),
    );
    title.focus({ preventScroll: true });
  }

  section(title, content, small = "") {
    return h("section", {}, h("h3", {}, title, small ? h("small", {}, String(small)) : ""), content);
  }

  way(number, numbers) {
    const at = numbers.indexOf(number);
    const link = (other, text, key) => (other === undefined ? h("span", { class: "quiet" }, text) : h("a", { href: linkTo({ job: run.jobs.id[other] }), "data-key": key, title: run.jobs.id[other] }, text));
    return h(
      "nav",
      { class: "way", "aria-label": "jobs" },
      h("a", { href: linkTo({}), "data-key": "u" }, `← ${filtered() ? `${numbers.length.toLocaleString("en")} filtered jobs` : "back"}`),
      at >= 0 ? h("span", {}, link(numbers[at - 1], "previous", "p"), h("span", { class: "quiet" }, ` ${at + 1} of ${numbers.length.toLocaleString("en")} `), link(numbers[at + 1], "next", "n")) : "",
    );
  }

  since(number) {
    const since = sinceOf(number);
    const group = run.groupOf.get(number);
    const parts = [];
    if (since) parts.push(CHANGES[run.jobs.change[number]] === "new" ? "new in this run" : ["bad since ", h("span", { class: "id" }, since)]);
    const others = group === undefined ? 0 : run.groups[group].jobs.length - 1;
    if (others) parts.push(h("a", { href: fragment({ view: "jobs", group: group + 1 }) }, `${count(others, "other job")} failed like this`));
    return h("p", { class: "quiet" }, parts.map((part, at) => [at ? " · " : "", part]));
  }

  /** The same test with the same axes on every distro. */
  elsewhere(number) {
    const { jobs } = run;
    const same = [];
    for (let other = 0; other < jobs.count; other++) {
      if (jobs.test[other] === jobs.test[number] && jobs.axes[other] === jobs.axes[number]) same.push(other);
    }
    if (same.length < 2) return "";
    return h(
      "ul",
      { class: "elsewhere", "aria-label": "the same test elsewhere" },
      same.slice(0, 60).map((other) => h("li", { class: other === number ? "here" : "" }, markOf(other, linkTo({ job: jobs.id[other] })), h("span", {}, distroOf(other)))),
    );
  }

  cases(chosen) {
    if (!chosen?.cases) return "";
    return this.section("Failed test cases", h("ul", { class: "panel cases" }, chosen.cases.map(([name, why]) => h("li", {}, h("b", {}, name), why ? ` ${why}` : ""))));
  }

  logs(number, attempts, chosen) {
    if (!chosen) return "";
    const tabs = attempts.length < 2 ? "" : h(
      "div",
      { class: "tabs", role: "group", "aria-label": "attempts" },
      attempts.map((each) => h("a", { href: linkTo({ job: run.jobs.id[number], attempt: each.n }), "aria-current": each === chosen ? "true" : null }, mark(each.outcome), ` attempt ${each.n}`)),
    );
    const beside = (chosen.beside ?? []).length
      ? h("p", { class: "beside" }, "Services: ", chosen.beside.map(([name, link, bytes], at) => [at ? " · " : "", h("a", { href: link }, name), h("span", { class: "quiet" }, ` ${size(bytes)}`)]))
      : "";
    let body;
    if (!chosen.log) body = h("p", { class: "quiet none" }, "It printed nothing.");
    else if (!chosen.log.pieces.length) body = h("p", { class: "none" }, h("a", { href: chosen.log.href }, "the log"), h("span", { class: "quiet" }, ` ${size(chosen.log.bytes)}, in a file beside this page`));
    else {
      this.log = new LogView(number, chosen);
      body = this.log.element;
    }
    return this.section("Log", h("div", { class: "panel" }, tabs, body, beside));
  }

  difference(known) {
    if (!known.diff) return "";
    const { other, lines, more, whole } = known.diff;
    const style = { "+": "plus", "-": "minus", "…": "gap" };
    const said = [h("a", { class: "id", href: linkTo({ job: run.jobs.id[other] }) }, run.jobs.id[other]), ", where it passed"];
    const note = `${whole ? "" : "; the ends of both are compared"}; lines that differ in numbers only count as alike`;
    const list = lines.length ? h("div", { class: "diff", tabindex: 0, role: "region", "aria-label": "difference" }, lines.map((line) => h("div", { class: style[line[0]] ?? "" }, line || " "))) : h("p", { class: "none" }, "No difference.");
    return this.section("Difference", h("div", { class: "panel" }, h("p", { class: "quiet beside" }, "− ", said, note), list, more ? h("p", { class: "quiet beside" }, `and ${count(more, "more line")}`) : ""));
  }

  artifacts(chosen) {
    const found = chosen?.artifacts;
    if (!found) return "";
    const rest = found.count - found.files.length;
    return this.section(
      "Artifacts",
      h("ul", { class: "panel files" }, found.files.map(([name, link, bytes]) => h("li", {}, h("a", { class: "id", href: link }, name), h("span", { class: "quiet" }, size(bytes)))), rest > 0 ? h("li", {}, h("a", { href: found.href }, `${rest} more in the folder`)) : ""),
      `${count(found.count, "file")}, ${size(found.bytes)}`,
    );
  }

  command(known) {
    const { limits } = known;
    const environment = (known.env ?? []).map(([name, value]) => `${name}=${value}\n`).join("");
    const more = [["always", known.always], ["debug", known.debug], ["prepared by", known.prepare]].filter(([, text]) => text);
    const quota = [
      count(limits.cpus, "cpu"),
      `${size(limits.memory)} memory`,
      limits.swap ? `${size(limits.swap)} swap` : "",
      `${limits.pids} processes`,
      limits.disk ? `${size(limits.disk)} disk` : "",
      limits.io ? `io weight ${limits.io}` : "",
      `${duration(limits.timeout)} timeout`,
      limits.idle ? `${duration(limits.idle)} without output` : "",
    ].filter(Boolean).join(", ");
    const facts = [
      ["limits", quota],
      ["opted out", known.opted],
      ["network", known.network],
      ["user", known.user],
      ["expected", known.expect],
      ["secrets", (known.secrets ?? []).join(", ")],
      ["services", (known.services ?? []).join(", ")],
      ["tags", tagsOf(run.numbers.get(state.job)).join(", ")],
      ["defined in", known.where],
    ].filter(([, text]) => text);
    const needs = known.needs ?? [];
    return this.section(
      "Command",
      h(
        "div",
        { class: "panel" },
        h("pre", { tabindex: 0 }, environment ? h("span", { class: "quiet" }, environment) : "", known.script || known.argv),
        more.map(([name, text]) => h("details", {}, h("summary", {}, name), h("pre", { tabindex: 0 }, text))),
        h("dl", { class: "facts" }, facts.map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text))), needs.length ? h("div", {}, h("dt", {}, "needs"), h("dd", {}, needs.map((other) => [markOf(other, linkTo({ job: run.jobs.id[other] })), " "]))) : ""),
      ),
    );
  }

  image(number, chosen) {
    const image = run.images[chosen?.image] ?? null;
    const digest = image?.digest ?? chosen?.digest;
    if (!digest) return "";
    const facts = [["distro", distroOf(number)], ["digest", digest], ["source", image?.source], ["prepared as", image?.prepared], ...(image?.facts ?? [])].filter(([, text]) => text);
    return this.section("Image", h("dl", { class: "facts panel" }, facts.map(([name, text]) => h("div", { class: text.length > 40 ? "long" : "" }, h("dt", {}, name), h("dd", { class: name === "digest" ? "id" : "" }, text)))));
  }

  history(number, known) {
    const drawing = sparkline(number, 9, 48);
    if (!drawing) return "";
    const rows = (known.trend ?? []).toReversed().map(([at, code, seconds]) => h("tr", {}, h("td", {}, mark(code)), h("th", { scope: "row", class: "id" }, known.runs[at][0]), h("td", { class: "quiet" }, moment(known.runs[at][1])), h("td", {}, duration(seconds))));
    const flaky = run.jobs.flaky[number];
    return this.section(
      "Earlier runs",
      h("div", { class: "panel past" }, h("p", {}, drawing), flaky >= 0 ? h("p", { class: "quiet" }, `flakiness ${flaky} %`) : "", rows.length ? h("details", {}, h("summary", {}, count(rows.length, "result")), h("table", { class: "plainlist" }, rows)) : ""),
    );
  }

  resized() {}

  print() {}
}
