// The first thing one sees: counts, what changed, what the failures have in common, the grid.

class Overview {
  constructor() {
    this.groups = new Groups();
    this.grid = new Grid();
    this.changes = h("p", { class: "changes" });
    this.element = h("div", { class: "view" }, this.changes, this.groups.element, this.grid.element);
    this.compare();
  }

  compare() {
    const { change } = run.jobs;
    const number = (name) => change.reduce((sum, each) => sum + (CHANGES[each] === name), 0);
    const all = ["new", "fixed", "still"].map((name) => [name, number(name)]);
    this.changes.hidden = !run.baseline;
    if (!run.baseline) return;
    const words = { new: "new", fixed: "fixed", still: "still failing" };
    this.changes.append("Against ", h("span", { class: "id" }, run.baseline), ": ");
    all.forEach(([name, found], at) => {
      const link = h(
        "a",
        { class: `badge ${name}`, href: fragment({ view: "jobs", change: [name] }) },
        `${found} ${words[name]}`,
      );
      this.changes.append(found ? link : h("span", { class: "quiet" }, `no ${words[name]}`), at === 2 ? "" : found ? " " : ", ");
    });
  }

  update(numbers) {
    this.groups.update(numbers);
    this.grid.update(numbers);
  }

  resized() {
    this.grid.rows.update();
  }

  print(all) {
    this.grid.rows.update(all);
  }
}
