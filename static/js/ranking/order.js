/* An order of responses: groups of their places on the screen, best first. A place that stands in
   no group has no rank yet. Nothing here changes what it is given. */

const ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"];

export const letterOf = (place) => String.fromCharCode(65 + place);

/** ["2", "1", "2", ""] → [[1], [0, 2]] */
export function groupsOf(ranks) {
  const groups = new Map();
  ranks.forEach((rank, place) => {
    if (rank !== "") groups.set(Number(rank), [...(groups.get(Number(rank)) ?? []), place]);
  });
  return [...groups.keys()].sort((a, b) => a - b).map((rank) => groups.get(rank));
}

/** [[1], [0, 2]] of four → ["2", "1", "2", ""] */
export function ranksOf(groups, count) {
  return Array.from({ length: count }, (_, place) => {
    const at = groupOf(groups, place);
    return at < 0 ? "" : String(at + 1);
  });
}

/** Where the place stands, -1 without a rank. */
export const groupOf = (groups, place) => groups.findIndex((group) => group.includes(place));

/** Put a place before group `at`, or with `tie` into it; it leaves where it stood. */
export function put(groups, place, at, { tie = false } = {}) {
  const next = takeOut(groups, place, { keepEmpty: true });
  if (tie) next[at] = [...next[at], place].sort((a, b) => a - b);
  else next.splice(at, 0, [place]);
  return next.filter((group) => group.length > 0);
}

export function takeOut(groups, place, { keepEmpty = false } = {}) {
  const left = groups.map((group) => group.filter((each) => each !== place));
  return keepEmpty ? left : left.filter((group) => group.length > 0);
}

/** One step towards the best: out of a tie, or past the group before; null at the end. */
export function better(groups, place) {
  const at = groupOf(groups, place);
  if (groups[at].length > 1) return put(groups, place, at);
  return at > 0 ? put(groups, place, at - 1) : null;
}

export function worse(groups, place) {
  const at = groupOf(groups, place);
  if (groups[at].length > 1) return put(groups, place, at + 1);
  return at < groups.length - 1 ? put(groups, place, at + 2) : null;
}

/** Share the rank of the next better group, or of the next worse one; null where there is none. */
export function tie(groups, place, step) {
  const to = groupOf(groups, place) + step;
  return groups[to] ? put(groups, place, to, { tie: true }) : null;
}

/** Stand alone, just after those it was tied with; null if it was tied with none. */
export function split(groups, place) {
  const at = groupOf(groups, place);
  return groups[at].length > 1 ? put(groups, place, at + 1) : null;
}

/** 0 → "1st" */
export function ordinal(at) {
  return `${at + 1}${{ 1: "st", 2: "nd", 3: "rd" }[at + 1] ?? "th"}`;
}

/** "A, B and C" */
export function lettersOf(places) {
  const letters = places.map(letterOf);
  const last = letters.pop();
  return letters.length > 0 ? `${letters.join(", ")} and ${last}` : (last ?? "");
}

/** "second, tied with A and C" */
export function standing(groups, place) {
  const at = groupOf(groups, place);
  if (at < 0) return "not ranked";
  const tied = groups[at].filter((each) => each !== place);
  return (ORDINALS[at] ?? ordinal(at)) + (tied.length > 0 ? `, tied with ${lettersOf(tied)}` : "");
}
