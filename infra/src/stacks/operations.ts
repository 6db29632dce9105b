/** Who is told what: alarms, the topic that they go to, a dashboard, a budget. */

import { Aws, CfnOutput, Stack } from "aws-cdk-lib";
import type { StackProps } from "aws-cdk-lib";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Topic } from "aws-cdk-lib/aws-sns";
import { EmailSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import type { Construct } from "constructs";
import { Alarms } from "../parts/alarms";
import { Budget } from "../parts/budget";
import { Dashboard } from "../parts/dashboard";
import type { DataParts } from "../parts/data-parts";
import type { Environment } from "../settings";

export interface OperationsStackProps extends StackProps {
  environment: Environment;
  data: DataParts;
}

export class OperationsStack extends Stack {
  constructor(scope: Construct, id: string, { environment, data, ...props }: OperationsStackProps) {
    super(scope, id, props);
    const { name, settings } = environment;
    const { operations, compute } = settings;
    const topic = this.topic(name, operations.alarmEmail);
    if (operations.alarms) new Alarms(this, "Alarms", { environment: name, settings, data, action: new SnsAction(topic) });
    if (operations.dashboard) new Dashboard(this, "Dashboard", { environment: name, data, hasQuery: compute.query.enabled });
    const monthlyUsd = operations.monthlyBudgetUsd;
    if (monthlyUsd !== undefined) new Budget(this, "Budget", { environment: name, monthlyUsd, topic });
    new CfnOutput(this, "AlarmTopicArn", { value: topic.topicArn, description: "Where alarms go; subscribe to it to be told" });
  }

  private topic(environment: string, email: string | undefined): Topic {
    const topic = new Topic(this, "Topic", { displayName: `weir ${environment}`, enforceSSL: true });
    topic.addToResourcePolicy(new PolicyStatement({
      sid: "Alarms",
      principals: [new ServicePrincipal("cloudwatch.amazonaws.com")],
      actions: ["sns:Publish"],
      resources: [topic.topicArn],
      conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
    }));
    if (email !== undefined) topic.addSubscription(new EmailSubscription(email));
    return topic;
  }
}
