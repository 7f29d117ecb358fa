// The page as a whole: which view is seen, keys, theme, paper.

const app = { views: {}, positions: {} };
const VIEWS = [
  ["overview", "Overview"],
  ["jobs", "Jobs"],
  ["timeline", "Timeline"],
  ["host", "Run"],
];

/** What the server wrote about the run and its host is a view of its own. */
class HostView {
  constructor() {
    this.element = byId("about");
    this.element.classList.add("view");
    if (run.images.length) this.element.append(this.images());
  }

  images() {
    const row = (image) => {
      const facts = Object.fromEntries(image.facts);
      const libc = [facts.libc, facts["libc version"]].filter(Boolean).join(" ");
      return h(
        "tr",
        {},
        h(
          "th",
          { scope: "row" },
          image.distro,
          image.prepared ? h("span", { class: "quiet" }, image.prepared === image.distro ? " prepared" : ` prepared as ${image.prepared}`) : "",
        ),
        h("td", {}, facts["pretty name"] ?? ""),
        h("td", { class: "fixed" }, libc),
        h("td", {}, facts.arch ?? ""),
        h("td", { class: "id fixed", title: image.digest }, image.digest.slice(0, 12)),
        h("td", { class: "id source" }, image.source),
      );
    };
    const heads = ["distro", "system", "libc", "machine", "digest", "source"];
    return h(
      "section",
      {},
      h("h2", {}, "Images", h("small", {}, String(run.images.length))),
      h(
        "div",
        { class: "panel scroll" },
        h(
          "table",
          { class: "plainlist heads" },
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              heads.map((text) => h("th", { scope: "col" }, text)),
            ),
          ),
          h("tbody", {}, run.images.map(row)),
        ),
      ),
    );
  }

  update() {}

  resized() {}

  print() {}
}

