/**
 * How a new version comes in: first for a share of the calls, and back to the old one when an alarm goes.
 *
 * Old and new run side by side for a while, over one lake; that is what they are made for.
 */

import { Arn, ArnFormat, Duration, Stack } from "aws-cdk-lib";
import { Alarm } from "aws-cdk-lib/aws-cloudwatch";
import { LambdaApplication, LambdaDeploymentConfig, LambdaDeploymentGroup, TrafficRouting } from "aws-cdk-lib/aws-codedeploy";
import { Validations } from "aws-cdk-lib";
import { Construct } from "constructs";
import { alarmName } from "../names";
import type { AlarmName } from "../names";
import type { Settings } from "../settings";
import type { WeirFunction } from "./weir-function";

const PERCENT = 10;
const MINUTES = 5;

export interface ShiftProps {
  environment: string;
  deploy: Settings["compute"]["deploy"];
  /** By which alarms each function is rolled back. */
  watched: ReadonlyArray<readonly [target: WeirFunction, alarms: readonly AlarmName[]]>;
}

export class Shift extends Construct {
  constructor(scope: Construct, id: string, { environment, deploy, watched }: ShiftProps) {
    super(scope, id);
    const application = new LambdaApplication(this, "Application");
    const deploymentConfig = new LambdaDeploymentConfig(this, "Canary", {
      trafficRouting: TrafficRouting.timeBasedCanary({
        percentage: deploy.percent ?? PERCENT,
        interval: Duration.minutes(deploy.minutes ?? MINUTES),
      }),
    });
    for (const [target, alarms] of watched) {
      const group = new LambdaDeploymentGroup(this, target.node.id, {
        application,
        deploymentConfig,
        alias: target.alias,
        alarms: alarms.map((alarm) => this.named(`${target.node.id}-${alarm}`, alarmName(environment, alarm))),
        autoRollback: { deploymentInAlarm: true, failedDeployment: true, stoppedDeployment: true },
      });
      Validations.of(group).acknowledge({
        id: "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited]",
        reason: "it is what CodeDeploy asks for, and grants what a shift of an alias needs",
      });
    }
  }

  private named(id: string, name: string) {
    const arn = Arn.format(
      { service: "cloudwatch", resource: "alarm", resourceName: name, arnFormat: ArnFormat.COLON_RESOURCE_NAME },
      Stack.of(this),
    );
    return Alarm.fromAlarmArn(this, id, arn);
  }
}
