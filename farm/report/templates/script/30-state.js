// What is seen is in the address: `#view=jobs&outcome=failed,oom&q=parse`, `#job=unit/alpine-3.20&attempt=1&line=140`.

const LISTS = ["outcome", "distro", "tag", "axis", "change", "test"];
const SINGLE = ["view", "q", "group", "sort", "job", "attempt", "line"];

function parsed(fragment) {
  const found = Object.fromEntries(LISTS.map((name) => [name, []]));
  for (const piece of fragment.replace(/^#/, "").split("&")) {
    const [name, value] = [piece.slice(0, piece.indexOf("=")), piece.slice(piece.indexOf("=") + 1)];
    try {
      if (LISTS.includes(name)) found[name] = value.split(",").map(decodeURIComponent).filter(Boolean);
      else if (SINGLE.includes(name)) found[name] = decodeURIComponent(value);
    } catch {
      // A link that was cut in the middle of a letter: the rest of it counts.
    }
  }
  return found;
}

const encoded = (value) =>
  encodeURIComponent(String(value).toWellFormed?.() ?? value).replace(/%(2F|3A|3D|5B|5D)/g, decodeURIComponent);

function fragment(state) {
  const pieces = [];
  for (const name of SINGLE) if (state[name]) pieces.push(`${name}=${encoded(state[name])}`);
  for (const name of LISTS) if (state[name]?.length) pieces.push(`${name}=${state[name].map(encoded).join(",")}`);
  return `#${pieces.join("&")}`;
}

let state = parsed("");

/** A link to what is seen now, but for `changes`. */
const linkTo = (changes) => fragment({ ...state, job: "", attempt: "", line: "", ...changes });

const NO_FILTER = { q: "", group: "", outcome: [], distro: [], tag: [], axis: [], change: [], test: [] };
const filtered = () => Boolean(state.q || state.group || LISTS.some((name) => state[name].length));

/** Go there; `quietly` leaves no step to go back to. */
function go(changes, quietly = false) {
  const target = fragment({ ...state, ...changes });
  if (quietly) {
    history.replaceState(null, "", target);
    show();
  } else if (target !== location.hash) {
    location.hash = target;
  }
}
