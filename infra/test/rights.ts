/** Rights that a template grants, read for tests: as lines, and as an answer to whether something may be done. */

import type { Template } from "aws-cdk-lib/assertions";
import { resources, text } from "./templates";

export interface Right {
  effect: string;
  actions: string[];
  resources: string[];
  condition: unknown;
}

/** The policy of each role, by its logical id. */
export const ROLE = {
  "ingest-live": /^IngestIngestLiveRole/,
  "ingest-bulk": /^IngestIngestBulkRole/,
  landing: /^LandingRole/,
  maintenance: /^MaintenanceRole/,
  "clock of maintenance": /^MaintenanceSchedulesClock/,
  "clock of checks": /^QuerySchedulesClock/,
  query: /^QueryRole/,
};

export function rightsOf(template: Template, role: RegExp): Right[] {
  const policies = Object.entries(resources(template, "AWS::IAM::Policy")).filter(([id]) => role.test(id));
  if (policies.length !== 1) throw new Error(`${policies.length} policies of ${role}`);
  return policies.flatMap(([, { Properties }]) => statements(Properties.PolicyDocument));
}

export function statements(document: any): Right[] {
  return document.Statement.map((statement: any) => ({
    effect: statement.Effect,
    actions: [statement.Action].flat(),
    resources: [statement.Resource].flat().map(text),
    condition: statement.Condition,
  }));
}

/** Rights as lines: an action, and where. */
export function lines(rights: Right[]): string[] {
  const bucket = /^\$\{LakeBucket\}/;
  return rights.flatMap(({ actions, resources: where }) =>
    actions.flatMap((action) => where.map((one) => `${action} ${one.replace(bucket, "LAKE").replace("LAKE/lake", "LAKE")}`))).sort();
}

/** Whether an object of the lake may be reached by an action, by the rights of S3 alone. */
export function may(rights: Right[], action: string, object: string): boolean {
  return rights.some((right) => right.actions.includes(action) && right.resources.some((pattern) => {
    const known = pattern.replace("${LakeBucket}", "BUCKET");
    return known.endsWith("*") ? `BUCKET/lake/${object}`.startsWith(known.slice(0, -1)) : known === `BUCKET/lake/${object}`;
  }));
}
