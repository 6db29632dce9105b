/**
 * Tasks of a function that are done now and then, each by a schedule of its own.
 *
 * A task that fails is not called again: its next schedule does the same, and what waited longer as well.
 */

import { Aws } from "aws-cdk-lib";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { CfnEventInvokeConfig } from "aws-cdk-lib/aws-lambda";
import { CfnSchedule } from "aws-cdk-lib/aws-scheduler";
import { Construct } from "constructs";
import { LIVE } from "../names";
import type { DataParts } from "./data-parts";
import type { WeirFunction } from "./weir-function";

export interface SchedulesProps {
  target: WeirFunction;
  data: DataParts;
  /** How many minutes lie between two runs of a task. */
  tasks: Record<string, number>;
}

export class Schedules extends Construct {
  constructor(scope: Construct, id: string, { target, data, tasks }: SchedulesProps) {
    super(scope, id);
    this.neverRepeats(target);
    const role = this.role(target, data);
    for (const [task, minutes] of Object.entries(tasks)) {
      const schedule = new CfnSchedule(this, task, {
        description: `weir: ${task}`,
        scheduleExpression: `rate(${minutes} minute${minutes === 1 ? "" : "s"})`,
        flexibleTimeWindow: { mode: "OFF" },
        target: {
          arn: target.alias.functionArn,
          roleArn: role.roleArn,
          input: JSON.stringify({ weir: task }),
          // A call that cannot be made is tried for a minute.
          retryPolicy: { maximumEventAgeInSeconds: 60, maximumRetryAttempts: 2 },
          deadLetterConfig: { arn: data.scheduleFailures.queueArn },
        },
      });
      schedule.node.addDependency(role);
    }
  }

  private neverRepeats({ function: { functionName }, alias }: WeirFunction): void {
    const config = new CfnEventInvokeConfig(this, "Once", {
      functionName, qualifier: LIVE, maximumRetryAttempts: 0, maximumEventAgeInSeconds: 60,
    });
    config.node.addDependency(alias);
  }

  /** What schedules act as: they call this function, and write down what they could not call. */
  private role(target: WeirFunction, data: DataParts): Role {
    const role = new Role(this, "Clock", {
      assumedBy: new ServicePrincipal("scheduler.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
      }),
      description: "Calls a function of weir on a schedule",
    });
    const statements = [
      { sid: "Call", actions: ["lambda:InvokeFunction"], resources: [target.alias.functionArn] },
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
