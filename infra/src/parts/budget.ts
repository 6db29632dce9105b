/**
 * What the account may cost in a month. It is the whole account: costs by tag are known only where somebody has switched the tag on
 * for billing, and a budget over a tag that is off sees nothing and never says so.
 */

import { CfnBudget } from "aws-cdk-lib/aws-budgets";
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { Topic } from "aws-cdk-lib/aws-sns";
import { Aws } from "aws-cdk-lib";
import { Construct } from "constructs";
import { ALARM, alarmName } from "../names";

export interface BudgetProps {
  environment: string;
  monthlyUsd: number;
  topic: Topic;
}

/** Told when so much of it is spent, and when so much is foreseen, in percent. */
const SPENT = 80;
const FORESEEN = 100;

export class Budget extends Construct {
  constructor(scope: Construct, id: string, { environment, monthlyUsd, topic }: BudgetProps) {
    super(scope, id);
    topic.addToResourcePolicy(new PolicyStatement({
      sid: "Budget",
      principals: [new ServicePrincipal("budgets.amazonaws.com")],
      actions: ["sns:Publish"],
      resources: [topic.topicArn],
      conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
    }));
    const subscribers = [{ subscriptionType: "SNS", address: topic.topicArn }];
    const notify = (notificationType: string, threshold: number) => ({
      notification: { notificationType, threshold, comparisonOperator: "GREATER_THAN", thresholdType: "PERCENTAGE" },
      subscribers,
    });
    const budget = new CfnBudget(this, "Budget", {
      budget: {
        budgetName: alarmName(environment, ALARM.cost),
        budgetType: "COST",
        timeUnit: "MONTHLY",
        budgetLimit: { amount: monthlyUsd, unit: "USD" },
      },
      notificationsWithSubscribers: [notify("ACTUAL", SPENT), notify("FORECASTED", FORESEEN)],
    });
    budget.node.addDependency(topic);
  }
}
