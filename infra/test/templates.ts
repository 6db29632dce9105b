/** Templates of environments, for tests. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Template } from "aws-cdk-lib/assertions";
import { afterAll } from "vitest";
import { build } from "../src/app";
import type { Stacks } from "../src/app";
import { readEnvironment } from "../src/settings";
import type { Spoken } from "../src/settings";

export const EDGES = ["functionUrl", "cloudfront", "httpApi"] as const;
export const ACCESSES = ["token", "openid", "iam"] as const;

const ACCESS_LINES = {
  token: "    access: token",
  openid: `    access: openid
    url: https://weir.example.com
    openid:
      issuer: https://login.example.com
      clientId: weir
      clientSecretName: weir/openid
      roles:
        weir-admins: admin
        staff: viewer`,
  iam: "    access: iam\n    iam:\n      role: viewer",
};

/** An environment with one of the edges and one of the ways in. */
export function combined(edge: (typeof EDGES)[number], access: (typeof ACCESSES)[number]): string {
  return `region: eu-central-1
compute:
  ingest:
    edge: ${edge}
  query:
${ACCESS_LINES[access]}
operations:
  alarmEmail: ana@example.com
`;
}

export const MINIMAL = file("minimal");
export const EVERYTHING = file("everything");

export function file(name: string): string {
  return readFileSync(`test/environments/${name}.yaml`, "utf8");
}

/** What apps write, for as long as the tests of a file run. */
const FOLDER = mkdtempSync(join(tmpdir(), "weir-infra-"));
let apps = 0;

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

export function stacksOf(content: string, spoken: Spoken = {}): Stacks {
  const environment = readEnvironment("test.yaml", "test", content, spoken);
  apps += 1;
  return build(environment, { folder: "test/placeholder", isPlaceholder: true }, join(FOLDER, String(apps)));
}

export interface Templates {
  data: Template;
  compute: Template;
  operations: Template;
}

export function templatesOf(content: string, spoken: Spoken = {}): Templates {
  const { data, compute, operations } = stacksOf(content, spoken);
  return { data: Template.fromStack(data), compute: Template.fromStack(compute), operations: Template.fromStack(operations) };
}

export interface Resource {
  Type: string;
  // As the kind of the resource has them.
  Properties: any;
  DeletionPolicy?: string;
  UpdateReplacePolicy?: string;
  UpdatePolicy?: any;
}

/** Resources of a kind, by their logical ids. */
export function resources(template: Template, type: string): Record<string, Resource> {
  return template.findResources(type) as Record<string, Resource>;
}

/** The properties of the one resource of a kind. */
export function only(template: Template, type: string): any {
  const found = Object.values(resources(template, type));
  if (found.length !== 1) throw new Error(`${found.length} of ${type}`);
  return found[0]?.Properties;
}

/** The properties of a function, by the last words of its name. */
export function functionOf(template: Template, name: string): any {
  const found = Object.values(resources(template, "AWS::Lambda::Function"));
  const one = found.find(({ Properties }) => Properties.FunctionName === `weir-test-${name}`);
  if (one === undefined) throw new Error(`there is no function ${name}`);
  return one.Properties;
}

/** A value with references in it as a text: `${Thing}/lake/*`. */
export function text(value: any): string {
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return value.map(text).join(",");
  const [[kind, inner] = ["", ""]] = Object.entries(value) as Array<[string, any]>;
  switch (kind) {
    case "Fn::Join": return inner[1].map(text).join(inner[0]);
    case "Fn::ImportValue": return `\${${/(?:Att|Ref)(.*?)[0-9A-F]{8}/.exec(String(inner))?.[1] ?? inner}}`;
    case "Fn::GetAtt": return `\${${String(inner[0]).replace(/[0-9A-F]{8}$/, "")}}`;
    case "Ref": return `\${${String(inner).replace(/[0-9A-F]{8}$/, "")}}`;
    default: return JSON.stringify(value);
  }
}
