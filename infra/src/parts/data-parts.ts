/** What the other stacks see of the data stack. */

import type { IKey } from "aws-cdk-lib/aws-kms";
import type { IStream } from "aws-cdk-lib/aws-kinesis";
import type { IBucket } from "aws-cdk-lib/aws-s3";
import type { IQueue } from "aws-cdk-lib/aws-sqs";

export interface DataParts {
  lake: {
    bucket: IBucket;
    prefix: string;
    /** `s3://bucket/prefix` */
    url: string;
    /** What the bucket's ARN is called between stacks. */
    arnImport: string;
    /** The key that objects, records and messages are encrypted with, where it is one of our own. */
    key: IKey | undefined;
  };
  stream: IStream;
  /** Batches that were given up, which the mapping's settings do not let happen. */
  landingFailures: IQueue;
  /** Schedules that could not call their function. */
  scheduleFailures: IQueue;
}
