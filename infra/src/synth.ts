/**
 * The command that writes the templates of an environment:
 *
 *     npm run synth -- ENV OUTDIR [-c artifacts=FOLDER] [-c environments=FOLDER] [-c delete-data=ENV]
 *
 * It needs no credentials and asks nobody. Problems of the settings go to standard error, all at once, and it ends with 2; where
 * code is missing or a rule of cdk-nag is broken, with 1.
 */

import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
import { build } from "./app";
import type { Artifacts } from "./app";
import { SettingsError, loadEnvironment } from "./settings";
import type { Environment } from "./settings";

const USAGE = "usage: npm run synth -- ENV OUTDIR [-c artifacts=FOLDER] [-c environments=FOLDER] [-c delete-data=ENV]";
/** What may be said with -c. */
const CONTEXT = ["artifacts", "environments", "delete-data"];
/** Relative to `infra`, where npm runs its scripts. */
const ENVIRONMENTS = "environments";
/** Folders of code, by the program that each has. */
const PROGRAMS = ["ingest-fn", "compact-fn", "weir"];

class UsageError extends Error {}

interface Asked {
  name: string;
  outdir: string;
  context: Map<string, string>;
}

function asked(words: string[]): Asked {
  const context = new Map<string, string>();
  const rest: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    if (word !== "-c") {
      rest.push(word);
      continue;
    }
    const [key = "", ...value] = (words[(at += 1)] ?? "").split("=");
    if (!CONTEXT.includes(key)) throw new UsageError(`-c ${key}: there are ${CONTEXT.join(", ")}`);
    context.set(key, value.join("="));
  }
  const [name, outdir] = rest;
  if (name === undefined || outdir === undefined || rest.length > 2) throw new UsageError("an environment and a folder are needed");
  return { name, outdir, context };
}

/** Where compiled code is: what `make package` makes, or what somebody names. */
function artifactsOf(context: Map<string, string>, architecture: string): Artifacts {
  const named = context.get("artifacts");
  if (named !== undefined) return { folder: named, isPlaceholder: true };
  const target = process.env["CARGO_TARGET_DIR"] ?? join(homedir(), ".cache/weir/target");
  return { folder: join(target, "lambda-packages", architecture), isPlaceholder: false };
}

function missingCode({ folder, isPlaceholder }: Artifacts, architecture: string, hasQuery: boolean): string[] {
  if (isPlaceholder) {
    return existsSync(folder) && readdirSync(folder).length > 0 ? [] : [`${folder}: no code there; name a folder that has files`];
  }
  return PROGRAMS.filter((program) => hasQuery || program !== "weir")
    .map((program) => join(folder, program, "bootstrap"))
    .filter((file) => !existsSync(file))
    .map((file) => `${file}: not there; run make package${architecture === "x86_64" ? "" : ` ARCH=${architecture}`}`);
}

function synth({ name, outdir, context }: Asked): number {
  const environment: Environment = loadEnvironment(context.get("environments") ?? ENVIRONMENTS, name, { deleteData: context.get("delete-data") });
  for (const warning of environment.warnings) console.error(`warning: ${warning}`);
  const { architecture, compute } = environment.settings;
  const artifacts = artifactsOf(context, architecture);
  const missing = missingCode(artifacts, architecture, compute.query.enabled);
  if (missing.length > 0) {
    for (const line of missing) console.error(line);
    return 1;
  }
  const { app } = build(environment, artifacts, outdir);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  try {
    app.synth();
  } catch (error) {
    // What is broken, and where, is written by then.
    if (!(error instanceof Error && error.name === "ValidationFailed")) throw error;
    return 1;
  }
  return 0;
}

try {
  process.exitCode = synth(asked(process.argv.slice(2)));
} catch (error) {
  if (error instanceof UsageError) console.error(`${error.message}\n${USAGE}`);
  else if (error instanceof SettingsError) console.error(error.message);
  else throw error;
  process.exitCode = 2;
}
