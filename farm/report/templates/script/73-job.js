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
      this.element.replaceChildren(
        h(
          "p",
          { class: "none" },
          "This run has no job ",
          h("span", { class: "id" }, state.job),
          ". ",
          h("a", { href: linkTo({}) }, "All jobs"),
        ),
      );
      return;
    }
    const key = fragment({ ...state, line: "" });
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
      h(
        "div",
        { class: "title" },
        markOf(number),
        title,
        h("span", { class: `word ${wordOf(number).replace(" ", "-")}` }, wordOf(number)),
        badges(number),
      ),
      why || how ? h("p", { class: "reason" }, why, why && how ? " · " : "", how) : "",
      sinceWhen(number),
      h(
        "div",
        { class: "again" },
        h("code", {}, known.repro),
        copyButton(known.repro, "the command that runs it again"),
      ),
      elsewhere(number),
      section(
        attempts.length > 1 ? "Attempts" : "Attempt",
        attempts.length ? attemptsTable(attempts, known.limits) : h("p", { class: "quiet none" }, "It never ran."),
        attempts.length > 1 ? attempts.length : "",
      ),
      chosen?.trouble
        ? h(
            "dl",
            { class: "facts panel" },
            chosen.trouble.map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text))),
          )
        : "",
      failedCases(chosen),
      this.logs(number, attempts, chosen),
      difference(known),
      artifacts(chosen),
      commandOf(known),
      imageOf(number, chosen),
      earlier(number, known),
    );
    title.focus({ preventScroll: true });
  }

  way(number, numbers) {
    const at = numbers.indexOf(number);
    const link = (other, text, key) =>
      other === undefined
        ? h("span", { class: "quiet" }, text)
        : h("a", { href: linkTo({ job: run.jobs.id[other] }), "data-key": key, title: run.jobs.id[other] }, text);
    return h(
      "nav",
      { class: "way", "aria-label": "jobs" },
      h(
        "a",
        { href: linkTo({}), "data-key": "u" },
        `← ${filtered() ? `${numbers.length.toLocaleString("en")} filtered jobs` : "back"}`,
      ),
      at >= 0
        ? h(
            "span",
            {},
            link(numbers[at - 1], "previous", "p"),
            h("span", { class: "quiet" }, ` ${at + 1} of ${numbers.length.toLocaleString("en")} `),
            link(numbers[at + 1], "next", "n"),
          )
        : "",
    );
  }

  logs(number, attempts, chosen) {
    if (!chosen) return "";
    const tabs =
      attempts.length < 2
        ? ""
        : h(
            "div",
            { class: "tabs", role: "group", "aria-label": "attempts" },
            attempts.map((each) =>
              h(
                "a",
                {
                  href: linkTo({ job: run.jobs.id[number], attempt: each.n }),
                  "aria-current": each === chosen ? "true" : null,
                },
                mark(each.outcome),
                ` attempt ${each.n}`,
              ),
            ),
          );
    const beside = (chosen.beside ?? []).length
      ? h(
          "p",
          { class: "beside" },
          "Services: ",
          chosen.beside.map(([name, link, bytes], at) => [
            at ? " · " : "",
            h("a", { href: link }, name),
            h("span", { class: "quiet" }, ` ${size(bytes)}`),
          ]),
        )
      : "";
    let body;
    if (!chosen.log) body = h("p", { class: "quiet none" }, "It printed nothing.");
    else if (!chosen.log.pieces.length)
      body = h(
        "p",
        { class: "none" },
        h("a", { href: chosen.log.href }, "the log"),
        h("span", { class: "quiet" }, ` ${size(chosen.log.bytes)}, in a file beside this page`),
      );
    else {
      this.log = new LogView(number, chosen);
      body = this.log.element;
    }
    return section("Log", h("div", { class: "panel" }, tabs, body, beside));
  }

  resized() {}

  print() {}
}
