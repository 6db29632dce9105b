import { readFileSync } from "node:fs";
import { Match } from "aws-cdk-lib/assertions";
import { describe, expect, it } from "vitest";
import { COLUMNS } from "../src/parts/catalogue-table";
import { EVERYTHING, MINIMAL, only, resources, templatesOf, text } from "./templates";

const { data } = templatesOf(MINIMAL);
const everything = templatesOf(EVERYTHING);

describe("the bucket of the lake", () => {
  it("is encrypted, closed to the public, and takes no uploads that are broken off for good", () => {
    data.hasResourceProperties("AWS::S3::Bucket", {
      BucketEncryption: { ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }] },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true,
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] },
      LifecycleConfiguration: {
        Rules: [{ Id: "broken-off-uploads", Status: "Enabled", AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } }],
      },
      VersioningConfiguration: Match.absent(),
    });
  });

  it("answers over TLS alone", () => {
    const denied = only(data, "AWS::S3::BucketPolicy").PolicyDocument.Statement;
    expect(denied.map((statement: any) => [statement.Effect, statement.Condition])).toEqual([
      ["Deny", { Bool: { "aws:SecureTransport": "false" } }],
      ["Deny", { NumericLessThan: { "s3:TlsVersion": 1.2 } }],
    ]);
  });

  it("keeps what weir has removed, for as long as somebody wants", () => {
    everything.data.hasResourceProperties("AWS::S3::Bucket", {
      BucketName: "example-events",
      VersioningConfiguration: { Status: "Enabled" },
      LifecycleConfiguration: {
        Rules: Match.arrayWith([Match.objectLike({
          Id: "removed-objects", NoncurrentVersionExpiration: { NoncurrentDays: 7 }, ExpiredObjectDeleteMarker: true,
        })]),
      },
    });
  });

  it("has no rule that removes objects of the lake", () => {
    for (const template of [data, everything.data]) {
      for (const rule of only(template, "AWS::S3::Bucket").LifecycleConfiguration.Rules) {
        expect(Object.keys(rule)).not.toContain("ExpirationInDays");
        expect(Object.keys(rule)).not.toContain("Transitions");
      }
    }
  });
});

describe("the stream", () => {
  it("has one shard and a day, encrypted, unless somebody wants more", () => {
    data.hasResourceProperties("AWS::Kinesis::Stream", {
      ShardCount: 1, RetentionPeriodHours: 24, StreamModeDetails: { StreamMode: "PROVISIONED" },
      StreamEncryption: { EncryptionType: "KMS", KeyId: "alias/aws/kinesis" },
      MaxRecordSizeInKiB: Match.absent(),
    });
  });

  it("takes records as large as the collector makes", () => {
    everything.data.hasResourceProperties("AWS::Kinesis::Stream", {
      ShardCount: 4, RetentionPeriodHours: 168, MaxRecordSizeInKiB: Math.ceil(3_000_000 / 1024),
    });
  });

  it("grows by itself on demand", () => {
    const onDemand = templatesOf(`${MINIMAL}data:\n  stream:\n    mode: onDemand\n`).data;
    onDemand.hasResourceProperties("AWS::Kinesis::Stream", {
      ShardCount: Match.absent(), StreamModeDetails: { StreamMode: "ON_DEMAND" },
    });
  });
});

describe("what goes with the stack", () => {
  const KEPT = ["AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::Kinesis::Stream", "AWS::KMS::Key"];
  const deleting = `${EVERYTHING.replace("data:\n", "data:\n  onDestroy: delete\n")}`;

  it.each([
    ["said never", MINIMAL, undefined],
    ["said once, in the file", deleting, undefined],
  ])("is not the data: %s", (_, content, deleteData) => {
    const template = templatesOf(content, { deleteData }).data;
    for (const type of KEPT) {
      for (const resource of Object.values(resources(template, type))) {
        expect([type, resource.DeletionPolicy, resource.UpdateReplacePolicy]).toEqual([type, "Retain", "Retain"]);
      }
    }
    template.resourceCountIs("Custom::S3AutoDeleteObjects", 0);
  });

  it("is the data where it is said twice", () => {
    const template = templatesOf(deleting, { deleteData: "test" }).data;
    for (const type of KEPT) {
      const found = Object.values(resources(template, type));
      expect(found.map((resource) => resource.DeletionPolicy), type).toEqual(["Delete"]);
    }
    template.resourceCountIs("Custom::S3AutoDeleteObjects", 1);
  });
});

