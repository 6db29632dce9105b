/** The known name that a mistyped one is nearest to. */

/** Further apart than this, a name is another word. */
const FAR = 3;

export function nearest(name: string, known: readonly string[]): string | undefined {
  const found = known
    .map((other) => ({ other, apart: distance(name.toLowerCase(), other.toLowerCase()) }))
    .sort((a, b) => a.apart - b.apart)[0];
  return found !== undefined && found.apart <= Math.min(FAR, Math.ceil(name.length / 2)) ? found.other : undefined;
}

/** Letters to put in, take out or change. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
