/** The stream that events wait in until they land. Kept when its stack goes: what has not landed is nowhere else. */

import { Duration, RemovalPolicy, Validations } from "aws-cdk-lib";
import { CfnStream, Stream, StreamEncryption, StreamMode } from "aws-cdk-lib/aws-kinesis";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { Construct } from "constructs";
import type { Settings } from "../settings";

/** What a stream takes unless it is told to take more. */
const USUAL_RECORD_BYTES = 1 << 20;

export interface EventStreamProps {
  stream: Settings["data"]["stream"];
  recordBytes: number;
  key: IKey | undefined;
  deletesData: boolean;
}

export class EventStream extends Construct {
  readonly stream: Stream;

  constructor(scope: Construct, id: string, { stream, recordBytes, key, deletesData }: EventStreamProps) {
    super(scope, id);
    const isProvisioned = stream.mode === "provisioned";
    this.stream = new Stream(this, "Stream", {
      streamMode: isProvisioned ? StreamMode.PROVISIONED : StreamMode.ON_DEMAND,
      ...(isProvisioned ? { shardCount: stream.shards ?? 1 } : {}),
      retentionPeriod: Duration.hours(stream.retentionHours),
      encryption: key === undefined ? StreamEncryption.MANAGED : StreamEncryption.KMS,
      ...(key === undefined ? {} : { encryptionKey: key }),
      removalPolicy: deletesData ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
    });
    if (key !== undefined) {
      Validations.of(this.stream).acknowledge({
        id: "AwsSolutions-KDS3",
        reason: "whoever runs it has chosen a key of its own for all that has events in it, and can close it",
      });
    }
    if (recordBytes > USUAL_RECORD_BYTES) {
      const resource = this.stream.node.defaultChild as CfnStream;
      resource.maxRecordSizeInKiB = Math.ceil(recordBytes / 1024);
    }
  }
}
