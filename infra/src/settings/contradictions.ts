/** What no field says alone: settings that are each right and do not go together. */

import type { Settings } from "./schema";
import type { Path, Source } from "./source";

export interface Found {
  path: Path;
  text: string;
  /** A warning stops nothing. */
  warning?: boolean;
}

/** A rule goes by what somebody wrote, where a field may be wrong by itself and then has no value. */
type Rule = (settings: Settings, wrote: Source["has"]) => Found[];

/** All that is found, in the order of the rules. */
export function contradictions(settings: Settings, wrote: Source["has"]): Found[] {
  return RULES.flatMap((rule) => rule(settings, wrote));
}

/** Seconds that the collector may take beside its append: the overflow, and a look at the settings. */
export const BESIDE_APPEND_SECONDS = 12;
/** Longest time that an HTTP API waits for a function. */
const HTTP_API_SECONDS = 29;
/** Longest time that CloudFront waits for an answer without a higher quota. */
export const CLOUDFRONT_SECONDS = 60;
/** Behind this window an event may be queryable later than 30 seconds after its answer. */
const WINDOW_FOR_30_SECONDS = 20;

const stream: Rule = ({ data }, wrote) => {
  const both = data.stream.mode === "onDemand" && wrote(["data", "stream", "shards"]);
  return both
    ? [{ path: ["data", "stream", "shards"], text: "found with mode onDemand, which chooses shards by itself; use one of both" }]
    : [];
};

const edge: Rule = ({ compute: { ingest } }, wrote) => {
  const at = ["compute", "ingest"];
  const found: Found[] = [];
  for (const name of ["domain", "certificate"] as const) {
    if (wrote([...at, name]) && ingest.edge !== "cloudfront") {
      found.push({ path: [...at, name], text: `found with edge ${ingest.edge}; use edge: cloudfront, or leave it out` });
    }
  }
  if (ingest.edge === "cloudfront") found.push(...pair(at, wrote));
  const seconds = Math.ceil(ingest.appendMs / 1000) + BESIDE_APPEND_SECONDS;
  if (ingest.edge === "httpApi" && seconds > HTTP_API_SECONDS) {
    const most = (HTTP_API_SECONDS - BESIDE_APPEND_SECONDS) * 1000;
    found.push({ path: [...at, "appendMs"], text: `found ${ingest.appendMs} behind an HTTP API, which waits 29 s; use up to ${most}` });
  }
  return found;
};

/** A name needs a certificate and the other way round. */
function pair(at: Path, wrote: Source["has"]): Found[] {
  const [domain, certificate] = [[...at, "domain"], [...at, "certificate"]];
  if (wrote(domain) && !wrote(certificate)) return [{ path: domain, text: "found without certificate; use both, or neither" }];
  if (wrote(certificate) && !wrote(domain)) return [{ path: certificate, text: "found without domain; use both, or neither" }];
  return [];
}

const landing: Rule = ({ data, compute: { landing } }) => {
  const found: Found[] = [];
  const shards = data.stream.shards ?? 1;
  const { reservedConcurrency: reserved, windowSeconds: window } = landing;
  const isShort = data.stream.mode === "provisioned" && reserved !== "none" && reserved < shards + 2;
  if (isShort) {
    const text = `found ${reserved} for ${shards} shards; use ${shards + 2} or more, or none: each shard has a batch under way`;
    found.push({ path: ["compute", "landing", "reservedConcurrency"], text });
  }
  if (!landing.enabled) {
    const text = `found false; nothing lands, and events wait in the stream, for ${data.stream.retentionHours} hours at most`;
    found.push({ path: ["compute", "landing", "enabled"], text, warning: true });
  }
  if (window > WINDOW_FOR_30_SECONDS) {
    const text = `found ${window}; with more than ${WINDOW_FOR_30_SECONDS} an event may be queryable later than 30 s after its answer`;
    found.push({ path: ["compute", "landing", "windowSeconds"], text, warning: true });
  }
  return found;
};

