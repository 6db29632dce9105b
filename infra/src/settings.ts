/**
 * The settings of an environment: a file becomes one checked value, or all its problems at once.
 *
 *     environments/prod.yaml:12: compute.landing.windowSeconds: found 400; use 0 to 300
 *     environments/prod.yaml:15: compute.landin: not a setting; did you mean compute.landing?
 */

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { contradictions } from "./settings/contradictions";
import { nearest } from "./settings/nearest";
import { SETTINGS } from "./settings/schema";
import type { Settings } from "./settings/schema";
import { parseSource } from "./settings/source";
import type { Path, Problem, Source } from "./settings/source";

export type { Ingest, Query, Settings } from "./settings/schema";

/** What is said beside the file, in a command. */
export interface Spoken {
  /** The environment whose data may be destroyed, said a second time. */
  deleteData?: string | undefined;
}

/** An environment that can be built. */
export interface Environment {
  name: string;
  settings: Settings;
  /** Only where it was said twice. */
  deletesData: boolean;
  /** What stops nothing, but is worth a look. */
  warnings: string[];
}

/** Everything that is wrong, a line each. */
export class SettingsError extends Error {
  constructor(readonly problems: string[]) {
    super(problems.join("\n"));
    this.name = "SettingsError";
  }
}

/** Stacks, functions and alarms are named by it, and some names have 64 characters at most. */
const NAME = /^[a-z][a-z0-9-]{0,19}$/;
/** A longer value is cut: it may be anything. */
const SHOWN = 60;

/** Reads `FOLDER/NAME.yaml`. */
export function loadEnvironment(folder: string, name: string, spoken: Spoken = {}): Environment {
  if (!NAME.test(name)) {
    throw new SettingsError([`environment: found ${shown(name)}; use a small letter, then up to 19 small letters, digits and -`]);
  }
  const file = join(folder, `${name}.yaml`);
  if (!existsSync(file)) {
    const there = existsSync(folder) ? readdirSync(folder).filter((entry) => entry.endsWith(".yaml")).sort() : [];
    const others = there.length === 0 ? "" : ` In ${folder} there are ${there.join(", ")}.`;
    throw new SettingsError([`${file}: not there; copy environments/example.yaml to it.${others}`]);
  }
  return readEnvironment(file, name, readFileSync(file, "utf8"), spoken);
}

/** As {@link loadEnvironment}, from what is in a file. */
export function readEnvironment(file: string, name: string, content: string, spoken: Spoken = {}): Environment {
  const source = parseSource(content);
  const say = (problem: Problem) => `${file}:${problem.line}: ${problem.text}`;
  if (source.problems.length > 0) throw new SettingsError(source.problems.map(say));
  const parsed = SETTINGS.safeParse(source.value);
  // What is contradictory is said beside what is wrong, as far as it can be seen without that.
  const settings = parsed.success ? parsed.data : withoutWrong(source.value, parsed.error);
  const found = (settings === undefined ? [] : contradictions(settings, source.has)).map(({ path, text, warning }) => ({
    warning: warning === true,
    problem: { line: source.lineOf(path), text: `${path.join(".")}: ${text}` },
  }));
  const contradictory = found.filter(({ warning }) => !warning).map(({ problem }) => problem);
  if (!parsed.success || settings === undefined) {
    const wrong = parsed.success ? [] : problemsOf(parsed.error, source);
    const isNew = ({ text }: Problem) => !wrong.some((other) => other.text.split(":")[0] === text.split(":")[0]);
    throw new SettingsError(byLine([...wrong, ...contradictory.filter(isNew)]).map(say));
  }
  const deletes = deletion(name, settings, source, spoken);
  const problems = [...contradictory, ...deletes.problems];
  if (problems.length > 0) throw new SettingsError(byLine(problems).map(say));
  const warnings = [...found.map(({ problem }) => problem), ...deletes.warnings].map(say);
  return { name, settings, deletesData: deletes.isTwice, warnings };
}

function byLine(problems: Problem[]): Problem[] {
  return problems.sort((a, b) => a.line - b.line);
}

