/**
 * The data stack, deployed: what a template says is one thing, that CloudFormation makes it another.
 *
 * moto's CloudFormation makes bucket, stream, queues and keys. It passes over policies of buckets and queues, secrets, and what a bucket
 * has beside its encryption. Of these the test looks at what was deployed, with the names that were made, and whether S3 takes it.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Moto, elements } from "./moto";
import { MINIMAL, templatesOf } from "./templates";

const STACK = "weir-test-data";
const body = (content: string) => JSON.stringify(templatesOf(content).data.toJSON());
const GROWN = `${MINIMAL}data:\n  stream:\n    shards: 2\n    retentionHours: 48\n`;

let moto: Moto;

beforeAll(async () => {
  moto = await Moto.start();
});

afterAll(async () => {
  await moto.stop();
});

async function outputs(): Promise<Record<string, string>> {
  const described = await moto.formation("DescribeStacks", { StackName: STACK });
  expect(elements(described, "StackStatus")).toEqual([expect.stringMatching(/_COMPLETE$/)]);
  const [keys, values] = [elements(described, "OutputKey"), elements(described, "OutputValue")];
  return Object.fromEntries(keys.map((key, at) => [key, values[at] ?? ""]));
}

async function stream(name: string) {
  const { StreamDescription: found } = await moto.json("kinesis", "Kinesis_20131202.DescribeStream", { StreamName: name });
  return { shards: found.Shards.filter((shard: any) => shard.SequenceNumberRange.EndingSequenceNumber === undefined).length, hours: found.RetentionPeriodHours };
}

/** What was deployed of the one resource of a kind. */
async function deployed(type: string): Promise<any> {
  const [, template = "{}"] = /<TemplateBody>([\s\S]*)<\/TemplateBody>/.exec(await moto.formation("GetTemplate", { StackName: STACK })) ?? [];
  const found = Object.values<any>(JSON.parse(unescaped(template)).Resources).filter(({ Type }) => Type === type);
  expect(found, type).toHaveLength(1);
  return found[0].Properties;
}

function unescaped(xml: string): string {
  const signs: Record<string, string> = { quot: '"', "#34": '"', "#39": "'", apos: "'", lt: "<", gt: ">", amp: "&" };
  return xml.replace(/&([a-z0-9#]+);/g, (whole, name: string) => signs[name] ?? whole);
}

/** References to the bucket as its name and its ARN. */
function resolved(value: any, bucket: string): any {
  if (Array.isArray(value)) return value.map((inner) => resolved(inner, bucket));
  if (typeof value !== "object" || value === null) return value;
  if (value.Ref !== undefined) return bucket;
  if (value["Fn::GetAtt"] !== undefined) return `arn:aws:s3:::${bucket}`;
  if (value["Fn::Join"] !== undefined) return resolved(value["Fn::Join"][1], bucket).join(value["Fn::Join"][0]);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner, bucket)]));
}

