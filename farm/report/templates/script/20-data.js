// The run as the page holds it: blocks of gzip in base64, unpacked when they are asked for. farm/report/page makes them.

const WORST_FIRST = [
  "failed",
  "timeout",
  "oom",
  "xpassed",
  "error",
  "cancelled",
  "not run",
  "flaky",
  "xfailed",
  "skipped",
  "passed",
];
const run = { jobs: null, parts: new Map() };

async function unpack(id) {
  const said = atob(byId(id).textContent);
  const bytes = new Uint8Array(said.length);
  for (let at = 0; at < said.length; at++) bytes[at] = said.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

async function load() {
  Object.assign(run, await unpack("run"));
  const jobs = run.jobs;
  jobs.count = jobs.id.length;
  for (const name of ["flaky", "past", "level", "change"]) {
    if (jobs[name].length < jobs.count) jobs[name] = new Array(jobs.count).fill(jobs[name][0]);
  }
  run.isBad = run.words.map((_, code) => run.bad.includes(code));
  // What is worst first: the order of a list, and what a mark of several jobs shows.
  run.rank = run.words.map((word) => WORST_FIRST.indexOf(word));
  run.numbers = new Map();
  for (let number = jobs.count - 1; number >= 0; number--) run.numbers.set(jobs.id[number], number);
  run.groupOf = new Map();
  run.groups.forEach((group, at) => group.jobs.forEach((number) => run.groupOf.set(number, at)));
}

/** What only the view of a job shows; a promise. */
async function detail(number) {
  const part = Math.floor(number / run.part);
  if (!run.parts.has(part)) run.parts.set(part, unpack(`part-${part}`));
  run.past ??= unpack("past");
  return { ...(await run.parts.get(part))[number % run.part], runs: await run.past };
}

const wordOf = (number) => run.words[run.jobs.outcome[number]];
const isBad = (number) => Boolean(run.isBad[run.jobs.outcome[number]]);
const axesOf = (number) => run.jobs.texts.axes[run.jobs.axes[number]];
const testOf = (number) => run.jobs.texts.test[run.jobs.test[number]];
const distroOf = (number) => run.jobs.texts.distro[run.jobs.distro[number]];
const tagsOf = (number) => run.jobs.texts.tags[run.jobs.tags[number]];
const reasonOf = (number) => run.jobs.texts.reason[run.jobs.reason[number]];
/** What was the matter with a bad job: its reason, and the line that it has in common with others. */
function whyOf(number) {
  const reason = reasonOf(number);
  const common = run.groups[run.groupOf.get(number)]?.signature ?? "";
  return common && !reason.includes(common) ? [common, reason].filter(Boolean).join(" · ") : reason;
}

const sinceOf = (number) => run.jobs.texts.since[run.jobs.since[number]];
const labelOf = (axes) => axes.map(([name, value]) => `${name}=${value}`).join(", ");
const CHANGES = ["", "new", "fixed", "still"];
