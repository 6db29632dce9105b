/**
 * What a lake needs now and then, each task by a schedule of its own.
 *
 * | task | default | because |
 * |---|---|---|
 * | land-overflow | 1 minute | what the stream could not take is not queryable before |
 * | complete | 1 minute | open windows of questions close by it |
 * | compact | 5 minutes | the function ends before the next one begins: of two at once the slower loses its work |
 * | upkeep | 15 minutes | erasures end within that; retention and vacuum are due once an hour |
 *
 * A task that fails is not called again: its next schedule does the same.
 */

import { Aws } from "aws-cdk-lib";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { CfnEventInvokeConfig } from "aws-cdk-lib/aws-lambda";
import { CfnSchedule } from "aws-cdk-lib/aws-scheduler";
import { Construct } from "constructs";
import { FOLDER, FUNCTION, LIVE } from "../names";
import type { DataParts } from "./data-parts";
import { STREAM_READER, grantLake, grantStream } from "./rights";
import { WeirFunction } from "./weir-function";
import type { Common } from "./weir-function";

export interface MaintenanceProps extends Common {
  data: DataParts;
}

export class Maintenance extends Construct {
  readonly keeper: WeirFunction;

  constructor(scope: Construct, id: string, { data, ...common }: MaintenanceProps) {
    super(scope, id);
    const { maintenance } = common.settings.compute;
    this.keeper = new WeirFunction(this, "Maintenance", {
      ...common,
      name: FUNCTION.maintenance,
      description: "Lands the overflow, merges files, finishes erasures, removes what is too old",
      program: "compact-fn",
      memory: maintenance.memory,
      timeoutSeconds: maintenance.timeoutSeconds,
      reservedConcurrency: "none",
      variables: { WEIR_LAKE: data.lake.url, WEIR_STREAM: data.stream.streamName, WEIR_LOG: common.settings.compute.logLevel },
    });
    this.grant(data);
    this.neverRepeats();
    this.schedule(data, {
      "land-overflow": maintenance.overflowMinutes,
      complete: maintenance.completeMinutes,
      compact: maintenance.compactMinutes,
      upkeep: maintenance.upkeepMinutes,
    });
  }

  /** The next schedule tries again, and does what waited longer. */
  private neverRepeats(): void {
    const { function: { functionName }, alias } = this.keeper;
    const config = new CfnEventInvokeConfig(this, "Once", {
      functionName, qualifier: LIVE, maximumRetryAttempts: 0, maximumEventAgeInSeconds: 60,
    });
    config.node.addDependency(alias);
  }

  private grant(data: DataParts): void {
    const kept = [FOLDER.events, FOLDER.failed, FOLDER.ids, FOLDER.erasures, FOLDER.maintenance, FOLDER.overflow] as const;
    grantLake(this.keeper.role, data, {
      read: [...kept, FOLDER.settings],
      write: kept,
      remove: [FOLDER.events, FOLDER.failed, FOLDER.ids, FOLDER.openErasures, FOLDER.overflow],
    });
    grantStream(this.keeper.role, data, STREAM_READER);
  }

  private schedule(data: DataParts, tasks: Record<string, number>): void {
    const role = this.clock(data);
    for (const [task, minutes] of Object.entries(tasks)) {
      const schedule = new CfnSchedule(this, `Schedule-${task}`, {
        description: `weir: ${task}`,
        scheduleExpression: `rate(${minutes} minute${minutes === 1 ? "" : "s"})`,
        flexibleTimeWindow: { mode: "OFF" },
        target: {
          arn: this.keeper.alias.functionArn,
          roleArn: role.roleArn,
          input: JSON.stringify({ weir: task }),
          // A call that cannot be made is tried for as long as the next one is away.
          retryPolicy: { maximumEventAgeInSeconds: 60, maximumRetryAttempts: 2 },
          deadLetterConfig: { arn: data.scheduleFailures.queueArn },
        },
      });
      schedule.node.addDependency(role);
    }
  }

  /** What schedules act as: they call this function, and write down what they could not call. */
  private clock(data: DataParts): Role {
    const role = new Role(this, "Clock", {
      assumedBy: new ServicePrincipal("scheduler.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
      }),
      description: "Calls the function for maintenance",
    });
    const statements = [
      { sid: "Call", actions: ["lambda:InvokeFunction"], resources: [this.keeper.alias.functionArn] },
      { sid: "NotCalled", actions: ["sqs:SendMessage"], resources: [data.scheduleFailures.queueArn] },
    ];
    if (data.lake.key !== undefined) {
      // The queue is encrypted with it.
      const actions = ["kms:Decrypt", "kms:GenerateDataKey"];
      statements.push({ sid: "Key", actions, resources: [data.lake.key.keyArn] });
    }
    for (const statement of statements) role.addToPrincipalPolicy(new PolicyStatement(statement));
    return role;
  }
}
