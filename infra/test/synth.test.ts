/** The command, as make runs it: without credentials, and with nothing but what is in the folder. */

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "weir-infra-"));
});

afterAll(() => rmSync(folder, { recursive: true }));

function synth(words: string[], environment: Record<string, string> = {}) {
  const { PATH = "", HOME = "" } = process.env;
  // Nothing of AWS: neither credentials nor a region.
  const env = { PATH, HOME, CARGO_TARGET_DIR: join(folder, "target"), ...environment };
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", "src/synth.ts", ...words], { encoding: "utf8", env });
  return { status, stdout, stderr };
}

describe("npm run synth", () => {
  it("writes a template a stack", () => {
    const out = join(folder, "out");
    const { status, stderr } = synth(["example", out, "-c", "artifacts=test/placeholder"]);
    expect(stderr).toMatch(/^warning: environments\/example\.yaml:\d+: operations\.alarmEmail: missing;[^\n]*\n$/);
    expect(status).toBe(0);
    expect(readdirSync(out).filter((name) => name.endsWith(".template.json"))).toEqual([
      "weir-example-compute.template.json", "weir-example-data.template.json", "weir-example-operations.template.json",
    ]);
  });

  it("takes settings from another folder", () => {
    const { status, stderr } = synth(["minimal", join(folder, "minimal"), "-c", "artifacts=test/placeholder", "-c", "environments=test/environments"]);
    expect([status, stderr]).toEqual([0, ""]);
    expect(existsSync(join(folder, "minimal/weir-minimal-data.template.json"))).toBe(true);
  });

  it("takes the code of each program from where it was packed", () => {
    const packages = join(folder, "target/lambda-packages/x86_64");
    for (const program of ["ingest-fn", "compact-fn", "weir"]) {
      mkdirSync(join(packages, program), { recursive: true });
      writeFileSync(join(packages, program, "bootstrap"), program);
    }
    const out = join(folder, "packed");
    expect(synth(["example", out]).status).toBe(0);
    const { Resources } = JSON.parse(readFileSync(join(out, "weir-example-compute.template.json"), "utf8"));
    const functions = Object.values<any>(Resources).filter(({ Type }) => Type === "AWS::Lambda::Function");
    const programs = functions.map(({ Properties }) => {
      const asset = Properties.Code.S3Key.replace(".zip", "");
      return [Properties.FunctionName, readFileSync(join(out, `asset.${asset}`, "bootstrap"), "utf8")];
    });
    expect(Object.fromEntries(programs)).toEqual({
      "weir-example-ingest-live": "ingest-fn", "weir-example-ingest-bulk": "ingest-fn", "weir-example-landing": "compact-fn",
      "weir-example-maintenance": "compact-fn", "weir-example-query": "weir",
    });
  });

  it("says which code is missing, and how to make it", () => {
    const { status, stderr } = synth(["example", join(folder, "none")], { CARGO_TARGET_DIR: join(folder, "empty") });
    expect(status).toBe(1);
    for (const program of ["ingest-fn", "compact-fn", "weir"]) {
      expect(stderr).toContain(`${join(folder, "empty/lambda-packages/x86_64", program, "bootstrap")}: not there; run make package`);
    }
    expect(existsSync(join(folder, "none"))).toBe(false);
  });

  it.each([
    [["prod", "OUT"], /^environments\/prod\.yaml: not there; copy environments\/example\.yaml to it/],
    [["example"], /^an environment and a folder are needed\nusage: npm run synth/],
    [["example", "OUT", "-c", "region=eu-west-1"], /^-c region: there are artifacts, environments, delete-data\nusage/],
    [["example", "OUT", "-c", "delete-data=example"], /data\.onDestroy: found keep with delete-data/],
  ])("does not begin with %j", (words, said) => {
    const { status, stdout, stderr } = synth(words.map((word) => (word === "OUT" ? join(folder, "never") : word)));
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(said);
    expect(stderr).not.toContain("    at ");
    expect(existsSync(join(folder, "never"))).toBe(false);
  });
});

describe("what is beside it", () => {
  it("is a script that Lambda starts the page with", () => {
    expect(statSync("functions/query/bootstrap").mode & 0o111).toBe(0o111);
    const root = join(folder, "task");
    mkdirSync(root);
    writeFileSync(join(root, "weir"), '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
    const said = execFileSync("functions/query/bootstrap", { encoding: "utf8", env: { ...process.env, LAMBDA_TASK_ROOT: root } });
    expect(said).toBe("serve --function\n");
  });

  it("is a list of exact versions that names no host", () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync("package.json", "utf8"));
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    const hosts = [...readFileSync("package-lock.json", "utf8").matchAll(/https?:\/\/([^/"]+)/g)].map(([, host]) => host);
    // Whom to thank; where packages come from is everybody's own business.
    expect([...new Set(hosts)].sort()).toEqual(["github.com", "opencollective.com", "tidelift.com"]);
  });
});
