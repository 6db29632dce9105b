/** A file of settings as it is written: values, and the line of each. */

import { LineCounter, isMap, isScalar, isSeq, parseDocument } from "yaml";
import type { Document, Node } from "yaml";

export type Path = readonly (string | number)[];

/** Something that somebody has to change, or may want to. */
export interface Problem {
  /** Lines count from 1. */
  line: number;
  text: string;
}

export interface Source {
  value: unknown;
  /** What makes it no YAML. */
  problems: Problem[];
  /** The line of a field, or of the group that it would be in. */
  lineOf(path: Path): number;
  /** Whether somebody wrote this field. */
  has(path: Path): boolean;
}

export function parseSource(content: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines });
  const problems = document.errors.map((error) => ({
    line: error.linePos?.[0].line ?? 1,
    text: error.message.split("\n")[0]?.replace(/ at line \d+, column \d+:?$/, "") ?? "no YAML",
  }));
  const value = problems.length > 0 ? undefined : withoutEmpty(document.toJS());
  return {
    value: value ?? {},
    problems,
    lineOf: (path) => lineOf(document, lines, path),
    has: (path) => document.hasIn(path) && document.getIn(path) !== null,
  };
}

/** A group of which every line is a comment is `null` in YAML; here it is left out. */
function withoutEmpty(value: unknown): unknown {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value ?? undefined;
  const kept = Object.entries(value).map(([name, inner]) => [name, withoutEmpty(inner)] as const);
  return Object.fromEntries(kept.filter(([, inner]) => inner !== undefined));
}

function lineOf(document: Document, lines: LineCounter, path: Path): number {
  let node: unknown = document.contents;
  let at = 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) break;
      at = (pair.key as Node).range?.[0] ?? at;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      at = (node as Node | undefined)?.range?.[0] ?? at;
    } else {
      break;
    }
  }
  return lines.linePos(at).line || 1;
}
