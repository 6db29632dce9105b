/** The rules of others: cdk-nag's for what is built, cfn-lint's for what is deployed. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { App } from "aws-cdk-lib";
import { Validations } from "aws-cdk-lib";
import { Topic } from "aws-cdk-lib/aws-sns";
import { AwsSolutionsChecks } from "cdk-nag";
import type { IConstruct } from "constructs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { build } from "../src/app";
import { readEnvironment } from "../src/settings";
import { python } from "./moto";
import { ACCESSES, EDGES, EVERYTHING, MINIMAL, combined, stacksOf } from "./templates";

const onDemand = `${MINIMAL}data:\n  onDestroy: delete\n  stream:\n    mode: onDemand\ncompute:\n  deploy:\n    shift: allAtOnce\n`;
const CONTENTS: Array<readonly [name: string, content: string]> = [
  ["minimal", MINIMAL],
  ["everything", EVERYTHING],
  ["delete", onDemand],
  ...EDGES.flatMap((edge) => ACCESSES.map((access) => [`${edge}-${access}`, combined(edge, access)] as const)),
];

/** Rules that are broken and for which no reason is given, in an app whose references between stacks are made. */
function broken(app: App): string[] {
  app.synth();
  const { violations } = new AwsSolutionsChecks(app).validateScope(app);
  return violations.flatMap(({ ruleName, violatingResources }) =>
    violatingResources.map(({ constructPath }) => `${ruleName} at ${constructPath}`)).sort();
}

describe("cdk-nag", () => {
  it.each(CONTENTS)("has nothing against %s", (_, content) => {
    expect(broken(stacksOf(content, content === onDemand ? { deleteData: "test" } : {}).app)).toEqual([]);
  });

  it("would say so", () => {
    const { app, operations } = stacksOf(MINIMAL);
    new Topic(operations, "Open");
    expect(broken(app)).toEqual([expect.stringMatching(/^AwsSolutions-SNS3 at weir-test-operations\/Open/)]);
  });

  it("is told a reason for each exception", () => {
    for (const [, content] of CONTENTS) {
      const { app } = stacksOf(content);
      for (const { id, reason } of app.node.findAll().flatMap(reasonsOf)) {
        expect(id).toMatch(/AwsSolutions-[A-Z0-9]+/);
        expect(reason.split(" ").length, `${id}: ${reason}`).toBeGreaterThan(5);
      }
    }
  });
});

function reasonsOf(node: IConstruct): Array<{ id: string; reason: string }> {
  return node.node.metadata
    .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
    .flatMap(({ data }) => Object.entries(data as Record<string, string>).map(([id, reason]) => ({ id, reason: String(reason) })));
}

describe("cfn-lint", () => {
  let folder = "";

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "weir-infra-"));
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  it("has nothing against any template", () => {
    for (const [name, content] of CONTENTS) {
      const environment = readEnvironment("test.yaml", name.toLowerCase().slice(0, 20).replace(/-$/, ""), content);
      build(environment, { folder: "test/placeholder", isPlaceholder: true }, join(folder, name)).app.synth();
    }
    const templates = CONTENTS.flatMap(([name]) =>
      readdirSync(join(folder, name)).filter((file) => file.endsWith(".template.json")).map((file) => join(folder, name, file)));
    expect(templates).toHaveLength(3 * CONTENTS.length);
    expect(lint(templates)).toBe("");
  });
});

/** What cfn-lint says of templates, with the exceptions of `.cfnlintrc.yaml`. */
function lint(templates: string[]): string {
  const program = join(dirname(python()), "cfn-lint");
  if (!existsSync(program)) throw new Error(`${program} is not there: run make setup-aws`);
  try {
    return execFileSync(program, ["--", ...templates], { encoding: "utf8" });
  } catch (error) {
    return String((error as { stdout?: string }).stdout ?? error);
  }
}
