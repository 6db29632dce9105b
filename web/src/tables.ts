/** An answer as a table, to take away as CSV or Markdown. Values are not rounded, times are ISO. */

import type { Answer, FunnelAnswer, GroupValue, PathNode, PathsAnswer, RetentionAnswer, TrendsAnswer } from "./answers";

export interface Table {
  header: string[];
  rows: (string | number | null)[][];
}

export function tableOf(answer: Answer): Table {
  switch (answer.kind) {
    case "funnel":
      return funnelTable(answer);
    case "trends":
      return trendsTable(answer);
    case "retention":
      return retentionTable(answer);
    case "paths":
      return pathsTable(answer);
  }
}

function funnelTable({ steps, breakdown }: FunnelAnswer): Table {
  const fields = ["step", "label", "count", "from_first", "from_previous", "median_ms", "p90_ms", "in_window"] as const;
  const rows = (group: FunnelAnswer["steps"]) => group.map((step) => fields.map((field) => step[field]));
  if (!breakdown || breakdown.length === 0) return { header: [...fields], rows: rows(steps) };
  return { header: ["group", ...fields], rows: breakdown.flatMap((group) => rows(group.steps).map((row) => [groupText(group), ...row])) };
}

function trendsTable({ buckets, series, breakdown }: TrendsAnswer): Table {
  const groups = breakdown && breakdown.length > 0 ? breakdown : null;
  const columns = groups === null
    ? series.map((each) => ({ name: each.label, values: each.values }))
    : groups.flatMap((group) => group.series.map((each) => ({ name: `${each.label}: ${groupText(group)}`, values: each.values })));
  return {
    header: ["start", ...columns.map(({ name }) => name)],
    rows: buckets.map(({ start }, index) => [start, ...columns.map(({ values }) => values[index] ?? null)]),
  };
}

function retentionTable({ columns, cohorts }: RetentionAnswer): Table {
  return {
    header: ["start", "users", ...columns.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`))],
    rows: cohorts.map(({ start, users, returned }) => [start, users, ...columns.map((_, index) => returned[index]?.count ?? null)]),
  };
}

function pathsTable({ links }: PathsAnswer): Table {
  return {
    header: ["step", "from", "to", "count", "median_ms"],
    rows: links.map(({ level, from, to, count, median_ms }) => [level, nodeText(from), nodeText(to), count, median_ms]),
  };
}

export function groupText({ value, other }: GroupValue): string {
  if (other === true) return "(other)";
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function nodeText(node: PathNode): string {
  return node.event ?? (node.other === true ? "(other)" : `(${node.end ?? "end"})`);
}

/** As RFC 4180 has it. A text that a spreadsheet would take for a formula is set off by an apostrophe. */
export function csvOf({ header, rows }: Table): string {
  return [header, ...rows].map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

function csvCell(cell: string | number | null): string {
  if (cell === null) return "";
  if (typeof cell === "number") return String(cell);
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function markdownOf({ header, rows }: Table): string {
  const line = (cells: (string | number | null)[]) => `| ${cells.map(markdownCell).join(" | ")} |`;
  const marks = header.map((_, column) => (rows.some((row) => typeof row[column] === "number") ? "---:" : "---"));
  return [line(header), `| ${marks.join(" | ")} |`, ...rows.map(line)].join("\n") + "\n";
}

function markdownCell(cell: string | number | null): string {
  if (cell === null) return "";
  return String(cell).replace(/[\\|<>`*_[\]]/g, "\\$&").replace(/\s+/g, " ");
}
