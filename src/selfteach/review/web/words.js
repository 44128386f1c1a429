// The difference of two texts, word by word. Pure: no page, no state.

const MOST_CELLS = 4_000_000;
const PLAIN = /\s+|[\p{L}\p{N}\p{M}_'’-]+|[^\s]/gu;
const segmenter = globalThis.Intl?.Segmenter ? new Intl.Segmenter(undefined, { granularity: "word" }) : null;

// The words of a text, with the space and the punctuation between them; joined they are the text.
export function words(text) {
  if (!segmenter) return text.match(PLAIN) ?? [];
  return Array.from(segmenter.segment(text), (part) => part.segment);
}

// Pieces [kind, text] with kind "same", "gone" or "new": same + gone is `before`, same + new is `after`.
export function differences(before, after) {
  const old = words(before), now = words(after);
  let head = 0, tail = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  while (tail < old.length - head && tail < now.length - head && old.at(-1 - tail) === now.at(-1 - tail)) tail++;
  const middle = align(old.slice(head, old.length - tail), now.slice(head, now.length - tail));
  const same = (list) => list.map((word) => ["same", word]);
  return grouped([...same(old.slice(0, head)), ...middle, ...same(old.slice(old.length - tail))]);
}

// A longest common subsequence, by the textbook table; two texts that are too long for it count as wholly changed.
function align(old, now) {
  if (old.length * now.length > MOST_CELLS) return [["gone", old.join("")], ["new", now.join("")]];
  const width = now.length + 1, table = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--)
    for (let j = now.length - 1; j >= 0; j--)
      table[i * width + j] = old[i] === now[j]
        ? table[(i + 1) * width + j + 1] + 1
        : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
  const found = [];
  let i = 0, j = 0;
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) { found.push(["same", old[i]]); i++; j++; }
    else if (j === now.length || (i < old.length && table[(i + 1) * width + j] >= table[i * width + j + 1])) found.push(["gone", old[i++]]);
    else found.push(["new", now[j++]]);
  }
  return found;
}

// Neighbors joined. A lone space between two changes belongs to them: "-a +c -b +d" reads worse than "-a b +c d".
function grouped(pieces) {
  const found = [];
  let gone = "", fresh = "";
  const flush = () => {
    const shared = gone && fresh ? commonSpace(gone, fresh) : 0;
    if (gone) found.push(["gone", gone.slice(0, gone.length - shared)]);
    if (fresh) found.push(["new", fresh.slice(0, fresh.length - shared)]);
    if (shared) found.push(["same", gone.slice(-shared)]);
    gone = fresh = "";
  };
  pieces.forEach(([kind, text], at) => {
    const island = kind === "same" && (gone || fresh) && !text.trim() && pieces[at + 1] && pieces[at + 1][0] !== "same";
    if (kind === "gone" || island) gone += text;
    if (kind === "new" || island) fresh += text;
    if (kind !== "same" || island) return;
    flush();
    if (found.at(-1)?.[0] === "same") found.at(-1)[1] += text;
    else found.push(["same", text]);
  });
  flush();
  return found;
}

// How many characters of white space two texts have in common at their ends.
function commonSpace(one, other) {
  let n = 0;
  while (n < Math.min(one.length, other.length) - 1 && one.at(-1 - n) === other.at(-1 - n) && !one.at(-1 - n).trim()) n++;
  return n;
}

// How many words a piece has, for the count beside the heading.
export function count(pieces, kind) {
  return pieces.filter(([is]) => is === kind).flatMap(([, text]) => words(text)).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
}
