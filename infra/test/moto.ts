/**
 * A stand-in for AWS, for as long as a test runs: moto, of the tests of the whole system. It knows CloudFormation, and makes what a
 * data stack has; it checks no signature.
 */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const REGION = "eu-central-1";
const SERVER = "../tests/aws/server.py";

/** The Python that has moto; make installs it. */
export function python(): string {
  const target = process.env["CARGO_TARGET_DIR"] ?? join(homedir(), ".cache/weir/target");
  const found = process.env["WEIR_MOTO_PYTHON"] ?? join(target, "moto-python/bin/python");
  if (!existsSync(found)) throw new Error(`${found} is not there: run make setup-aws, or name the Python with WEIR_MOTO_PYTHON`);
  return found;
}

export class Moto {
  private constructor(private readonly process: ChildProcess, private readonly url: string) {}

  static async start(): Promise<Moto> {
    // It says on standard error which kinds it does not know; the test does.
    const child = spawn(python(), [SERVER], { stdio: ["pipe", "pipe", "ignore"] });
    const lines = createInterface({ input: child.stdout });
    for await (const line of lines) return new Moto(child, `http://127.0.0.1:${line.trim()}`);
    throw new Error("moto ended before it printed its port");
  }

  /** Where it answers. */
  get address(): string {
    return this.url;
  }

  async makeBucket(name: string): Promise<void> {
    const body = `<CreateBucketConfiguration><LocationConstraint>${REGION}</LocationConstraint></CreateBucketConfiguration>`;
    const answer = await fetch(`${this.url}/${name}`, { method: "PUT", headers: this.headers("s3"), body });
    if (!answer.ok) throw new Error(await answer.text());
  }

  /** What a program of AWS has to know to find it. `localhost`, for moto reads templates of no other host by their path. */
  environment(): Record<string, string> {
    const { port } = new URL(this.url);
    return {
      AWS_ENDPOINT_URL: `http://localhost:${port}`, AWS_REGION: REGION, AWS_ACCESS_KEY_ID: "testing", AWS_SECRET_ACCESS_KEY: "testing",
      AWS_EC2_METADATA_DISABLED: "true",
    };
  }

  /** It ends when its standard input does. */
  stop(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.process.once("exit", () => resolve()));
    this.process.stdin?.end();
    return ended;
  }

  /** A call of CloudFormation; gives the answer, XML. */
  async formation(action: string, parameters: Record<string, string>): Promise<string> {
    const body = new URLSearchParams({ Action: action, Version: "2010-05-15", ...parameters });
    const answer = await fetch(this.url, { method: "POST", headers: this.headers("cloudformation"), body });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${action}: ${text}`);
    return text;
  }

  /** A call of a service that speaks JSON; `target` is such as `Kinesis_20131202.ListShards`. */
  async json(service: string, target: string, body: unknown): Promise<any> {
    const headers = { ...this.headers(service), "x-amz-target": target, "content-type": "application/x-amz-json-1.1" };
    const answer = await fetch(this.url, { method: "POST", headers, body: JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${target}: ${text}`);
    return JSON.parse(text);
  }

  /** What S3 says to `/bucket?what`; the status where it says no. */
  async bucket(path: string): Promise<string> {
    const answer = await fetch(`${this.url}/${path}`, { headers: this.headers("s3") });
    return answer.ok ? await answer.text() : String(answer.status);
  }

  /** Whether S3 takes it. */
  async putPolicy(bucket: string, policy: unknown): Promise<boolean> {
    const answer = await fetch(`${this.url}/${bucket}?policy`, { method: "PUT", headers: this.headers("s3"), body: JSON.stringify(policy) });
    return answer.ok;
  }

  private headers(service: string): Record<string, string> {
    const credential = `Credential=testing/20260101/${REGION}/${service}/aws4_request`;
    return { authorization: `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=host, Signature=none`, "x-amz-date": "20260101T000000Z" };
  }
}

/** Every value of an element of an answer. */
export function elements(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))].map(([, value]) => value ?? "");
}