function show() {
  state = parsed(location.hash);
  const name = state.job ? "job" : app.views[state.view] && state.view !== "job" ? state.view : "overview";
  const numbers = fitting();
  if (app.shown && app.shown !== name) app.positions[app.shown] = scrollY;
  for (const [each, view] of Object.entries(app.views)) view.element.hidden = each !== name;
  byId("summary").hidden = name !== "overview";
  app.filters.element.hidden = name === "job" || name === "host";
  document.documentElement.dataset.view = name;
  for (const link of byId("nav").querySelectorAll("a[data-view]")) {
    link.href = linkTo({ view: link.dataset.view === "overview" ? "" : link.dataset.view });
    if (link.dataset.view === (state.view || "overview")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  app.filters.update(numbers.length);
  const key = `${name}${fragment({ ...state, job: "", attempt: "", line: "" })}`;
  const changed = app.shown !== name;
  if (name === "job" || app.views[name].drawnFor !== key) {
    app.views[name].drawnFor = key;
    app.ready = Promise.resolve(app.views[name].update(numbers));
  } else {
    app.views[name].resized();
  }
  app.shown = name;
  if (changed) scrollTo(0, name === "job" ? 0 : (app.positions[name] ?? 0));
}

function navigation() {
  const nav = byId("nav");
  const bad = run.jobs.outcome.filter((code) => run.isBad[code]).length;
  nav.replaceChildren(
    ...VIEWS.map(([name, text]) =>
      h(
        "a",
        { "data-view": name, href: "#" },
        text,
        name === "jobs" ? h("small", { class: bad ? "hit" : "" }, run.jobs.count.toLocaleString("en")) : "",
      ),
    ),
    h("button", { type: "button", class: "plain", id: "theme", click: turnTheme, "aria-label": "light or dark" }, "◐"),
    h(
      "button",
      {
        type: "button",
        class: "plain",
        id: "keys",
        click: () => app.help.showModal(),
        "aria-label": "keys",
        title: "keys (?)",
      },
      "?",
    ),
  );
  nav.hidden = false;
}

function turnTheme() {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  theme(dark ? "light" : "dark");
  remembered(dark ? "light" : "dark");
  app.views.timeline.drawnWidth = 0;
  app.views.timeline.resized();
}

/** Paper is white, and has no rows out of sight. */
function onPaper(printed) {
  const { dataset } = document.documentElement;
  if (printed) {
    app.theme = dataset.theme;
    dataset.theme = "light";
  } else if (app.theme) {
    dataset.theme = app.theme;
  } else {
    delete dataset.theme;
  }
  app.views[app.shown].print(printed);
}

function theme(name) {
  if (name === "dark" || name === "light") document.documentElement.dataset.theme = name;
}

/** A page from a disk may have nowhere to remember it. */
function remembered(name) {
  try {
    if (name) localStorage.setItem("farm-theme", name);
    return localStorage.getItem("farm-theme");
  } catch {
    return null;
  }
}

/** The head of the list stays below the bars that stay above it. */
function stacked() {
  const { element } = app.filters;
  const below = parseFloat(getComputedStyle(element).top) + element.getBoundingClientRect().height;
  if (below > 0) document.documentElement.style.setProperty("--below", `${below - 0.5}px`);
}

/** The address is for what is seen: this only moves the focus. */
function skipped(event) {
  event.preventDefault();
  byId("content").focus();
}

const KEYS = [
  ["/", "filter by text; in a job, search its log"],
  ["1 2 3 4", "overview, jobs, timeline, run"],
  ["n p", "next and previous job"],
  ["u", "back from a job"],
  ["↑ ↓ ← →", "through the list and the grid"],
  ["t", "light or dark"],
  ["c", "clear the filters"],
  ["?", "these keys"],
];

function help() {
  const dialog = h(
    "dialog",
    { "aria-label": "keys" },
    h("h2", {}, "Keys"),
    h(
      "dl",
      {},
      KEYS.map(([key, text]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, text))),
    ),
    h("button", { type: "button", click: () => dialog.close() }, "close"),
  );
  document.body.append(dialog);
  return dialog;
}

function pressed(event) {
  if (!plain(event) && event.key !== "?") return;
  if (event.target.closest("input, select, textarea, dialog[open]")) return;
  const view = VIEWS[Number(event.key) - 1]?.[0];
  const link = document.querySelector(`.view:not([hidden]) [data-key="${CSS.escape(event.key)}"]`);
  if (view) go({ view: view === "overview" ? "" : view, job: "", attempt: "", line: "" });
  else if (link) link.click();
  else if (event.key === "/") (state.job ? app.views.job.log?.search : app.filters.search)?.focus();
  else if (event.key === "t") turnTheme();
  else if (event.key === "c" && filtered()) go(NO_FILTER);
  else if (event.key === "?") app.help.showModal();
  else return;
  event.preventDefault();
}

async function start() {
  if (typeof DecompressionStream === "undefined") throw new Error("no DecompressionStream");
  await load();
  navigation();
  app.filters = new FilterBar();
  app.help = help();
  byId("summary").after(app.filters.element);
  app.views = { overview: new Overview(), jobs: new Jobs(), timeline: new Timeline(), job: new JobView() };
  for (const view of Object.values(app.views)) byId("app").append(view.element);
  app.views.host = new HostView();
  byId("app").append(app.views.host.element);
  byId("app").hidden = false;
  document.querySelector(".skip").addEventListener("click", skipped);
  new ResizeObserver(stacked).observe(app.filters.element);
  addEventListener("hashchange", show);
  addEventListener("keydown", pressed);
  addEventListener("resize", () => app.views[app.shown].resized());
  addEventListener("beforeprint", () => onPaper(true));
  addEventListener("afterprint", () => onPaper(false));
  show();
  document.documentElement.classList.add("ready");
}

theme(remembered());
document.documentElement.classList.add("js");
document.addEventListener("DOMContentLoaded", () =>
  start().catch((error) => {
    // What the server wrote is there all the same.
    document.documentElement.classList.remove("js");
    byId("fallback").hidden = false;
    console.warn(`the page goes without its script: ${error}`);
  }),
);
