// What several views are made of.

/** An outcome by colour, shape and letter; a link where it leads somewhere. */
function mark(code, link = "", title = "", text = "") {
  const word = run.words[code];
  const attributes = { class: `o ${word.replace(" ", "-")}`, "aria-label": title || word, title: title || word };
  const said = run.glyphs[code] + text;
  return link ? h("a", { ...attributes, href: link }, said) : h("span", { ...attributes, role: "img" }, said);
}

const markOf = (number, link = "") =>
  mark(run.jobs.outcome[number], link, link ? `${run.jobs.id[number]}: ${wordOf(number)}` : "");

/** Earlier results and this one, a bar each: its height is the time it took, its colour the outcome; a bad one has a foot. */
function sparkline(number, wide = 3, high = 18) {
  const past = run.jobs.past[number];
  const level = run.jobs.level[number];
  if (!past) return null;
  const codes = [...past].map(Number).concat(run.jobs.outcome[number]);
  const failed = codes.filter((code) => run.isBad[code]).length;
  const said = `${failed} of the last ${codes.length} results bad, this one included`;
  const drawing = svg("svg", {
    class: "spark",
    width: codes.length * (wide + 1),
    height: high,
    role: "img",
    "aria-label": said,
  });
  drawing.append(svg("title", {}, said));
  codes.forEach((code, at) => {
    const tall = Math.max(2, Math.round(((high - 4) * Number(level[at] ?? 0)) / 9));
    const word = run.words[code].replace(" ", "-");
    drawing.append(
      svg("rect", { class: `bar ${word}`, x: at * (wide + 1), y: high - 3 - tall, width: wide, height: tall }),
    );
    if (run.isBad[code])
      drawing.append(svg("rect", { class: `bar ${word}`, x: at * (wide + 1), y: high - 2, width: wide, height: 2 }));
  });
  return drawing;
}

/** What `docs/history.md` defines. */
const FLAKINESS =
  "Of the steps from one result to the next, in the last thirty: the share that took an earlier change between good and bad back, or was a pass after a bad attempt.";

/** The day in the id of a run, the id itself where it has none. */
const dayOf = (id) => id.replace(/^([0-9]{4})([0-9]{2})([0-9]{2})T.*$/, "$1-$2-$3");

const CHANGE_WORDS = { new: "new", fixed: "fixed", still: "still failing" };

function badges(number) {
  const change = CHANGES[run.jobs.change[number]];
  const flaky = run.jobs.flaky[number];
  const since = change === "still" ? sinceOf(number) : "";
  return [
    change &&
      h(
        "span",
        { class: `badge ${change}`, title: since ? `failing since the run ${since}` : "" },
        since ? `since ${dayOf(since)}` : CHANGE_WORDS[change],
      ),
    flaky > 0 && h("span", { class: "badge", title: FLAKINESS }, `flaky ${flaky} %`),
  ];
}

function copyButton(text, what) {
  const button = h("button", { type: "button", class: "copy", "aria-label": `copy ${what}` }, "copy");
  button.addEventListener("click", async () => {
    button.textContent = (await copied(text)) ? "copied" : "press Ctrl+C";
    setTimeout(() => (button.textContent = "copy"), 1500);
  });
  return button;
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // A page of a plain http server may not: the older way, which needs something selected.
    const field = h("textarea", { class: "sr" }, text);
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

/** Instead of an empty list. */
const nothing = () =>
  h("p", { class: "quiet none" }, run.jobs.count ? "No job fits the filters." : "There was nothing to run.");

/** `<meter>` as the whole page draws it. */
const meter = (share, hit) =>
  h("meter", { min: 0, max: 1, value: Math.min(1, share).toFixed(3), class: hit ? "hit" : "" });

function select(label, values, chosen, change) {
  const field = h("select", { "aria-label": label, change: () => change(field.value) });
  field.append(h("option", { value: "" }, label));
  for (const [value, text] of values) field.append(h("option", { value, selected: value === chosen }, text));
  field.classList.toggle("set", Boolean(chosen));
  return field;
}
