import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { SettingsError, loadEnvironment, readEnvironment } from "../src/settings";
import type { Spoken } from "../src/settings";
import { nearest } from "../src/settings/nearest";
import { SETTINGS } from "../src/settings/schema";
import { MINIMAL, file } from "./templates";

function problems(content: string, spoken: Spoken = {}): string[] {
  try {
    readEnvironment("test.yaml", "test", content, spoken);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

const read = (content: string, spoken: Spoken = {}) => readEnvironment("test.yaml", "test", content, spoken);

/** The smallest environment with more lines. */
const withMore = (more: string) => problems(`region: eu-central-1\n${more}`);

describe("settings", () => {
  it("need three lines", () => {
    const { settings, warnings, deletesData } = read(MINIMAL);
    expect(warnings).toEqual([]);
    expect(deletesData).toBe(false);
    expect(settings.data.stream).toEqual({ mode: "provisioned", retentionHours: 24 });
    expect(settings.compute.landing).toMatchObject({ batchSize: 10_000, windowSeconds: 20, memory: 512 });
  });

  it("are all in the example, with their defaults", () => {
    const example = loadEnvironment("environments", "example").settings;
    const { settings } = read("region: eu-central-1");
    const percentAndMinutes = { percent: 10, minutes: 5 };
    expect(example).toEqual({
      ...settings,
      data: { ...settings.data, stream: { ...settings.data.stream, shards: 1 } },
      compute: { ...settings.compute, deploy: { ...settings.compute.deploy, ...percentAndMinutes } },
    });
  });

  it("say all that is wrong at once, with the line and what to write", () => {
    expect(problems(file("wrong")).join("\n")).toMatchInlineSnapshot(`
      "test.yaml:1: account: found 123456789012; use the 12 digits of the account, in quotes: "123456789012"
      test.yaml:1: region: missing; use the name of a region, such as eu-central-1
      test.yaml:2: regoin: not a setting; did you mean region?
      test.yaml:3: architecture: found sparc; use x86_64 or arm64
      test.yaml:5: data.onDestroy: found never; use keep or delete
      test.yaml:7: data.lake.prefix: found /lake/; use letters, digits, - and _, with / between folders and none at the ends, such as lake or team/lake
      test.yaml:8: data.encryption: found none; use s3, new-key, or the ARN of a KMS key
      test.yaml:11: data.stream.shards: found with mode onDemand, which chooses shards by itself; use one of both
      test.yaml:12: data.stream.retentionHours: found 12; use 24 to 8760 hours
      test.yaml:13: data.glue: found true; use off, or the name of a Glue database: small letters, digits and _
      test.yaml:16: compute.ingest.memry: not a setting; did you mean compute.ingest.memory?
      test.yaml:17: compute.ingest.domain: found https://events.example.com/; use a host name without https:// and path, such as events.example.com
      test.yaml:19: compute.ingest.live.reservedConcurrency: found all; use 1 to 10000, or none
      test.yaml:21: compute.landing.windowSeconds: found 400; use 0 to 300
      test.yaml:22: compute.landing.batchSize: found many; use 1 to 10000 records
      test.yaml:24: compute.query.access: found openid without url or domain; use the address that people see: the provider sends them back to it. Without a domain it is QueryUrl of a first deployment with access: token
      test.yaml:25: compute.query.openid.clientId: missing; use 1 to 200 characters
      test.yaml:26: compute.query.openid.issuer: found http://login.example.com; use an address that begins with https://, without ? and #
      test.yaml:28: compute.query.openid.roles.staff: found boss; use viewer, editor or admin
      test.yaml:29: compute.query.iam: found beside openid; use one of both
      test.yaml:31: compute.query.frameAncestors: found https://wiki.example.com; use a list of addresses, each behind a -
      test.yaml:34: compute.deploy.percent: found with shift allAtOnce; use shift: canary, or leave it out
      test.yaml:36: operations.alarmEmail: found ana; use an address of e-mail, such as ana@example.com
      test.yaml:38: operations.thresholds.rejectedPercent: found 0; use 1 to 100 percent"
    `);
  });

  it("say what does not go together", () => {
    expect(problems(file("contradictory")).join("\n")).toMatchInlineSnapshot(`
      "test.yaml:5: data.stream.shards: found with mode onDemand, which chooses shards by itself; use one of both
      test.yaml:9: compute.ingest.appendMs: found 20000 behind an HTTP API, which waits 29 s; use up to 17000
      test.yaml:10: compute.ingest.domain: found with edge httpApi; use edge: cloudfront, or leave it out
      test.yaml:15: compute.maintenance.compactMinutes: found 2 with timeoutSeconds 290; use 5 or more: of two compactions at once the slower one loses its work
      test.yaml:23: compute.query.iam: found beside openid; use one of both
      test.yaml:25: compute.query.domain: found without certificate; use both, or neither
      test.yaml:26: compute.query.timeoutSeconds: found 90 behind CloudFront, which waits 60 s; use up to 60
      test.yaml:30: operations.alarms: found false with compute.deploy.shift canary, which rolls back by alarms; use alarms: true, or shift: allAtOnce
      test.yaml:31: operations.alarmEmail: found with alarms false; use alarms: true, or leave it out"
    `);
  });

  it("may be left out by groups, and a group of comments is none", () => {
    expect(read("region: eu-central-1\ncompute:\n  # landing:\n").settings.compute.landing.memory).toBe(512);
  });

  it("name the field that somebody meant", () => {
    expect(withMore("compute:\n  landin:\n    memory: 512\n")).toEqual([
      "test.yaml:3: compute.landin: not a setting; did you mean compute.landing?",
    ]);
    expect(withMore("whatever: 1\n")).toEqual([
      "test.yaml:2: whatever: not a setting; there are account, region, architecture, data, compute, operations",
    ]);
    expect(nearest("retention", ["mode", "shards", "retentionHours"])).toBeUndefined();
    expect(nearest("shard", ["mode", "shards"])).toBe("shards");
  });

  it.each([
    ["", ["test.yaml:1: region: missing; use the name of a region, such as eu-central-1"]],
    ["- a\n", ["test.yaml:1: the file: found [\"a\"]; use fields, each on a line of its own"]],
    ["region: [eu\n", [expect.stringMatching(/^test\.yaml:\d+: /)]],
    ["region: eu-central-1\nregion: eu-west-1\n", [expect.stringMatching(/^test\.yaml:2: Map keys must be unique/)]],
  ])("are a file of YAML: %j", (content, expected) => {
    expect(problems(content)).toEqual(expected);
  });

  it("warn of what may be meant", () => {
    expect(read("region: eu-central-1\ncompute:\n  landing:\n    windowSeconds: 21\n").warnings).toEqual([
      "test.yaml:4: compute.landing.windowSeconds: found 21; with more than 20 an event may be queryable later than 30 s after its answer",
      "test.yaml:1: operations.alarmEmail: missing; nobody is told of an alarm until somebody subscribes to AlarmTopicArn",
    ]);
  });

  it("are found by the name of the environment", () => {
    expect(() => loadEnvironment("test/environments", "prod")).toThrow(
      "test/environments/prod.yaml: not there; copy environments/example.yaml to it. In test/environments there are "
        + "contradictory.yaml, everything.yaml, minimal.yaml, wrong.yaml.",
    );
    expect(() => loadEnvironment("test/environments", "../prod")).toThrow("environment: found ../prod; use a small letter");
  });
});

describe("rules between settings", () => {
  it.each([
    ["a certificate elsewhere", "compute:\n  ingest:\n    edge: cloudfront\n    domain: a.example.com\n    certificate: arn:aws:acm:eu-central-1:123456789012:certificate/x\n",
      /compute\.ingest\.certificate: found .*; use the ARN of a certificate in us-east-1/],
    ["a domain alone", "compute:\n  ingest:\n    edge: cloudfront\n    domain: a.example.com\n", /domain: found without certificate; use both/],
    ["openid without an address", "compute:\n  query:\n    access: openid\n    openid:\n      issuer: https://a.example.com\n      clientId: x\n      roles: {a: viewer}\n",
      /access: found openid without url or domain/],
    ["openid without openid", "compute:\n  query:\n    access: openid\n    url: https://a.example.com\n", /found openid without openid; use compute\.query\.openid/],
    ["iam behind CloudFront", "compute:\n  query:\n    access: iam\n    iam: {role: viewer}\n    domain: a.example.com\n    certificate: arn:aws:acm:us-east-1:123456789012:certificate/x\n",
      /domain: found with access iam; leave it out/],
    ["too few batches at once", "data:\n  stream:\n    shards: 4\ncompute:\n  landing:\n    reservedConcurrency: 5\n", /found 5 for 4 shards; use 6 or more/],
    ["no roles", "compute:\n  query:\n    access: openid\n    url: https://a.example.com\n    openid:\n      issuer: https://a.example.com\n      clientId: x\n      roles: {}\n",
      /openid\.roles: found {}; use at least one line/],
    ["a group with a comma", "compute:\n  query:\n    access: openid\n    url: https://a.example.com\n    openid:\n      issuer: https://a.example.com\n      clientId: x\n      roles: {\"a,b\": viewer}\n",
      /openid\.roles\.a,b: found as a name; use names without , and =/],
    ["shards of a stream that has its own", "data:\n  stream:\n    mode: onDemand\n    shards: 1\n", /shards: found with mode onDemand/],
    ["a canary that nobody watches", "operations:\n  alarms: false\n", /alarms: found false with compute\.deploy\.shift canary/],
  ])("%s", (_, more, expected) => {
    expect(withMore(more)).toEqual([expect.stringMatching(expected)]);
  });

  it("let what fits pass", () => {
    expect(withMore("data:\n  stream:\n    shards: 4\ncompute:\n  landing:\n    reservedConcurrency: 6\n")).toEqual([]);
    expect(withMore("operations:\n  alarms: false\ncompute:\n  deploy:\n    shift: allAtOnce\n")).toEqual([]);
  });
});

describe("the table in the README", () => {
  const page = readFileSync("README.md", "utf8");
  const rows = page.split("\n").filter((line) => line.startsWith("| `"));
  const named = rows.flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`([a-zA-Z.]+)`/g)].map(([, name]) => name ?? ""));

  it("has every setting, and no other", () => {
    const inTable = named.filter((name) => /^(account|region|architecture|data\.|compute\.|operations\.)/.test(name));
    expect(inTable.sort()).toEqual(leaves(SETTINGS).sort());
  });
});

