// The bar of filters: it shows what the address says, and changes that.

class FilterBar {
  constructor() {
    const { texts, outcome } = run.jobs;
    const counts = run.words.map(() => 0);
    for (const code of outcome) counts[code]++;
    this.chips = run.words.flatMap((word, code) => (counts[code] ? [this.chip(word, code, counts[code])] : []));
    this.chips.sort((one, other) => run.rank[one.code] - run.rank[other.code]);
    this.search = h("input", {
      type: "search",
      placeholder: "filter by text",
      "aria-label": "filter jobs by text (key /)",
      spellcheck: "false",
      input: () => this.typed(),
      keydown: (event) => event.key === "Escape" && this.search.blur(),
    });
    this.selects = h("span", { class: "selects" });
    this.tags = [...new Set(texts.tags.flat())].sort();
    this.axes = axisValues(texts.axes);
    this.said = h("span", { class: "quiet said", role: "status" });
    this.clear = h("button", { type: "button", class: "clear", click: () => go(NO_FILTER) }, "clear");
    this.element = h(
      "div",
      { class: "filters", role: "search", "aria-label": "filters" },
      h(
        "span",
        { class: "chips" },
        this.chips.map((each) => each.button),
      ),
      h("span", { class: "fields" }, this.search, this.selects),
      h("span", { class: "found" }, this.said, this.clear),
    );
  }

  chip(word, code, number) {
    const press = () => {
      const chosen = state.outcome.includes(word);
      go({ outcome: chosen ? state.outcome.filter((each) => each !== word) : [...state.outcome, word] });
    };
    const button = h(
      "button",
      { type: "button", class: "chip", "aria-pressed": "false", click: press },
      h("span", { class: `o ${word.replace(" ", "-")}`, "aria-hidden": "true" }, run.glyphs[code]),
      h("b", {}, number.toLocaleString("en")),
      ` ${word}`,
    );
    return { word, code, button };
  }

  /** While one types, the address changes without a step for each letter. */
  typed() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => go({ q: this.search.value.trim() }, true), 80);
  }

  update(found) {
    for (const { word, button } of this.chips) button.setAttribute("aria-pressed", state.outcome.includes(word));
    if (document.activeElement !== this.search) this.search.value = state.q ?? "";
    this.selects.replaceChildren(...this.fields());
    const on = filtered();
    this.clear.hidden = !on;
    const common = run.groups[Number(state.group) - 1]?.signature ?? "";
    const group = common ? `“${common.length > LONGEST_SAID ? `${common.slice(0, LONGEST_SAID)}…` : common}”: ` : "";
    const test = state.test.length ? `${state.test.join(", ")}: ` : "";
    this.said.textContent = on ? `${group}${test}${found.toLocaleString("en")} of ${count(run.jobs.count, "job")}` : "";
  }

  fields() {
    const single = (name, label, values) =>
      values.length > 1 || state[name].length
        ? select(label, withChosen(values, state[name].join(",")), state[name].join(","), (value) =>
            go({ [name]: value ? value.split(",") : [] }),
          )
        : null;
    const same = (values) => values.map((each) => [each, each]);
    const fields = [single("distro", "every distro", same(run.jobs.texts.distro))];
    for (const [axis, values] of this.axes) {
      const chosen = state.axis
        .filter((each) => each.startsWith(`${axis}:`))
        .map((each) => each.slice(axis.length + 1))
        .join(",");
      const change = (value) => {
        const others = state.axis.filter((each) => !each.startsWith(`${axis}:`));
        go({ axis: value ? [...others, `${axis}:${value}`] : others });
      };
      fields.push(
        select(
          `every ${axis}`,
          withChosen(
            values.map((each) => [each, `${axis}=${each}`]),
            chosen,
          ),
          chosen,
          change,
        ),
      );
    }
    fields.push(single("tag", "every tag", same(this.tags)));
    const changes = [
      ["new", "new failures"],
      ["still", "still failing"],
      ["fixed", "fixed"],
      ["flaky", "ever flaky"],
    ];
    const known = changes.filter(([name]) =>
      name === "flaky" ? run.jobs.flaky.some((each) => each > 0) : run.jobs.change.includes(CHANGES.indexOf(name)),
    );
    if (known.length || state.change.length) {
      const chosen = state.change.join(",");
      fields.push(
        select("any history", withChosen(known, chosen), chosen, (value) =>
          go({ change: value ? value.split(",") : [] }),
        ),
      );
    }
    return fields.filter(Boolean);
  }
}

const MOST_AXES = 6;
const LONGEST_SAID = 60;

function axisValues(axes) {
  const found = new Map();
  for (const some of axes) {
    for (const [name, value] of some) found.set(name, (found.get(name) ?? new Set()).add(value));
  }
  return [...found]
    .filter(([, values]) => values.size > 1)
    .slice(0, MOST_AXES)
    .map(([name, values]) => [name, [...values]]);
}

/** A link may ask for several values or for one that is not there: it is shown all the same. */
const withChosen = (values, chosen) =>
  chosen && !values.some(([value]) => value === chosen) ? [...values, [chosen, chosen]] : values;
