/**
 * The bucket of a lake: encrypted, closed to the public and to plain HTTP, and kept when its stack goes.
 *
 * Weir removes its own objects, so there is one lifecycle rule for what is left of uploads that were broken off, and another one
 * only where S3 keeps what weir has removed.
 */

import { Duration, RemovalPolicy, Validations } from "aws-cdk-lib";
import { Key } from "aws-cdk-lib/aws-kms";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from "aws-cdk-lib/aws-s3";
import type { LifecycleRule } from "aws-cdk-lib/aws-s3";
import { Construct } from "constructs";
import type { Settings } from "../settings";

export interface LakeBucketProps {
  lake: Settings["data"]["lake"];
  encryption: string;
  /** Whether it goes with its stack, and all that is in it. */
  deletesData: boolean;
}

export class LakeBucket extends Construct {
  readonly bucket: Bucket;
  readonly key: IKey | undefined;
  /** `s3://bucket/prefix` */
  readonly url: string;

  constructor(scope: Construct, id: string, { lake, encryption, deletesData }: LakeBucketProps) {
    super(scope, id);
    const removalPolicy = deletesData ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN;
    this.key = this.keyOf(encryption, removalPolicy);
    this.bucket = new Bucket(this, "Bucket", {
      ...(lake.bucket === undefined ? {} : { bucketName: lake.bucket }),
      encryption: this.key === undefined ? BucketEncryption.S3_MANAGED : BucketEncryption.KMS,
      ...(this.key === undefined ? {} : { encryptionKey: this.key, bucketKeyEnabled: true }),
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned: lake.keepDeletedDays > 0,
      lifecycleRules: lifecycle(lake.keepDeletedDays),
      removalPolicy,
      autoDeleteObjects: deletesData,
    });
    // What is kept stays closed to plain HTTP.
    this.bucket.policy?.applyRemovalPolicy(removalPolicy);
    this.url = `s3://${this.bucket.bucketName}/${lake.prefix}`;
    Validations.of(this.bucket).acknowledge({
      id: "AwsSolutions-S1",
      reason: "a log of each access costs more requests than the lake itself; who needs one has data events of CloudTrail",
    });
  }

  private keyOf(encryption: string, removalPolicy: RemovalPolicy): IKey | undefined {
    if (encryption === "s3") return undefined;
    if (encryption !== "new-key") return Key.fromKeyArn(this, "Key", encryption);
    const description = "The lake of weir, its stream and its queues";
    return new Key(this, "Key", { description, enableKeyRotation: true, removalPolicy });
  }
}

function lifecycle(keepDeletedDays: number): LifecycleRule[] {
  const rules: LifecycleRule[] = [{ id: "broken-off-uploads", abortIncompleteMultipartUploadAfter: Duration.days(1) }];
  if (keepDeletedDays > 0) {
    const noncurrentVersionExpiration = Duration.days(keepDeletedDays);
    rules.push({ id: "removed-objects", noncurrentVersionExpiration, expiredObjectDeleteMarker: true });
  }
  return rules;
}