describe("the rest of the data stack", () => {
  it("has two queues over TLS that keep failures for two weeks", () => {
    const queues = Object.values(resources(data, "AWS::SQS::Queue")).map(({ Properties }) => Properties);
    expect(queues.map((queue) => [queue.MessageRetentionPeriod, queue.SqsManagedSseEnabled])).toEqual([
      [1_209_600, true], [1_209_600, true],
    ]);
    data.resourceCountIs("AWS::SQS::QueuePolicy", 2);
  });

  it("draws a key of sessions, and another one for another number", () => {
    expect(only(data, "AWS::SecretsManager::Secret")).toMatchObject({
      Name: "weir-test-session-key-1", GenerateSecretString: { PasswordLength: 64, ExcludePunctuation: true },
    });
    expect(only(everything.data, "AWS::SecretsManager::Secret").Name).toBe("weir-test-session-key-2");
    expect(Object.keys(resources(data, "AWS::SecretsManager::Secret")))
      .not.toEqual(Object.keys(resources(everything.data, "AWS::SecretsManager::Secret")));
    // Another stack that imported it would keep it from being replaced.
    expect(JSON.stringify(data.toJSON()["Outputs"])).not.toContain("SessionKey");
    templatesOf(`${MINIMAL}compute:\n  query:\n    enabled: false\n`).data.resourceCountIs("AWS::SecretsManager::Secret", 0);
  });

  it("encrypts all of it with one key of its own where that is wanted", () => {
    everything.data.hasResourceProperties("AWS::KMS::Key", { EnableKeyRotation: true });
    const encrypted = [
      only(everything.data, "AWS::S3::Bucket").BucketEncryption, only(everything.data, "AWS::Kinesis::Stream").StreamEncryption,
      ...Object.values(resources(everything.data, "AWS::SQS::Queue")).map(({ Properties }) => Properties.KmsMasterKeyId),
    ];
    for (const one of encrypted) expect(JSON.stringify(one)).toMatch(/LakeKey/);
  });

  it("has a table for Athena with the columns of the lake", () => {
    data.resourceCountIs("AWS::Glue::Table", 0);
    const { DatabaseName, TableInput } = only(everything.data, "AWS::Glue::Table");
    expect(DatabaseName).toBe("weir_events");
    expect(TableInput.Parameters.table_type).toBe("DELTA");
    expect(text(TableInput.StorageDescriptor.Location)).toBe("s3://${LakeBucket}/team/lake/events/");
    const schema = readFileSync("../lake/src/schema.rs", "utf8");
    const named = new Map([...schema.matchAll(/pub const ([A-Z_]+): &str = "([a-z_]+)";/g)].map(([, name, value]) => [name, value]));
    const [, fields = ""] = /pub fn columns\(\)[\s\S]*?vec!\[([\s\S]*?)\]\)\)/.exec(schema) ?? [];
    const columns = [...fields.matchAll(/Field::new\((?:([A-Z_]+)|"([a-z_]+)"),/g)].map(([, name, value]) => value ?? named.get(name ?? ""));
    expect(Object.keys(COLUMNS)).toEqual(columns);
  });

  it("offers other stacks the same, whatever they want of it", () => {
    const exportsOf = (content: string) => {
      const outputs = Object.values(templatesOf(content).data.toJSON()["Outputs"] as Record<string, any>);
      return outputs.flatMap(({ Export }) => (Export === undefined ? [] : [Export.Name])).sort();
    };
    const all = exportsOf(MINIMAL);
    const silent = "region: eu-central-1\noperations:\n  alarms: false\ncompute:\n  deploy:\n    shift: allAtOnce\n";
    expect(exportsOf(silent)).toEqual(all);
    expect(exportsOf(`${MINIMAL}compute:\n  query:\n    enabled: false\n  landing:\n    enabled: false\n`)).toEqual(all);
    expect(all).toHaveLength(8);
  });

  it("says where all of it is", () => {
    const outputs = Object.entries(data.toJSON()["Outputs"] as Record<string, any>).filter(([, output]) => output.Export === undefined);
    expect(Object.fromEntries(outputs.map(([name, output]) => [name, text(output.Value)]))).toEqual({
      LakeUrl: "s3://${LakeBucket}/lake",
      BucketName: "${LakeBucket}",
      StreamName: "${EventsStream}",
      StreamArn: "${EventsStream}",
      LandingFailuresQueueUrl: "${LandingFailuresQueue}",
      ScheduleFailuresQueueUrl: "${ScheduleFailuresQueue}",
    });
  });
});