/** The names of all settings. */
function leaves(schema: z.core.$ZodType, at = ""): string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) return leaves(schema.unwrap(), at);
  if (!(schema instanceof z.ZodObject)) return [at];
  return Object.entries(schema.shape as Record<string, z.core.$ZodType>).flatMap(([name, inner]) => leaves(inner, at === "" ? name : `${at}.${name}`));
}

describe("destroying data", () => {
  const deleting = `${MINIMAL}data:\n  onDestroy: delete\n`;

  it("takes both words", () => {
    expect(read(deleting, { deleteData: "test" }).deletesData).toBe(true);
  });

  it("is kept from happening by one of them alone", () => {
    const { deletesData, warnings } = read(deleting);
    expect(deletesData).toBe(false);
    expect(warnings).toEqual(["test.yaml:5: data.onDestroy: found delete, said once: bucket and stream are kept. Say it twice with -c delete-data=test"]);
    expect(problems(MINIMAL, { deleteData: "test" })).toEqual([
      "test.yaml:1: data.onDestroy: found keep with delete-data; use delete in the file as well: data goes only if it is said twice",
    ]);
  });

  it("is not meant for another environment", () => {
    expect(problems(deleting, { deleteData: "prod" })).toEqual([
      "test.yaml:5: data.onDestroy: delete-data names prod; this environment is test",
    ]);
  });
});
