// What the failures have in common: a card for each signature, with the facts that explain it.

const GROUPS_FIRST = 3; // a row of them, so that the grid is in sight
const JOBS_FIRST = 4;

class Groups {
  constructor() {
    this.element = h("section", { class: "groups", "aria-labelledby": "common" });
    this.all = false;
  }

  update(numbers) {
    const seen = new Set(numbers);
    const bad = numbers.filter(isBad);
    this.element.hidden = !bad.length;
    if (!bad.length) return;
    const groups = run.groups
      .map((group, at) => ({ ...group, at, here: group.jobs.filter((number) => seen.has(number)) }))
      .filter((group) => group.here.length);
    const rest = bad.filter((number) => !run.groupOf.has(number));
    const title = groups.length ? "What the failures have in common" : "Failures";
    const shown = this.all ? groups : groups.slice(0, GROUPS_FIRST);
    this.element.replaceChildren(
      h(
        "h2",
        { id: "common" },
        title,
        h(
          "small",
          {},
          groups.length
            ? `${count(bad.length, "failure")}, ${count(groups.length, "signature")}`
            : bad.length.toLocaleString("en"),
        ),
      ),
      h(
        "div",
        { class: "cards" },
        shown.map((group) => this.card(group)),
      ),
      shown.length < groups.length
        ? h(
            "button",
            { type: "button", class: "more", click: () => this.whole(numbers) },
            `show all ${groups.length} signatures`,
          )
        : "",
      rest.length ? this.rest(rest, groups.length) : "",
    );
  }

  whole(numbers) {
    this.all = true;
    this.update(numbers);
  }

  card(group) {
    const link = linkTo({ view: "jobs", group: group.at + 1 });
    const one = group.here.length === 1;
    const codes = [...new Set(group.here.map((number) => run.jobs.outcome[number]))];
    return h(
      "article",
      { class: "panel card" },
      h(
        "header",
        {},
        codes.map((code) => mark(code)),
        h(
          "a",
          { class: "number", href: one ? linkTo({ job: run.jobs.id[group.here[0]] }) : link },
          count(group.here.length, "job"),
        ),
        h("span", { class: "quiet where" }, this.where(group.here)),
        this.changes(group.here),
      ),
      h("p", { class: "example", title: group.signature }, group.example || group.signature),
      group.note ? h("p", { class: "quiet said" }, group.note) : "",
      group.causes.length
        ? h(
            "ol",
            { class: "causes" },
            group.causes.slice(0, 3).map((cause) => this.cause(cause)),
          )
        : "",
      h(
        "ul",
        { class: "jobs" },
        group.here
          .slice(0, JOBS_FIRST)
          .map((number) =>
            h("li", {}, h("a", { class: "id", href: linkTo({ job: run.jobs.id[number] }) }, run.jobs.id[number])),
          ),
        group.here.length > JOBS_FIRST ? h("li", {}, h("a", { href: link }, `all ${group.here.length}`)) : "",
      ),
    );
  }

  where(numbers) {
    const distros = [...new Set(numbers.map(distroOf))];
    const tests = [...new Set(numbers.map(testOf))];
    const some = (all, many) => (all.length <= 2 ? all.join(", ") : `${all.length} ${many}`);
    return `${some(tests, "tests")} on ${some(distros, "distros")}`;
  }

  changes(numbers) {
    return ["new", "still"].map((name) => {
      const there = numbers.filter((number) => CHANGES[run.jobs.change[number]] === name);
      if (!there.length) return "";
      const since = name === "still" ? there.map(sinceOf).filter(Boolean).sort()[0] : "";
      const words = since ? `failing since ${dayOf(since)}` : CHANGE_WORDS[name];
      return h(
        "span",
        { class: `badge ${name}`, title: since },
        `${there.length === numbers.length ? "" : `${there.length} `}${words}`,
      );
    });
  }

  cause(cause) {
    const bar = ([bad, all], word, hit) =>
      h("span", { class: "share" }, meter(all ? bad / all : 0, hit), `${bad} of ${all} ${word}`);
    const same = cause.same.length ? [" · the same jobs: ", cause.same.join(", ")] : "";
    return h(
      "li",
      { class: cause.sure ? "" : "unsure" },
      h("span", { class: "fact" }, cause.fact),
      h("span", { class: "shares" }, bar(cause.with, "with it", true), bar(cause.without, "without", false)),
      h("span", { class: "said" }, cause.said, same),
    );
  }

  rest(numbers, grouped) {
    const shown = sorted(numbers).slice(0, grouped ? 5 : 12);
    return h(
      "div",
      { class: "panel rest" },
      grouped ? h("p", { class: "quiet" }, `${count(numbers.length, "more failure")} with no line in common`) : "",
      h(
        "ul",
        {},
        shown.map((number) =>
          h(
            "li",
            {},
            markOf(number),
            h("a", { class: "id", href: linkTo({ job: run.jobs.id[number] }) }, run.jobs.id[number]),
            badges(number),
            h("span", { class: "quiet why" }, whyOf(number)),
          ),
        ),
      ),
      shown.length < numbers.length
        ? h(
            "p",
            {},
            h(
              "a",
              { href: linkTo({ view: "jobs", outcome: run.bad.map((code) => run.words[code]) }) },
              `all ${count(numbers.length, "failure")}`,
            ),
          )
        : "",
    );
  }
}
