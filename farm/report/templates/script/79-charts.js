// Small charts of what went on over the run.

const SMALL = 84;

/** How many containers there were, at most, in each of some hundred parts of the run. */
function counted(bars, until) {
  const parts = 400;
  const changes = bars
    .flatMap((bar) => [
      [bar.began, 1],
      [bar.ended, -1],
    ])
    .sort((one, other) => one[0] - other[0] || one[1] - other[1]);
  const most = new Array(parts).fill(0);
  let [alive, next] = [0, 0];
  for (let part = 0; part < parts; part++) {
    most[part] = alive;
    for (; next < changes.length && changes[next][0] <= ((part + 1) / parts) * until; next++) {
      alive += changes[next][1];
      most[part] = Math.max(most[part], alive);
    }
  }
  return most.map((number, part) => [(part / (parts - 1)) * until, number]);
}

function chart(lines, until, format, top = 0) {
  const most = top || Math.max(1, ...lines.flatMap(([, points]) => points.map(([, value]) => value)));
  const drawing = svg("svg", {
    class: "chart",
    viewBox: `0 0 1000 ${SMALL}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  for (const [name, points] of lines) {
    if (!points.length) continue;
    const path = points.map(
      ([at, value]) =>
        `${((1000 * at) / until).toFixed(1)},${(SMALL - (SMALL - 4) * Math.min(1, value / most)).toFixed(1)}`,
    );
    const [from] = path[0].split(",");
    const [to] = path.at(-1).split(",");
    drawing.append(
      svg("polygon", { class: `area ${name}`, points: `${from},${SMALL} ${path.join(" ")} ${to},${SMALL}` }),
      svg("polyline", { class: `line ${name}`, points: path.join(" ") }),
    );
  }
  const peak = (points) => (points.length ? points.reduce((high, [, value]) => Math.max(high, value), 0) : null);
  const said = lines.map(([name, points]) => [name, peak(points)]).filter(([, high]) => high !== null);
  return [
    drawing,
    h(
      "p",
      { class: "quiet axis" },
      said.map(([name, high]) => h("span", { class: `key ${name}` }, `${name}: ${format(high)} at most`)),
    ),
  ];
}