const maintenance: Rule = ({ compute: { maintenance } }) => {
  const { compactMinutes, timeoutSeconds } = maintenance;
  if (compactMinutes * 60 >= timeoutSeconds) return [];
  const text = `found ${compactMinutes} with timeoutSeconds ${timeoutSeconds}; use ${Math.ceil(timeoutSeconds / 60)} or more: `
    + "of two compactions at once the slower one loses its work";
  return [{ path: ["compute", "maintenance", "compactMinutes"], text }];
};

const access: Rule = ({ compute: { query } }, wrote) => {
  const at = ["compute", "query"];
  const found: Found[] = [];
  if (wrote([...at, "openid"]) && wrote([...at, "iam"])) {
    return [{ path: [...at, "iam"], text: "found beside openid; use one of both" }];
  }
  for (const name of ["openid", "iam"] as const) {
    const isThere = wrote([...at, name]);
    if (isThere && query.access !== name) {
      found.push({ path: [...at, name], text: `found with access ${query.access}; use access: ${name}, or leave it out` });
    }
    if (!isThere && query.access === name) {
      const needs = name === "openid" ? "issuer, clientId and roles" : "role";
      found.push({ path: [...at, "access"], text: `found ${name} without ${name}; use compute.query.${name} with ${needs}` });
    }
  }
  return found;
};

const address: Rule = ({ compute: { query } }, wrote) => {
  const at = ["compute", "query"];
  const found = pair(at, wrote);
  const [hasUrl, hasDomain] = [wrote([...at, "url"]), wrote([...at, "domain"])];
  if (hasUrl && hasDomain) {
    found.push({ path: [...at, "url"], text: "found beside domain; use one of both: with a domain the address is known" });
  }
  if (query.access === "openid" && !hasUrl && !hasDomain) {
    const text = "found openid without url or domain; use the address that people see: the provider sends them back to it. "
      + "Without a domain it is QueryUrl of a first deployment with access: token";
    found.push({ path: [...at, "access"], text });
  }
  if (query.access === "iam" && hasDomain) {
    const text = "found with access iam; leave it out: CloudFront would ask in its own name, and so let everybody in";
    found.push({ path: [...at, "domain"], text });
  }
  if (hasDomain && query.timeoutSeconds > CLOUDFRONT_SECONDS) {
    const text = `found ${query.timeoutSeconds} behind CloudFront, which waits ${CLOUDFRONT_SECONDS} s; use up to ${CLOUDFRONT_SECONDS}`;
    found.push({ path: [...at, "timeoutSeconds"], text });
  }
  return found;
};

const deploy: Rule = ({ compute: { deploy } }) => {
  if (deploy.shift === "canary") return [];
  return (["percent", "minutes"] as const)
    .filter((name) => deploy[name] !== undefined)
    .map((name) => ({ path: ["compute", "deploy", name], text: "found with shift allAtOnce; use shift: canary, or leave it out" }));
};

const operations: Rule = ({ operations, compute: { deploy } }) => {
  const found: Found[] = [];
  if (!operations.alarms && deploy.shift === "canary") {
    const text = "found false with compute.deploy.shift canary, which rolls back by alarms; use alarms: true, or shift: allAtOnce";
    found.push({ path: ["operations", "alarms"], text });
  }
  if (!operations.alarms && operations.alarmEmail !== undefined && operations.monthlyBudgetUsd === undefined) {
    found.push({ path: ["operations", "alarmEmail"], text: "found with alarms false; use alarms: true, or leave it out" });
  }
  if (operations.alarms && operations.alarmEmail === undefined) {
    const text = "missing; nobody is told of an alarm until somebody subscribes to AlarmTopicArn";
    found.push({ path: ["operations", "alarmEmail"], text, warning: true });
  }
  return found;
};

const RULES: Rule[] = [stream, edge, landing, maintenance, access, address, deploy, operations];
