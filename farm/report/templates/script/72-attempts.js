// What an attempt used of what it was given, all attempts side by side.

/** Rows of name, text and share of a limit (0 to 1, null for no bar); `hit` where a limit was met. */
function measures(attempt, limits) {
  const found = new Map();
  const put = (name, text, share = null, hit = false) => found.set(name, { text, share, hit });
  put("ended", attempt.ending || "—");
  put(
    "time",
    `${duration(attempt.took)} of ${duration(limits.timeout)}`,
    attempt.took / limits.timeout,
    attempt.took >= limits.timeout,
  );
  if (attempt.peak !== undefined) {
    const hit = Boolean(attempt.oom);
    put("peak memory", `${size(attempt.peak)} of ${size(limits.memory)}`, attempt.peak / limits.memory, hit);
  }
  if (attempt.oom) {
    const own =
      attempt.hits === undefined
        ? ""
        : attempt.hits
          ? `, quota met ${count(attempt.hits, "time")}`
          : ", not for its quota";
    put("killed for memory", `${count(attempt.oom, "process", "processes")}${own}`, null, true);
  }
  if (attempt.cpu !== undefined) {
    const given = limits.cpus * attempt.took;
    put("cpu time", `${duration(attempt.cpu)} at ${count(limits.cpus, "cpu")}`, given ? attempt.cpu / given : null);
  }
  if (attempt.throttled)
    put(
      "throttled",
      `${duration(attempt.throttled)}${attempt.periods ? ` in ${count(attempt.periods, "period")}` : ""}`,
    );
  put(
    "processes",
    `at most ${limits.pids}${attempt.refused ? `, ${count(attempt.refused, "fork")} refused` : ""}`,
    null,
    Boolean(attempt.refused),
  );
  if (attempt.waited !== undefined) put("waited for room", duration(attempt.waited));
  put("set-up", duration(attempt.setup));
  put("started", moment(attempt.at));
  const image = run.images[attempt.image];
  if (image) put("image", `${image.digest.slice(0, 12)} ${image.prepared ? `(${image.prepared})` : ""}`);
  else if (attempt.digest) put("image", attempt.digest.slice(0, 12));
  return found;
}

function attemptsTable(attempts, limits) {
  const all = attempts.map((attempt) => measures(attempt, limits));
  const names = [...new Set(all.flatMap((each) => [...each.keys()]))];
  const cell = (each) => (each ? [each.text, each.share !== null ? meter(each.share, each.hit) : ""] : "");
  if (attempts.length === 1) {
    return h(
      "dl",
      { class: "use" },
      names.map((name) =>
        h("div", { class: all[0].get(name).hit ? "hit" : "" }, h("dt", {}, name), h("dd", {}, cell(all[0].get(name)))),
      ),
    );
  }
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      { class: "attempts" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("td"),
          attempts.map((attempt) => h("th", { scope: "col" }, mark(attempt.outcome), ` attempt ${attempt.n}`)),
        ),
      ),
      h(
        "tbody",
        {},
        h(
          "tr",
          {},
          h("th", { scope: "row" }, "why"),
          attempts.map((attempt) => h("td", {}, attempt.reason ?? "")),
        ),
        names.map((name) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, name),
            all.map((each) => h("td", { class: each.get(name)?.hit ? "hit" : "" }, cell(each.get(name)))),
          ),
        ),
      ),
    ),
  );
}
