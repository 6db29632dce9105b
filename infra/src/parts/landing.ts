/**
 * Landing: each batch of a shard becomes a file and a commit.
 *
 * The mapping is set as docs/CONFIGURATION.md says, and why. Nothing is ever given up: the compactor passes over what cannot be read
 * by itself, and what it holds back is good. So the queue for failures stays empty, unless somebody sets bounds by hand.
 */

import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { CfnEventSourceMapping } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";
import { FOLDER, FUNCTION, METRICS } from "../names";
import type { DataParts } from "./data-parts";
import { STREAM_MAPPING, grantLake, grantStream } from "./rights";
import { WeirFunction } from "./weir-function";
import type { Common } from "./weir-function";

/** Without an end: as long as the stream has a record. */
const FOREVER = -1;

export interface LandingProps extends Common {
  data: DataParts;
}

export class Landing extends Construct {
  readonly lander: WeirFunction;

  constructor(scope: Construct, id: string, { data, ...common }: LandingProps) {
    super(scope, id);
    const { landing } = common.settings.compute;
    this.lander = new WeirFunction(this, "Landing", {
      ...common,
      name: FUNCTION.landing,
      description: "Lands what waits in the stream",
      program: "compact-fn",
      memory: landing.memory,
      timeoutSeconds: landing.timeoutSeconds,
      reservedConcurrency: landing.reservedConcurrency,
      variables: { WEIR_LAKE: data.lake.url, WEIR_STREAM: data.stream.streamName, WEIR_METRICS: METRICS, WEIR_LOG: common.settings.compute.logLevel },
    });
    this.grant(data);
    if (landing.enabled) this.map(data, landing);
  }

  private grant(data: DataParts): void {
    const tables = [FOLDER.events, FOLDER.failed, FOLDER.ids] as const;
    grantLake(this.lander.role, data, {
      // Settings say which users are refused.
      read: [...tables, FOLDER.settings, FOLDER.unreadable],
      write: [...tables, FOLDER.unreadable],
      // Only what it has written itself and could not commit.
      remove: [FOLDER.eventsLanded, FOLDER.failedLanded],
    });
    grantStream(this.lander.role, data, STREAM_MAPPING);
    this.lander.role.addToPrincipalPolicy(new PolicyStatement({
      sid: "GivenUp",
      actions: ["sqs:SendMessage"],
      resources: [data.landingFailures.queueArn],
    }));
  }

  private map(data: DataParts, landing: Common["settings"]["compute"]["landing"]): void {
    const mapping = new CfnEventSourceMapping(this, "Mapping", {
      functionName: this.lander.alias.functionArn,
      eventSourceArn: data.stream.streamArn,
      startingPosition: "TRIM_HORIZON",
      functionResponseTypes: ["ReportBatchItemFailures"],
      maximumRetryAttempts: FOREVER,
      maximumRecordAgeInSeconds: FOREVER,
      bisectBatchOnFunctionError: true,
      batchSize: landing.batchSize,
      maximumBatchingWindowInSeconds: landing.windowSeconds,
      parallelizationFactor: 1,
      tumblingWindowInSeconds: 0,
      destinationConfig: { onFailure: { destination: data.landingFailures.queueArn } },
    });
    // Lambda looks whether the role may read before it makes a mapping.
    mapping.node.addDependency(this.lander.role);
  }
}
