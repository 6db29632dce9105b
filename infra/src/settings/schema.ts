/**
 * Every setting of an environment, with its bounds and its default: the one place that knows them.
 *
 *     region: eu-central-1          # the only one that is required
 *     data: …                       # what stays when the rest is taken down
 *     compute: …                    # functions, and what leads to them
 *     operations: …                 # who is told what
 */

import { z } from "zod";
import * as field from "./fields";

export const ROLES = ["viewer", "editor", "admin"] as const;

const lake = field.group({
  /** Without a name CloudFormation makes one up. */
  bucket: field.BUCKET.optional(),
  prefix: field.PREFIX.default("lake"),
  /** So many days S3 keeps what weir has removed. Not 0: what was erased of a user is then still there for so long. */
  keepDeletedDays: field.whole(0, 365, "days").default(0),
});

const stream = field.group({
  mode: field.choice("provisioned", "onDemand").default("provisioned"),
  shards: field.whole(1, 200).optional(),
  /** More than 24 costs as much again as the shard itself; it can be raised at any time for what the stream still has. */
  retentionHours: field.whole(24, 8760, "hours").default(24),
});

const data = field.group({
  onDestroy: field.choice("keep", "delete").default("keep"),
  lake: lake.prefault({}),
  encryption: field.KEY.default("s3"),
  stream: stream.prefault({}),
  glue: field.GLUE.default("off"),
});

const ingest = field.group({
  edge: field.choice("functionUrl", "cloudfront", "httpApi").default("functionUrl"),
  memory: field.whole(128, 10_240, "MB").default(256),
  /** Below 4 MB: Lambda cannot deliver a record that makes a payload of more than 6 MB. */
  recordBytes: field.whole(1024, 4_000_000, "bytes").default(1_048_576),
  appendMs: field.whole(100, 25_000, "milliseconds").default(3000),
  live: field.group({ reservedConcurrency: field.concurrency(1).default(50) }).prefault({}),
  /** Few, so that an import never takes the stream away from what people do now. */
  bulk: field.group({ reservedConcurrency: field.concurrency(1).default(5) }).prefault({}),
  domain: field.DOMAIN.optional(),
  certificate: field.CERTIFICATE.optional(),
});

const landing = field.group({
  batchSize: field.whole(1, 10_000, "records").default(10_000),
  /** Each second is one more until an event is queryable, and fewer files and requests. */
  windowSeconds: field.whole(0, 300).default(20),
  memory: field.whole(256, 10_240, "MB").default(512),
  timeoutSeconds: field.whole(60, 900, "seconds").default(60),
  reservedConcurrency: field.concurrency(3).default("none"),
  /** Where it is off there is no mapping: events wait in the stream. The next one begins at the oldest record. */
  enabled: field.flag().default(true),
});

const maintenance = field.group({
  memory: field.whole(512, 10_240, "MB").default(1024),
  timeoutSeconds: field.whole(60, 900, "seconds").default(290),
  overflowMinutes: field.whole(1, 60, "minutes").default(1),
  completeMinutes: field.whole(1, 60, "minutes").default(1),
  compactMinutes: field.whole(1, 1440, "minutes").default(5),
  upkeepMinutes: field.whole(1, 1440, "minutes").default(15),
});

const openid = field.group({
  issuer: field.HTTPS,
  clientId: field.WORDS,
  clientSecretName: field.SECRET.optional(),
  roleClaim: field.WORDS.default("groups"),
  /** What the claim may have, and the role that it gives. */
  roles: z
    .record(
      z.string().regex(field.GROUP_NAME, "names without , and ="),
      field.choice(...ROLES),
      "lines such as `weir-admins: admin`; roles are viewer, editor and admin",
    )
    .refine((roles) => Object.keys(roles).length > 0, "at least one line such as `weir-admins: admin`"),
  /** Asked for beside those that a login needs; without any, profile and email. */
  scopes: z.array(field.SCOPE, "a list of names, each behind a -").default([]),
  name: field.WORDS.optional(),
});

const query = field.group({
  enabled: field.flag().default(true),
  access: field.choice("token", "openid", "iam").default("token"),
  openid: openid.optional(),
  iam: field.group({ role: field.choice(...ROLES) }).optional(),
  memory: field.whole(512, 10_240, "MB").default(2048),
  timeoutSeconds: field.whole(10, 900, "seconds").default(60),
  /** A process of a function answers one request at a time, so this bounds nothing more than that. */
  queries: field.whole(1, 64).default(8),
  reservedConcurrency: field.concurrency(1).default("none"),
  /** How often it is looked which checks of reports are due; 0 for never. */
  checkMinutes: field.whole(0, 60, "minutes").default(5),
  frameAncestors: z.array(field.ORIGIN, "a list of addresses, each behind a -").default([]),
  webhookHosts: z.array(field.HOST, "a list of hosts, each behind a -").default([]),
  url: field.HTTPS.optional(),
  domain: field.DOMAIN.optional(),
  certificate: field.CERTIFICATE.optional(),
  /** The next number makes another key for sessions: everybody logs in again. */
  sessionKey: field.whole(1, 1_000_000).default(1),
});

const deploy = field.group({
  shift: field.choice("canary", "allAtOnce").default("canary"),
  percent: field.whole(1, 99, "percent").optional(),
  minutes: field.whole(1, 1440, "minutes").optional(),
});

const compute = field.group({
  logDays: field.KEPT_DAYS.default(30),
  logLevel: field.choice("error", "warn", "info", "debug", "trace").default("info"),
  ingest: ingest.prefault({}),
  landing: landing.prefault({}),
  maintenance: maintenance.prefault({}),
  query: query.prefault({}),
  deploy: deploy.prefault({}),
});

const thresholds = field.group({
  iteratorAgeSeconds: field.whole(10, 86_400, "seconds").default(60),
  serverErrors: field.whole(1, 1_000_000, "answers in five minutes").default(1),
  rejectedPercent: field.whole(1, 100, "percent").default(10),
  /** A share of few events says nothing. */
  rejectedLeastEvents: field.whole(1, 1_000_000_000, "events in five minutes").default(100),
});

const operations = field.group({
  alarms: field.flag().default(true),
  alarmEmail: field.EMAIL.optional(),
  /** The first three dashboards of an account cost nothing, each further one $3 a month. */
  dashboard: field.flag().default(false),
  thresholds: thresholds.prefault({}),
  monthlyBudgetUsd: field.whole(1, 10_000_000, "dollars").optional(),
});

export const SETTINGS = field.group({
  account: field.ACCOUNT.optional(),
  region: field.REGION,
  architecture: field.choice("x86_64", "arm64").default("x86_64"),
  data: data.prefault({}),
  compute: compute.prefault({}),
  operations: operations.prefault({}),
});

/** Settings with everything that was left out in its place. */
export type Settings = z.output<typeof SETTINGS>;
export type Query = Settings["compute"]["query"];
export type Ingest = Settings["compute"]["ingest"];
