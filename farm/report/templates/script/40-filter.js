// Which jobs are seen, and in which order.

let haystacks = null;

/** The numbers of the jobs that fit the filters, in the order of the matrix. */
function fitting() {
  const jobs = run.jobs;
  const wanted = (name, texts) => {
    if (!state[name].length) return null;
    return new Set(state[name].map((each) => texts.indexOf(each)));
  };
  const outcomes = wanted("outcome", run.words);
  const distros = wanted("distro", jobs.texts.distro);
  const tests = wanted("test", jobs.texts.test);
  const tags = state.tag.length ? jobs.texts.tags.map((some) => some.some((tag) => state.tag.includes(tag))) : null;
  const axes = state.axis.length ? jobs.texts.axes.map(fitsAxes()) : null;
  const changes = wanted("change", CHANGES);
  const flaky = state.change.includes("flaky");
  const group = state.group ? new Set(run.groups[Number(state.group) - 1]?.jobs ?? []) : null;
  const needle = state.q ? state.q.toLowerCase().split(/\s+/).filter(Boolean) : null;
  if (needle) haystacks ??= Array.from({ length: jobs.count }, (_, number) => haystack(number));
  const found = [];
  for (let number = 0; number < jobs.count; number++) {
    if (outcomes && !outcomes.has(jobs.outcome[number])) continue;
    if (distros && !distros.has(jobs.distro[number])) continue;
    if (tests && !tests.has(jobs.test[number])) continue;
    if (tags && !tags[jobs.tags[number]]) continue;
    if (axes && !axes[jobs.axes[number]]) continue;
    if (changes && !changes.has(jobs.change[number]) && !(flaky && jobs.flaky[number] > 0)) continue;
    if (group && !group.has(number)) continue;
    if (needle && !needle.every((each) => haystacks[number].includes(each))) continue;
    found.push(number);
  }
  return found;
}

/** Values of one axis are alternatives, axes are not: `opt:O1,opt:O2,cc:gcc`. */
function fitsAxes() {
  const wanted = new Map();
  for (const each of state.axis) {
    const at = each.indexOf(":");
    const name = each.slice(0, at);
    wanted.set(name, [...(wanted.get(name) ?? []), each.slice(at + 1)]);
  }
  return (axes) => {
    const known = new Map(axes);
    for (const [name, values] of wanted) if (!values.includes(known.get(name))) return false;
    return true;
  };
}

function haystack(number) {
  return [run.jobs.id[number], reasonOf(number), ...tagsOf(number), run.jobs.about[testOf(number)] ?? ""]
    .join("\n")
    .toLowerCase();
}

const COLUMNS = {
  job: (one, other) => one - other,
  time: (one, other) => run.jobs.took[one] - run.jobs.took[other],
  cpu: (one, other) => run.jobs.cpu[one] - run.jobs.cpu[other],
  memory: (one, other) => run.jobs.peak[one] - run.jobs.peak[other],
  flaky: (one, other) => run.jobs.flaky[one] - run.jobs.flaky[other],
};

/** What is bad first, unless the address says otherwise. */
function sorted(numbers) {
  const name = (state.sort ?? "").replace(/^-/, "");
  if (name in COLUMNS) {
    const sign = state.sort.startsWith("-") ? -1 : 1;
    return [...numbers].sort((one, other) => sign * COLUMNS[name](one, other) || one - other);
  }
  const { outcome } = run.jobs;
  return [...numbers].sort((one, other) => run.rank[outcome[one]] - run.rank[outcome[other]] || one - other);
}
