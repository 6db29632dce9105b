/**
 * The command that says what was deployed, from the file that `cdk deploy --outputs-file` writes:
 *
 *     npm run outputs -- FILE
 */

import { readFileSync } from "node:fs";

/** What somebody wants to see, in this order; names that are no use to a person are left out. */
const SHOWN = [
  "CollectorUrl", "BulkUrl", "QueryUrl", "QueryOriginUrl", "QueryPolicyArn", "LakeUrl", "StreamName", "LandingFailuresQueueUrl",
  "ScheduleFailuresQueueUrl", "AlarmTopicArn",
];

function show(file: string): string {
  const stacks = JSON.parse(readFileSync(file, "utf8")) as Record<string, Record<string, string>>;
  const outputs = Object.assign({}, ...Object.values(stacks)) as Record<string, string>;
  const lines = SHOWN.filter((name) => outputs[name] !== undefined).map((name) => `${name.padEnd(26)}${outputs[name]}`);
  const doctor = outputs["DoctorCommand"];
  return [...lines, ...(doctor === undefined ? [] : ["", "Is it well?", "", `    ${doctor}`])].join("\n");
}

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: npm run outputs -- FILE");
  process.exitCode = 2;
} else {
  console.log(show(file));
}
