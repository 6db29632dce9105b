/**
 * Values as people type them, and as the query spec holds them.
 *
 * `100` is a number, `true` a boolean, `"100"` the text 100, everything else text. The spec never takes one type
 * for another, so printing a value and reading it back must give the same value of the same type.
 */

export type Scalar = string | number | boolean;

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const CONTROL = /[\u0000-\u001f\u007f]/;

/** Reads one value. */
export function parseScalar(typed: string): Scalar {
  const text = typed.trim();
  if (text === "true" || text === "false") return text === "true";
  if (NUMBER.test(text) && Number.isFinite(Number(text))) return Number(text);
  return unquote(text);
}

/** Reads text that is never a number: what `starts with` and `ends with` take. */
export function parseText(typed: string): string {
  return unquote(typed.trim());
}

/** Reads values with commas between them; a comma inside double quotes belongs to its value. */
export function parseList(typed: string): Scalar[] {
  return splitList(typed).filter((part) => part.trim() !== "").map(parseScalar);
}

/** Writes a value so that `parseScalar` reads the same one. */
export function printScalar(value: Scalar): string {
  if (typeof value !== "string") return String(value);
  const plain = value !== "" && !CONTROL.test(value) && parseScalar(value) === value;
  return plain ? value : JSON.stringify(value);
}

/** Writes text so that `parseText` reads the same. */
export function printText(value: string): string {
  const plain = value !== "" && !CONTROL.test(value) && parseText(value) === value;
  return plain ? value : JSON.stringify(value);
}

/** Writes values so that `parseList` reads the same ones. */
export function printList(values: Scalar[]): string {
  return values
    .map((value) => {
      const cuts = typeof value === "string" && (value.includes(",") || value.startsWith('"'));
      return cuts ? JSON.stringify(value) : printScalar(value);
    })
    .join(", ");
}

function unquote(text: string): string {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "string") return value;
  } catch {
    // Not JSON, such as "a\d": the quotes are taken off and the rest stands as it is.
  }
  return text.slice(1, -1);
}

/** Cuts at commas outside quotes; a quote opens only at the start of a value, so `5" disk` is one value. */
function splitList(typed: string): string[] {
  const parts: string[] = [];
  let part = "";
  let quoted = false;
  for (let i = 0; i < typed.length; i++) {
    const char = typed[i]!;
    if (quoted && char === "\\") {
      part += char + (typed[++i] ?? "");
      continue;
    }
    if (char === '"') {
      if (quoted) quoted = false;
      else if (part.trim() === "") quoted = true;
    }
    if (char === "," && !quoted) {
      parts.push(part);
      part = "";
    } else part += char;
  }
  parts.push(part);
  return parts;
}

/** A list that is being typed: the values that are done, and the one that is not. */
export function splitTyped(typed: string): { before: Scalar[]; last: string } {
  const parts = splitList(typed);
  const last = (parts.pop() ?? "").trim();
  return { before: parts.filter((part) => part.trim() !== "").map(parseScalar), last };
}
