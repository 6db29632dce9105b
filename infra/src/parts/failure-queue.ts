/** A queue for what could not be delivered: it holds notes about failures, for as long as a queue can. */

import { Duration, Validations } from "aws-cdk-lib";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";

export class FailureQueue extends Construct {
  readonly queue: Queue;

  constructor(scope: Construct, id: string, { key }: { key: IKey | undefined }) {
    super(scope, id);
    this.queue = new Queue(this, "Queue", {
      encryption: key === undefined ? QueueEncryption.SQS_MANAGED : QueueEncryption.KMS,
      ...(key === undefined ? {} : { encryptionMasterKey: key }),
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    Validations.of(this.queue).acknowledge({
      id: "AwsSolutions-SQS3",
      reason: "it is itself where failures go; nothing takes its messages by itself, so none can fail again",
    });
  }
}
