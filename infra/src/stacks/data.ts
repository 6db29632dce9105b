/** What stays: the lake, the stream, what could not be delivered, the key of sessions. */

import { CfnOutput, Stack } from "aws-cdk-lib";
import type { StackProps } from "aws-cdk-lib";
import type { IStream } from "aws-cdk-lib/aws-kinesis";
import type { IBucket } from "aws-cdk-lib/aws-s3";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { CatalogueTable } from "../parts/catalogue-table";
import type { DataParts } from "../parts/data-parts";
import { EventStream } from "../parts/event-stream";
import { FailureQueue } from "../parts/failure-queue";
import { LakeBucket } from "../parts/lake-bucket";
import { SessionKey } from "../parts/session-key";
import type { Environment } from "../settings";

export interface DataStackProps extends StackProps {
  environment: Environment;
}

export class DataStack extends Stack {
  readonly parts: DataParts;

  constructor(scope: Construct, id: string, { environment, ...props }: DataStackProps) {
    super(scope, id, props);
    const { settings: { data, compute }, deletesData } = environment;
    const lake = new LakeBucket(this, "Lake", { lake: data.lake, encryption: data.encryption, deletesData });
    const { key } = lake;
    const { recordBytes } = compute.ingest;
    const events = new EventStream(this, "Events", { stream: data.stream, recordBytes, key, deletesData });
    const landingFailures = new FailureQueue(this, "LandingFailures", { key }).queue;
    const scheduleFailures = new FailureQueue(this, "ScheduleFailures", { key }).queue;
    const { query } = compute;
    if (query.enabled) new SessionKey(this, "SessionKey", { environment: environment.name, number: query.sessionKey });
    if (data.glue !== "off") new CatalogueTable(this, "Catalogue", { database: data.glue, url: lake.url });
    this.offer(lake.bucket, events.stream, landingFailures, scheduleFailures);
    const { bucket, url } = lake;
    this.parts = {
      lake: { bucket, prefix: data.lake.prefix, url, key, arnImport: this.importOf(bucket.bucketArn) },
      stream: events.stream,
      landingFailures,
      scheduleFailures,
    };
    this.say();
  }

  /**
   * Offers other stacks all that they may want, whether they want it now or not. What they stop to want would else be withdrawn before
   * they are changed, which CloudFormation refuses.
   */
  private offer(bucket: IBucket, stream: IStream, ...queues: IQueue[]): void {
    const values = [bucket.bucketName, bucket.bucketArn, stream.streamName, stream.streamArn];
    for (const value of [...values, ...queues.flatMap((queue) => [queue.queueArn, queue.queueName])]) this.exportValue(value);
  }

  /** The name by which other stacks import a value of this one. */
  private importOf(value: string): string {
    const token = this.resolve(this.exportValue(value)) as { "Fn::ImportValue": string };
    return token["Fn::ImportValue"];
  }

  private say(): void {
    const { lake, stream, landingFailures, scheduleFailures } = this.parts;
    const outputs: Record<string, [value: string, description: string]> = {
      LakeUrl: [lake.url, "The lake, for --lake"],
      BucketName: [lake.bucket.bucketName, "The bucket of the lake"],
      StreamName: [stream.streamName, "The stream that events wait in until they land"],
      StreamArn: [stream.streamArn, "The same, as policies name it"],
      LandingFailuresQueueUrl: [landingFailures.queueUrl, "Batches that landing gave up"],
      ScheduleFailuresQueueUrl: [scheduleFailures.queueUrl, "Schedules that could not call their function"],
    };
    for (const [name, [value, description]] of Object.entries(outputs)) new CfnOutput(this, name, { value, description });
  }
}
