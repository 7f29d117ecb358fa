// The parts of a job's view that only say what is known.

function section(title, content, small = "") {
  return h("section", {}, h("h3", {}, title, small ? h("small", {}, String(small)) : ""), content);
}

function sinceWhen(number) {
  const since = sinceOf(number);
  const group = run.groupOf.get(number);
  const parts = [];
  if (since)
    parts.push(
      CHANGES[run.jobs.change[number]] === "new"
        ? "new in this run"
        : ["bad since ", h("span", { class: "id" }, since)],
    );
  const others = group === undefined ? 0 : run.groups[group].jobs.length - 1;
  if (others)
    parts.push(
      h("a", { href: fragment({ view: "jobs", group: group + 1 }) }, `${count(others, "other job")} failed like this`),
    );
  return h(
    "p",
    { class: "quiet" },
    parts.map((part, at) => [at ? " · " : "", part]),
  );
}

/** The same test with the same axes on every distro. */
function elsewhere(number) {
  const { jobs } = run;
  const same = [];
  for (let other = 0; other < jobs.count; other++) {
    if (jobs.test[other] === jobs.test[number] && jobs.axes[other] === jobs.axes[number]) same.push(other);
  }
  if (same.length < 2) return "";
  return h(
    "ul",
    { class: "elsewhere", "aria-label": "the same test elsewhere" },
    same
      .slice(0, 60)
      .map((other) =>
        h(
          "li",
          { class: other === number ? "here" : "" },
          markOf(other, linkTo({ job: jobs.id[other] })),
          h("span", {}, distroOf(other)),
        ),
      ),
  );
}

function failedCases(chosen) {
  if (!chosen?.cases) return "";
  return section(
    "Failed test cases",
    h(
      "ul",
      { class: "panel cases" },
      chosen.cases.map(([name, why]) => h("li", {}, h("b", {}, name), why ? ` ${why}` : "")),
    ),
  );
}

function difference(known) {
  if (!known.diff) return "";
  const { other, lines, more, whole } = known.diff;
  const style = { "+": "plus", "-": "minus", "…": "gap" };
  const said = [
    h("a", { class: "id", href: linkTo({ job: run.jobs.id[other] }) }, run.jobs.id[other]),
    ", where it passed",
  ];
  const note = `${whole ? "" : "; the ends of both are compared"}; lines that differ in numbers only count as alike`;
  const list = lines.length
    ? h(
        "div",
        { class: "diff", tabindex: 0, role: "region", "aria-label": "difference" },
        lines.map((line) => h("div", { class: style[line[0]] ?? "" }, line || " ")),
      )
    : h("p", { class: "none" }, "No difference.");
  return section(
    "Difference",
    h(
      "div",
      { class: "panel" },
      h("p", { class: "quiet beside" }, "− ", said, note),
      list,
      more ? h("p", { class: "quiet beside" }, `and ${count(more, "more line")}`) : "",
    ),
  );
}

function artifacts(chosen) {
  const found = chosen?.artifacts;
  if (!found) return "";
  const rest = found.count - found.files.length;
  return section(
    "Artifacts",
    h(
      "ul",
      { class: "panel files" },
      found.files.map(([name, link, bytes]) =>
        h("li", {}, h("a", { class: "id", href: link }, name), h("span", { class: "quiet" }, size(bytes))),
      ),
      rest > 0 ? h("li", {}, h("a", { href: found.href }, `${rest} more in the folder`)) : "",
    ),
    `${count(found.count, "file")}, ${size(found.bytes)}`,
  );
}

function commandOf(known) {
  const { limits } = known;
  const environment = (known.env ?? []).map(([name, value]) => `${name}=${value}\n`).join("");
  const more = [
    ["always", known.always],
    ["debug", known.debug],
    ["prepared by", known.prepare],
  ].filter(([, text]) => text);
  const quota = [
    count(limits.cpus, "cpu"),
    `${size(limits.memory)} memory`,
    limits.swap ? `${size(limits.swap)} swap` : "",
    `${limits.pids} processes`,
    limits.disk ? `${size(limits.disk)} disk` : "",
    limits.io ? `io weight ${limits.io}` : "",
    `${duration(limits.timeout)} timeout`,
    limits.idle ? `${duration(limits.idle)} without output` : "",
  ]
    .filter(Boolean)
    .join(", ");
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
  return section(
    "Command",
    h(
      "div",
      { class: "panel" },
      h(
        "pre",
        { tabindex: 0 },
        environment ? h("span", { class: "quiet" }, environment) : "",
        known.script || known.argv,
      ),
      more.map(([name, text]) => h("details", {}, h("summary", {}, name), h("pre", { tabindex: 0 }, text))),
      h(
        "dl",
        { class: "facts" },
        facts.map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text))),
        needs.length
          ? h(
              "div",
              {},
              h("dt", {}, "needs"),
              h(
                "dd",
                {},
                needs.map((other) => {
                  const link = linkTo({ job: run.jobs.id[other] });
                  return h("div", { class: "need" }, markOf(other), h("a", { class: "id", href: link }, run.jobs.id[other]));
                }),
              ),
            )
          : "",
      ),
    ),
  );
}

function imageOf(number, chosen) {
  const image = run.images[chosen?.image] ?? null;
  const digest = image?.digest ?? chosen?.digest;
  if (!digest) return "";
  const facts = [
    ["distro", distroOf(number)],
    ["digest", digest],
    ["source", image?.source],
    ["prepared as", image?.prepared],
    ...(image?.facts ?? []),
  ].filter(([, text]) => text);
  return section(
    "Image",
    h(
      "dl",
      { class: "facts panel" },
      facts.map(([name, text]) =>
        h(
          "div",
          { class: text.length > 40 ? "long" : "" },
          h("dt", {}, name),
          h("dd", { class: name === "digest" ? "id" : "" }, text),
        ),
      ),
    ),
  );
}

function earlier(number, known) {
  const drawing = sparkline(number, 9, 48);
  if (!drawing) return "";
  const rows = (known.trend ?? [])
    .toReversed()
    .map(([at, code, seconds]) =>
      h(
        "tr",
        {},
        h("td", {}, mark(code)),
        h("th", { scope: "row", class: "id" }, known.runs[at][0]),
        h("td", { class: "quiet" }, moment(known.runs[at][1])),
        h("td", {}, duration(seconds)),
      ),
    );
  const flaky = run.jobs.flaky[number];
  return section(
    "Earlier runs",
    h(
      "div",
      { class: "panel past" },
      h("p", {}, drawing),
      flaky > 0 ? h("p", {}, `flakiness ${flaky} %`, h("small", { class: "quiet" }, FLAKINESS)) : "",
      flaky === 0 ? h("p", { class: "quiet", title: FLAKINESS }, "flakiness 0 %") : "",
      rows.length
        ? h("details", {}, h("summary", {}, count(rows.length, "earlier result")), h("table", { class: "plainlist" }, rows))
        : "",
    ),
  );
}
