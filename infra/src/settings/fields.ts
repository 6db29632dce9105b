/**
 * The kinds of values that settings have. Each says in words what it takes; whoever wrote something else reads those words.
 */

import { z } from "zod";

/** What was seen of a field that is right, so that a problem can say what to write. */
export function whole(least: number, most: number, unit = "") {
  const use = `${least} to ${most}${unit === "" ? "" : ` ${unit}`}`;
  return z.int(use).min(least, use).max(most, use);
}

export function choice<const Names extends readonly [string, ...string[]]>(...names: Names) {
  return z.enum(names, `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`);
}

export function flag() {
  return z.boolean("true or false");
}

export function text(pattern: RegExp, use: string) {
  return z.string(use).regex(pattern, use);
}

/** Concurrency that is set aside for a function, or that it shares with all others of the account. */
export function concurrency(least: number) {
  const use = `${least} to 10000, or none`;
  return z.union([z.int().min(least).max(10_000), z.literal("none")], use);
}

/** A group of fields. Where it is left out, each of its fields is as if it were left out. */
export function group<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, "fields, each on a line of its own");
}

export const ACCOUNT = text(/^\d{12}$/, 'the 12 digits of the account, in quotes: "123456789012"');
export const REGION = text(/^[a-z]{2}(-[a-z]+)+-\d$/, "the name of a region, such as eu-central-1");
export const BUCKET = text(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, "3 to 63 small letters, digits and -, without dots");
export const PREFIX = text(
  /^[A-Za-z0-9][A-Za-z0-9_-]*(\/[A-Za-z0-9][A-Za-z0-9_-]*)*$/,
  "letters, digits, - and _, with / between folders and none at the ends, such as lake or team/lake",
);
export const KEY = text(
  /^(s3|new-key|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+)$/,
  "s3, new-key, or the ARN of a KMS key",
);
export const GLUE = text(/^[a-z0-9_]{1,128}$/, "off, or the name of a Glue database: small letters, digits and _");
export const DOMAIN = text(
  /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/,
  "a host name without https:// and path, such as events.example.com",
);
export const CERTIFICATE = text(
  /^arn:aws[a-z-]*:acm:us-east-1:\d{12}:certificate\/[a-z0-9-]+$/,
  "the ARN of a certificate in us-east-1, where CloudFront looks for it",
);
export const HTTPS = text(/^https:\/\/[^\s/?#]+(\/[^\s?#]*)?$/, "an address that begins with https://, without ? and #");
/** Where a browser is, without what it looks at there. */
export const ORIGIN = text(/^https:\/\/[a-z0-9.-]+(:\d+)?$/, "an address without a path, such as https://wiki.example.com");
export const HOST = text(/^[a-z0-9.-]+(:\d+)?$/, "a host, such as hooks.example.com or hooks.example.com:8443");
export const SCOPE = text(/^[^\s,]{1,100}$/, "a name without spaces and commas");
export const EMAIL = text(/^[^\s@]+@[^\s@]+\.[^\s@]+$/, "an address of e-mail, such as ana@example.com");
export const SECRET = text(/^[A-Za-z0-9/_+=.@-]{1,512}$/, "the name of a secret in Secrets Manager");
/** What a role of weir is given to; it goes into a list with commas. */
export const GROUP_NAME = /^[^\s,=][^,=]*$/;
export const WORDS = text(/^[^\s].{0,199}$/, "1 to 200 characters");
/** How long CloudWatch can be told to keep a log. */
export const LOG_DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731] as const;
export const KEPT_DAYS = z.literal(LOG_DAYS, `one of ${LOG_DAYS.join(", ")}`);