describe("the data stack", () => {
  let made: Record<string, string>;

  it("is made", async () => {
    await moto.formation("CreateStack", { StackName: STACK, TemplateBody: body(MINIMAL), "Capabilities.member.1": "CAPABILITY_IAM" });
    const described = await moto.formation("DescribeStacks", { StackName: STACK });
    expect(elements(described, "StackStatus")).toEqual(["CREATE_COMPLETE"]);
    made = await outputs();
    expect(made["LakeUrl"]).toBe(`s3://${made["BucketName"]}/lake`);
    expect(made["StreamArn"]).toMatch(new RegExp(`:stream/${made["StreamName"]}$`));
  });

  it("makes all that moto knows", async () => {
    const described = await moto.formation("DescribeStackResources", { StackName: STACK });
    expect(elements(described, "ResourceType").sort()).toEqual(["AWS::Kinesis::Stream", "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SQS::Queue"]);
    const kinds = Object.values<any>(JSON.parse(body(MINIMAL)).Resources).map(({ Type }) => Type);
    const passedOver = ["AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SQS::QueuePolicy", "AWS::SecretsManager::Secret"];
    expect(kinds.sort()).toEqual([...elements(described, "ResourceType"), ...passedOver].sort());
  });

  it("has a bucket that is encrypted, closed to the public, and cleans up uploads", async () => {
    expect(elements(await moto.bucket(`${made["BucketName"]}?encryption`), "SSEAlgorithm")).toEqual(["AES256"]);
    const { PublicAccessBlockConfiguration: block, LifecycleConfiguration: lifecycle } = await deployed("AWS::S3::Bucket");
    expect(Object.values(block)).toEqual([true, true, true, true]);
    expect(lifecycle.Rules).toEqual([expect.objectContaining({ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } })]);
  });

  it("has a policy that S3 takes for that bucket: over TLS alone", async () => {
    const name = made["BucketName"] ?? "";
    const { PolicyDocument } = resolved(await deployed("AWS::S3::BucketPolicy"), name);
    expect(await moto.putPolicy(name, PolicyDocument)).toBe(true);
    const { Statement } = JSON.parse(await moto.bucket(`${name}?policy`));
    expect(Statement[0]).toEqual({
      Effect: "Deny", Principal: { AWS: "*" }, Action: "s3:*", Condition: { Bool: { "aws:SecureTransport": "false" } },
      Resource: [`arn:aws:s3:::${name}`, `arn:aws:s3:::${name}/*`],
    });
  });

  it("has a stream and queues", async () => {
    expect(await stream(made["StreamName"] ?? "")).toEqual({ shards: 1, hours: 24 });
    const { QueueUrls } = await moto.json("sqs", "AmazonSQS.ListQueues", {});
    const names = (urls: Array<string | undefined>) => urls.map((url) => url?.split("/").at(-1)).sort();
    expect(names(QueueUrls)).toEqual(names([made["LandingFailuresQueueUrl"], made["ScheduleFailuresQueueUrl"]]));
  });

  it("takes a change of settings, and keeps its bucket and its stream", async () => {
    await moto.formation("UpdateStack", { StackName: STACK, TemplateBody: body(GROWN) });
    expect(await outputs()).toEqual(made);
    expect(await stream(made["StreamName"] ?? "")).toEqual({ shards: 2, hours: 48 });
  });

  it("goes without the data", async () => {
    await moto.formation("DeleteStack", { StackName: STACK });
    const { QueueUrls } = await moto.json("sqs", "AmazonSQS.ListQueues", {});
    expect(QueueUrls ?? []).toEqual([]);
    expect(elements(await moto.bucket(`${made["BucketName"]}?encryption`), "SSEAlgorithm")).toEqual(["AES256"]);
    expect(await stream(made["StreamName"] ?? "")).toMatchObject({ hours: 48 });
  });

  it("goes with the data where that was said twice", async () => {
    const deleting = `${MINIMAL}data:\n  onDestroy: delete\n`;
    const template = templatesOf(deleting, { deleteData: "test" }).data.toJSON() as { Resources: Record<string, { Type: string }> };
    // What empties the bucket is a function that only AWS runs; here the bucket is empty.
    const made = Object.entries(template.Resources).filter(([, { Type }]) => !/^(AWS::(Lambda|IAM)::|Custom::)/.test(Type));
    const { Outputs: _, ...rest } = template as Record<string, unknown>;
    const TemplateBody = JSON.stringify({ ...rest, Resources: Object.fromEntries(made) });
    await moto.formation("CreateStack", { StackName: "weir-gone-data", TemplateBody });
    const described = await moto.formation("DescribeStackResources", { StackName: "weir-gone-data" });
    const names = elements(described, "PhysicalResourceId");
    const bucket = names[elements(described, "ResourceType").indexOf("AWS::S3::Bucket")];
    expect(elements(await moto.bucket(`${bucket}?encryption`), "SSEAlgorithm")).toEqual(["AES256"]);
    await moto.formation("DeleteStack", { StackName: "weir-gone-data" });
    expect(await moto.bucket(`${bucket}?encryption`)).toBe("404");
    const { StreamNames } = await moto.json("kinesis", "Kinesis_20131202.ListStreams", {});
    expect(StreamNames.filter((name: string) => names.includes(name))).toEqual([]);
  });
});
