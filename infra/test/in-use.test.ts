/**
 * The rights of each part, in use: the compiled programs do what they are for, through a gate that grants what their roles have. So it
 * is seen that nothing is missing, which no template can say.
 *
 * It needs the programs of `make test-rust`, and is left out where they are not built.
 */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunningFunction } from "./function";
import { Gate } from "./gate";
import { Moto } from "./moto";
import { ROLE, rightsOf } from "./rights";
import { MINIMAL, templatesOf } from "./templates";

const TARGET = process.env["CARGO_TARGET_DIR"] ?? join(homedir(), ".cache/weir/target");
const program = (name: string) => join(TARGET, "debug", name);
const isBuilt = ["ingest-fn", "compact-fn", "weir"].every((name) => existsSync(program(name)));

const LAKE = "s3://bucket/lake";
const STREAM = "events";
/** More than so many landed files are merged. */
const BATCHES = 10;

describe.skipIf(!isBuilt)("rights in use", () => {
  const { compute } = templatesOf(MINIMAL);
  let moto: Moto;
  const authorization = { authorization: "" };
  const open: Array<Gate | RunningFunction> = [];

  beforeAll(async () => {
    moto = await Moto.start();
    await moto.makeBucket("bucket");
    await moto.json("kinesis", "Kinesis_20131202.CreateStream", { StreamName: STREAM, ShardCount: 1 });
  });

  afterAll(async () => {
    for (const one of open) if (one instanceof Gate) one.close(); else one.stop();
    await moto.stop();
  });

  /** A command by somebody who may do everything. */
  function weir(...words: string[]): any {
    const env = { PATH: process.env["PATH"] ?? "", ...moto.environment(), AWS_ENDPOINT_URL: moto.address };
    const said = execFileSync(program("weir"), [...words, "--lake", LAKE, "--format", "json", "--quiet"], { encoding: "utf8", env });
    return said.trim() === "" ? undefined : JSON.parse(said);
  }

  /** A program as a function, with the rights of a role. */
  async function as(role: RegExp, name: string, words: string[], variables: Record<string, string>) {
    const gate = await Gate.open(moto.address, rightsOf(compute, role));
    const own = { WEIR_LAKE: LAKE, WEIR_STREAM: STREAM, WEIR_APPEND_MS: "500", ...moto.environment(), AWS_ENDPOINT_URL: gate.url, ...variables };
    const running = await RunningFunction.start(program(name), words, own);
    open.push(running, gate);
    return { gate, running };
  }

  /** What is in the stream, as a mapping hands it over. */
  async function records(): Promise<any[]> {
    const shard = { StreamName: STREAM, ShardId: "shardId-000000000000", ShardIteratorType: "TRIM_HORIZON" };
    const { ShardIterator } = await moto.json("kinesis", "Kinesis_20131202.GetShardIterator", shard);
    const { Records } = await moto.json("kinesis", "Kinesis_20131202.GetRecords", { ShardIterator });
    return Records.map((record: any) => ({
      kinesis: { sequenceNumber: record.SequenceNumber, data: record.Data, partitionKey: record.PartitionKey, approximateArrivalTimestamp: 1_767_225_600 },
      eventSource: "aws:kinesis", eventID: `shardId-000000000000:${record.SequenceNumber}`,
      eventSourceARN: `arn:aws:kinesis:eu-central-1:123456789012:stream/${STREAM}`,
    }));
  }

  it("are enough to begin: the first schedule makes the lake, and keys are made in it", async () => {
    const { gate, running } = await as(ROLE.maintenance, "compact-fn", [], {});
    expect(await running.invoke({ weir: "complete" })).toEqual({ complete: expect.anything() });
    expect(gate.denied).toEqual([]);
    authorization.authorization = `Bearer ${weir("keys", "add", "--source", "shop").key}`;
  });

  it("are enough to collect: settings, the stream, receipts, the overflow", async () => {
    const { gate, running } = await as(ROLE["ingest-live"], "ingest-fn", [], {});
    // Before anything was sent it asks the stream.
    expect((await running.request("GET", "/health/ready", {})).status).toBe(200);
    for (let batch = 0; batch < BATCHES; batch += 1) {
      const events = [{ event: "view", user_id: `u${batch}` }, { event: "buy", user_id: `u${batch}` }, { event: "", user_id: "bad" }];
      const { status, body } = await running.request("POST", "/v1/events", authorization, events);
      expect([status, body.accepted]).toEqual([200, 2]);
      expect((await running.request("GET", `/v1/receipts/${body.receipt}`, authorization)).status).toBe(200);
    }
    gate.broken.add("kinesis:PutRecords");
    const { status, body } = await running.request("POST", "/v1/events", authorization, [{ event: "view", user_id: "late" }]);
    expect([status, body.receipt]).toEqual([200, expect.stringContaining("overflow")]);
    expect((await running.request("GET", `/v1/receipts/${body.receipt}`, authorization)).status).toBe(200);
    expect(gate.denied).toEqual([]);
    expect([...gate.used].sort()).toEqual(["kinesis:ListShards", "kinesis:PutRecords", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]);
  });

  it("are enough to land, also what cannot be read", async () => {
    await moto.json("kinesis", "Kinesis_20131202.PutRecord", { StreamName: STREAM, PartitionKey: "x", Data: Buffer.from("no record").toString("base64") });
    const { gate, running } = await as(ROLE.landing, "compact-fn", [], {});
    for (const record of await records()) expect(await running.invoke({ Records: [record] })).toEqual({ batchItemFailures: [] });
    expect(gate.denied).toEqual([]);
    expect(await moto.bucket("bucket?list-type=2&prefix=lake/unreadable/")).toContain("<Key>");
  });

  it("are enough for maintenance: overflow, completeness, erasure, merging", async () => {
    const { gate, running } = await as(ROLE.maintenance, "compact-fn", [], {});
    expect((await running.invoke({ weir: "land-overflow" }))["land-overflow"]).toMatchObject({ events: 1 });
    weir("delete-user", "u1", "--yes");
    expect(await running.invoke({ weir: "maintain" })).toMatchObject({ complete: expect.anything(), upkeep: { vacuumed: 0 }, compact: { left: 0 } });
    expect(gate.denied).toEqual([]);
    expect(await moto.bucket("bucket?list-type=2&prefix=lake/events/compacted/")).toContain("<Key>");
  });

  it("are enough to ask, and for what editors and admins do", async () => {
    const { token } = weir("tokens", "add", "--name", "ana", "--role", "admin");
    const session = { WEIR_AUTH: "token", WEIR_SESSION_KEY: "k".repeat(64) };
    const { gate, running } = await as(ROLE.query, "weir", ["serve", "--function"], session);
    const admin = { authorization: `Bearer ${token}` };
    const spec = { kind: "funnel", steps: [{ event: "view" }, { event: "buy" }], window: "1d" };
    const report = { name: "Buyers", spec, check: { every: "1h", measure: "conversion", below: 0.2 } };
    for (const [method, path, body, expected] of [
      ["POST", "/api/query", spec, 200],
      ["GET", "/api/catalogue", undefined, 200],
      ["POST", "/api/reports", report, 201],
      ["GET", "/api/reports", undefined, 200],
      ["POST", "/api/keys", { source: "web" }, 201],
      ["GET", "/api/failed", undefined, 200],
      ["POST", "/api/failed/replay", { all: true }, 200],
      ["POST", "/api/failed/drop", { all: true }, 200],
      ["GET", "/api/system", undefined, 200],
    ] as const) {
      const { status, body: said } = await running.request(method, path, admin, body);
      expect([method, path, status, status === expected ? "" : said]).toEqual([method, path, expected, ""]);
    }
    expect(await running.invoke({ weir: "checks" })).toMatchObject({ bad: 0 });
    expect(gate.denied).toEqual([]);
  });
});
