/**
 * A gate in front of moto that lets pass what a role may do, and writes down what it may not: IAM, as far as these rights go.
 *
 *     program ──▶ gate: which action, on what? ──▶ moto
 *                  └── 403, and noted
 */

import { createServer, request } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { may } from "./rights";
import type { Right } from "./rights";

export class Gate {
  /** What was asked for and not granted. */
  readonly denied: string[] = [];
  /** What was asked for and granted. */
  readonly used = new Set<string>();
  /** Actions that fail as if AWS had trouble. */
  readonly broken = new Set<string>();

  private constructor(private readonly server: Server, private readonly behind: URL, private readonly rights: Right[]) {}

  static async open(behind: string, rights: Right[]): Promise<Gate> {
    const server = createServer();
    const gate = new Gate(server, new URL(behind), rights);
    server.on("request", (asked, answer) => gate.pass(asked, answer));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return gate;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private pass(asked: IncomingMessage, answer: ServerResponse): void {
    const { action, object } = doing(asked);
    if (this.broken.has(action)) {
      answer.writeHead(500, { "content-type": "application/json" }).end('{"__type":"InternalFailure"}');
      return;
    }
    if (!this.grants(action, object)) {
      this.denied.push(`${action} ${object}`);
      answer.writeHead(403).end("<Error><Code>AccessDenied</Code><Message>the gate</Message></Error>");
      return;
    }
    this.used.add(action);
    const { hostname, port } = this.behind;
    const onward = request({ hostname, port, method: asked.method, path: asked.url, headers: asked.headers }, (answered) => {
      answer.writeHead(answered.statusCode ?? 502, answered.headers);
      answered.pipe(answer);
    });
    onward.on("error", () => answer.destroy());
    asked.pipe(onward);
  }

  private grants(action: string, object: string): boolean {
    const isOfLake = action.startsWith("s3:") && action !== "s3:ListBucket";
    return isOfLake ? may(this.rights, action, object) : this.rights.some(({ actions }) => actions.includes(action));
  }
}

/** The action of a request, and the object of the lake that it is about. The bucket is `bucket`, the lake `lake` in it. */
function doing({ method, url, headers }: IncomingMessage): { action: string; object: string } {
  const target = headers["x-amz-target"];
  if (typeof target === "string") return { action: `kinesis:${target.split(".").at(-1)}`, object: "" };
  const { pathname, searchParams } = new URL(url ?? "/", "http://moto");
  const [, , ...key] = decodeURIComponent(pathname).split("/");
  if (key.join("/") === "") return { action: method === "GET" ? "s3:ListBucket" : `s3:${method}Bucket`, object: "" };
  const object = key.join("/").replace(/^lake\//, "");
  const isPart = searchParams.has("uploadId");
  const actions: Record<string, string> = {
    GET: "s3:GetObject", HEAD: "s3:GetObject", PUT: "s3:PutObject", POST: "s3:PutObject",
    DELETE: isPart ? "s3:AbortMultipartUpload" : "s3:DeleteObject",
  };
  return { action: actions[method ?? ""] ?? `s3:${method}`, object };
}
