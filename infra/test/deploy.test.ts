/** The commands of `make deploy` and `make destroy`, with the CDK's own program, as far as moto goes: the data stack. */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Moto, elements } from "./moto";

const STACK = "weir-minimal-data";

let moto: Moto;
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "weir-infra-"));
  moto = await Moto.start();
});

afterAll(async () => {
  await moto.stop();
  rmSync(folder, { recursive: true });
});

/** Runs a program in the folder of the app; gives what it says, and fails if it does. */
function run(program: string, words: string[]): Promise<string> {
  const { PATH = "", HOME = "" } = process.env;
  const env = { PATH, HOME, CDK_DISABLE_CLI_TELEMETRY: "true", ...moto.environment() };
  const child = spawn(program, words, { env });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => said.push(String(data)));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => (status === 0 ? resolve(said.join("")) : reject(new Error(`${words.join(" ")}: ${said.join("")}`))));
  });
}

const cdk = (...words: string[]) => run("node_modules/.bin/cdk", [...words, "--no-notices", "--no-color"]);

describe("an environment", () => {
  it("is deployed from what was synthesized, and taken down without its data", async () => {
    const out = join(folder, "out");
    const places = ["-c", "artifacts=test/placeholder", "-c", "environments=test/environments"];
    await run(process.execPath, ["--import", "tsx", "src/synth.ts", "minimal", out, ...places]);
    await cdk("bootstrap", "aws://123456789012/eu-central-1");
    await cdk("deploy", "--app", out, STACK, "--exclusively", "--require-approval", "never");
    const described = await moto.formation("DescribeStackResources", { StackName: STACK });
    const bucket = elements(described, "PhysicalResourceId")[elements(described, "ResourceType").indexOf("AWS::S3::Bucket")];
    expect(elements(await moto.bucket(`${bucket}?encryption`), "SSEAlgorithm")).toEqual(["AES256"]);
    await cdk("destroy", "--app", out, "--all", "--force");
    await expect(moto.formation("DescribeStacks", { StackName: STACK })).rejects.toThrow("does not exist");
    expect(elements(await moto.bucket(`${bucket}?encryption`), "SSEAlgorithm")).toEqual(["AES256"]);
  });
});

describe("what was deployed", () => {
  it("is said in the end, with the command that sees whether it works", async () => {
    const file = join(folder, "said.json");
    const stacks = {
      "weir-minimal-data": { LakeUrl: "s3://b/lake", StreamName: "s", ExportsOutputRefLake: "b" },
      "weir-minimal-compute": { CollectorUrl: "https://c.example", DoctorCommand: "weir doctor --lake s3://b/lake --collector https://c.example" },
    };
    writeFileSync(file, JSON.stringify(stacks));
    expect(await run(process.execPath, ["--import", "tsx", "src/outputs.ts", file])).toBe(`CollectorUrl              https://c.example
LakeUrl                   s3://b/lake
StreamName                s

Is it well?

    weir doctor --lake s3://b/lake --collector https://c.example
`);
  });
});
