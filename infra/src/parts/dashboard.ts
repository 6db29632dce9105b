/** One page of figures: what comes in, how long it waits, what fails. */

import { Duration } from "aws-cdk-lib";
import { Dashboard as CloudWatchDashboard, GraphWidget, Metric } from "aws-cdk-lib/aws-cloudwatch";
import type { IMetric } from "aws-cdk-lib/aws-cloudwatch";
import { Construct } from "constructs";
import { FIGURE, FUNCTION, functionName, namespaceOf } from "../names";
import type { DataParts } from "./data-parts";

export interface DashboardProps {
  environment: string;
  data: DataParts;
  hasQuery: boolean;
}

const PERIOD = Duration.minutes(1);

export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, private readonly props: DashboardProps) {
    super(scope, id);
    const { environment, data, hasQuery } = props;
    const board = new CloudWatchDashboard(this, "Dashboard", {
      dashboardName: `weir-${environment}`,
      defaultInterval: Duration.hours(3),
    });
    const parts = Object.keys(FUNCTION).filter((part) => hasQuery || part !== "query") as Array<keyof typeof FUNCTION>;
    const each = (metricName: string, statistic = "Sum") => parts.map((part) => this.ofFunction(part, metricName, statistic));
    board.addWidgets(
      graph("Events a minute", this.figure(FIGURE.accepted), this.figure(FIGURE.rejected)),
      graph("Records a minute: landed, overflow", this.figure(FIGURE.landed), this.figure(FIGURE.overflowed)),
      graph("Longest wait in the stream, ms", this.ofFunction("landing", "IteratorAge", "Maximum")),
    );
    board.addWidgets(
      graph("Requests", this.ofFunction("live", "Invocations"), this.ofFunction("bulk", "Invocations")),
      graph("Answers 5xx", ...(["live", "bulk", ...(hasQuery ? ["query" as const] : [])] as const).map((part) => this.ofFunction(part, "Url5xxCount"))),
      graph("Time of an invocation, p95, ms", ...each("Duration", "p95")),
    );
    board.addWidgets(
      graph("Errors", ...each("Errors"), this.figure(FIGURE.landingFailures)),
      graph("Throttles", ...each("Throttles"), data.stream.metric("WriteProvisionedThroughputExceeded", { period: PERIOD, statistic: "Sum" })),
      graph(
        "Given up",
        data.landingFailures.metricApproximateNumberOfMessagesVisible({ period: PERIOD, label: "batches" }),
        data.scheduleFailures.metricApproximateNumberOfMessagesVisible({ period: PERIOD, label: "schedules" }),
      ),
    );
  }

  private figure(metricName: string): Metric {
    return new Metric({ namespace: namespaceOf(this.props.environment), metricName, period: PERIOD, statistic: "Sum" });
  }

  private ofFunction(part: keyof typeof FUNCTION, metricName: string, statistic = "Sum"): Metric {
    const dimensionsMap = { FunctionName: functionName(this.props.environment, FUNCTION[part]) };
    return new Metric({ namespace: "AWS/Lambda", metricName, dimensionsMap, period: PERIOD, statistic, label: FUNCTION[part] });
  }
}

function graph(title: string, ...left: IMetric[]): GraphWidget {
  return new GraphWidget({ title, left, width: 8, height: 6, leftYAxis: { min: 0 } });
}