/** The settings as if what is wrong had not been written; `undefined` where that cannot be either. */
function withoutWrong(value: unknown, error: z.ZodError): Settings | undefined {
  const rest = structuredClone(value) as Record<string, unknown>;
  for (const issue of error.issues) {
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) drop(rest, [...issue.path, key]);
    } else if (valueAt(rest, issue.path as Path) === undefined && issue.path.length > 1) {
      // A field that its group cannot do without: the group goes.
      drop(rest, issue.path.slice(0, -1));
    } else {
      drop(rest, issue.path);
    }
  }
  // Nothing contradicts the region.
  return SETTINGS.safeParse({ ...rest, region: rest.region ?? "eu-central-1" }).data;
}

function drop(value: unknown, path: PropertyKey[]): void {
  const group = valueAt(value, path.slice(0, -1) as Path);
  if (typeof group === "object" && group !== null) delete (group as Record<PropertyKey, unknown>)[path.at(-1) ?? ""];
}

/** Data goes only if the file says so and the command says so. */
function deletion(name: string, settings: Settings, source: Source, { deleteData }: Spoken) {
  const path = ["data", "onDestroy"];
  const at = (text: string): Problem[] => [{ line: source.lineOf(path), text: `${path.join(".")}: ${text}` }];
  const isInFile = settings.data.onDestroy === "delete";
  const isSpoken = deleteData === name;
  let [problems, warnings]: [Problem[], Problem[]] = [[], []];
  if (deleteData !== undefined && !isSpoken) {
    problems = at(`delete-data names ${shown(deleteData)}; this environment is ${shown(name)}`);
  } else if (isSpoken && !isInFile) {
    problems = at(`found ${settings.data.onDestroy} with delete-data; use delete in the file as well: data goes only if it is said twice`);
  } else if (isInFile && !isSpoken) {
    warnings = at(`found delete, said once: bucket and stream are kept. Say it twice with -c delete-data=${name}`);
  }
  return { isTwice: isInFile && isSpoken, problems, warnings };
}

function problemsOf(error: z.ZodError, source: Source): Problem[] {
  const problems = error.issues.flatMap((issue) => {
    const path = issue.path.map((step) => (typeof step === "symbol" ? String(step) : step));
    if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknown([...path, key], source));
    if (issue.code === "invalid_key") {
      return [{ line: source.lineOf(path), text: `${path.join(".")}: found as a name; use ${issue.issues[0]?.message ?? "another"}` }];
    }
    const value = valueAt(source.value, path);
    const found = value === undefined ? "missing" : `found ${shown(value)}`;
    const where = path.length === 0 ? "the file" : path.join(".");
    return [{ line: source.lineOf(path), text: `${where}: ${found}; use ${issue.message}` }];
  });
  return byLine(problems);
}

function unknown(path: Path, source: Source): Problem {
  const name = path.join(".");
  const known = knownAt(path.slice(0, -1));
  const near = nearest(String(path.at(-1)), known);
  const group = path.slice(0, -1).join(".");
  const meant = near === undefined ? undefined : group === "" ? near : `${group}.${near}`;
  const help = meant === undefined ? `there are ${known.join(", ")}` : `did you mean ${meant}?`;
  return { line: source.lineOf(path), text: `${name}: not a setting; ${help}` };
}

/** Names of the fields of a group. */
function knownAt(path: Path): string[] {
  let schema: z.core.$ZodType = SETTINGS;
  for (const step of path) {
    const inside = unwrapped(schema);
    if (!(inside instanceof z.ZodObject)) return [];
    schema = (inside.shape as Record<string, z.core.$ZodType>)[String(step)] ?? z.never();
  }
  const inside = unwrapped(schema);
  return inside instanceof z.ZodObject ? Object.keys(inside.shape) : [];
}

function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  const isWrapper = schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
  return isWrapper ? unwrapped(schema.unwrap()) : schema;
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, step) => (inner as Record<string | number, unknown> | undefined)?.[step], value);
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text === "" ? '""' : text;
}
