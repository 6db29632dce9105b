/** A compiled program as Lambda runs it: a Runtime API around one process, which takes one event at a time. */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const TIMEOUT_MS = 60_000;

export class RunningFunction {
  private waiting: ServerResponse | undefined;
  private event: string | undefined;
  private answered: ((answer: string) => void) | undefined;
  private failed: ((error: Error) => void) | undefined;
  private said = "";
  private process: ChildProcess | undefined;

  private constructor(private readonly server: Server) {}

  static async start(program: string, words: string[], variables: Record<string, string>): Promise<RunningFunction> {
    const server = createServer();
    const running = new RunningFunction(server);
    server.on("request", (asked, answer) => running.take(asked, answer));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const env = {
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_LAMBDA_FUNCTION_NAME: "test", AWS_LAMBDA_FUNCTION_VERSION: "1", AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "1024",
      AWS_LAMBDA_LOG_GROUP_NAME: "test", AWS_LAMBDA_LOG_STREAM_NAME: "test", ...variables,
    };
    running.process = spawn(program, words, { env, stdio: ["ignore", "ignore", "pipe"] });
    running.process.stderr?.on("data", (data) => (running.said += String(data)));
    running.process.once("exit", () => running.failed?.(new Error(`the program ended: ${running.said}`)));
    return running;
  }

  /** Hands over an event, and gives the answer. */
  async invoke(event: unknown): Promise<any> {
    const answer = new Promise<string>((resolve, reject) => {
      this.answered = resolve;
      this.failed = reject;
      setTimeout(() => reject(new Error(`no answer: ${this.said}`)), TIMEOUT_MS).unref();
    });
    this.event = JSON.stringify(event);
    this.hand();
    return parsed(await answer);
  }

  /** A request through the function's address. */
  async request(method: string, path: string, headers: Record<string, string>, body?: unknown): Promise<{ status: number; body: any }> {
    const [rawPath, rawQueryString = ""] = path.split("?");
    const http = { method, path: rawPath, protocol: "HTTP/1.1", sourceIp: "203.0.113.7", userAgent: "tests" };
    const domainName = "abc.lambda-url.eu-central-1.on.aws";
    const requestContext = {
      accountId: "anonymous", apiId: "abc", domainName, domainPrefix: "abc", http, requestId: "1", routeKey: "$default", stage: "$default",
      time: "01/Jan/2026:00:00:00 +0000", timeEpoch: Date.now(),
    };
    const given = { "content-type": "application/json", host: domainName, ...headers };
    const event = { version: "2.0", routeKey: "$default", rawPath, rawQueryString, headers: given, requestContext, isBase64Encoded: false };
    const answer = await this.invoke(body === undefined ? event : { ...event, body: JSON.stringify(body) });
    if (answer.streamed !== undefined) return { status: answer.statusCode, body: json(answer.streamed) };
    const said = answer.isBase64Encoded === true ? Buffer.from(answer.body, "base64").toString() : (answer.body ?? "");
    return { status: answer.statusCode, body: json(said) };
  }

  stop(): void {
    this.failed = undefined;
    this.process?.kill();
    this.server.closeAllConnections();
    this.server.close();
  }

  private take(asked: IncomingMessage, answer: ServerResponse): void {
    if (asked.url?.endsWith("/next") === true) {
      this.waiting = answer;
      this.hand();
      return;
    }
    let body = "";
    asked.on("data", (data) => (body += String(data)));
    asked.on("end", () => {
      answer.writeHead(202).end("{}");
      if (asked.url?.endsWith("/response") === true) this.answered?.(body);
      else this.failed?.(new Error(`${body}: ${this.said}`));
    });
  }

  private hand(): void {
    if (this.waiting === undefined || this.event === undefined) return;
    const headers = {
      "content-type": "application/json", "lambda-runtime-aws-request-id": "1", "lambda-runtime-deadline-ms": String(Date.now() + TIMEOUT_MS),
      "lambda-runtime-invoked-function-arn": "arn:aws:lambda:eu-central-1:123456789012:function:test",
    };
    this.waiting.writeHead(200, headers).end(this.event);
    [this.waiting, this.event] = [undefined, undefined];
  }
}

/** Between status and headers of a streamed answer and its body. */
const SEAM = "\0".repeat(8);

function parsed(answer: string): any {
  const seam = answer.indexOf(SEAM);
  if (seam < 0) return JSON.parse(answer);
  return { ...JSON.parse(answer.slice(0, seam)), streamed: answer.slice(seam + SEAM.length) };
}

function json(text: string): any {
  return text.startsWith("{") ? JSON.parse(text) : text;
}
