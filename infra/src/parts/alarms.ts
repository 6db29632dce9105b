/**
 * What somebody is told of, and by which a new version is rolled back. docs/OPERATIONS.md says of each what it means and what to do.
 *
 * Functions are named, not referred to: alarms are there before the functions are, so that already the first change of these is
 * watched.
 */

import { Duration } from "aws-cdk-lib";
import { Alarm, ComparisonOperator, MathExpression, Metric, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import type { IAlarmAction, IMetric } from "aws-cdk-lib/aws-cloudwatch";
import { Construct } from "constructs";
import { ALARM, FIGURE, FUNCTION, LIVE, alarmName, functionName, namespaceOf } from "../names";
import type { AlarmName } from "../names";
import type { Settings } from "../settings";
import type { DataParts } from "./data-parts";

export interface AlarmsProps {
  environment: string;
  settings: Settings;
  data: DataParts;
  /** Who is told. */
  action: IAlarmAction;
}

/** Over so many periods an alarm looks, and in so many of them it must be so. */
interface When {
  metric: IMetric;
  threshold: number;
  periods: number;
  of?: number;
  comparison?: ComparisonOperator;
  missing?: TreatMissingData;
}

const MINUTE = Duration.minutes(1);
const FIVE_MINUTES = Duration.minutes(5);

export class Alarms extends Construct {
  constructor(scope: Construct, id: string, private readonly props: AlarmsProps) {
    super(scope, id);
    this.landing();
    this.maintenance();
    this.collector();
    if (props.settings.compute.query.enabled) this.query();
  }

  private landing(): void {
    const { thresholds } = this.props.settings.operations;
    this.alarm(ALARM.iteratorAge, "Events wait longer in the stream than they should", {
      metric: this.ofFunction("landing", "IteratorAge", MINUTE, "Maximum"),
      threshold: thresholds.iteratorAgeSeconds * 1000,
      periods: 5,
    });
    const landed = { accepted: this.figure(FIGURE.accepted, FIVE_MINUTES), landed: this.figure(FIGURE.landed, FIVE_MINUTES) };
    this.alarm(ALARM.freshness, "Events are accepted, and none lands", {
      metric: new MathExpression({
        expression: "IF(FILL(accepted, 0) > 0 AND FILL(landed, 0) == 0, 1, 0)",
        usingMetrics: landed,
        period: FIVE_MINUTES,
        label: "accepted and not landed",
      }),
      threshold: 1,
      periods: 2,
    });
    this.alarm(ALARM.landingFailures, "Batches end before a record, again and again", {
      metric: this.figure(FIGURE.landingFailures, MINUTE), threshold: 1, periods: 5, of: 3,
    });
    this.alarm(ALARM.landingErrors, "The function that lands crashes, or does not end in time", {
      metric: this.ofFunction("landing", "Errors", MINUTE), threshold: 1, periods: 5, of: 3,
    });
    this.alarm(ALARM.landingQueue, "Landing has given up batches", {
      metric: this.props.data.landingFailures.metricApproximateNumberOfMessagesVisible({ period: FIVE_MINUTES, statistic: "Maximum" }),
      threshold: 1,
      periods: 1,
    });
  }

  private maintenance(): void {
    this.alarm(ALARM.maintenanceErrors, "Tasks of maintenance fail, again and again", {
      metric: this.ofFunction("maintenance", "Errors", FIVE_MINUTES), threshold: 1, periods: 3,
    });
    this.alarm(ALARM.maintenanceSilent, "No task of maintenance runs", {
      metric: this.ofFunction("maintenance", "Invocations", FIVE_MINUTES),
      threshold: 1,
      periods: this.quietPeriods(),
      comparison: ComparisonOperator.LESS_THAN_THRESHOLD,
      missing: TreatMissingData.BREACHING,
    });
    this.alarm(ALARM.scheduleQueue, "Schedules could not call their function", {
      metric: this.props.data.scheduleFailures.metricApproximateNumberOfMessagesVisible({ period: FIVE_MINUTES, statistic: "Maximum" }),
      threshold: 1,
      periods: 1,
    });
  }

  /** Three of the shortest schedules in a row, and ten minutes at least. */
  private quietPeriods(): number {
    const { maintenance } = this.props.settings.compute;
    const shortest = Math.min(
      maintenance.overflowMinutes, maintenance.completeMinutes, maintenance.compactMinutes, maintenance.upkeepMinutes,
    );
    return Math.max(2, Math.ceil((3 * shortest) / FIVE_MINUTES.toMinutes()));
  }

  private collector(): void {
    const { thresholds } = this.props.settings.operations;
    const isApi = this.props.settings.compute.ingest.edge === "httpApi";
    // An API's figures are named by an id that it has only once it is there. The collector counts its own answers, too.
    const answers = isApi ? this.figure(FIGURE.serverErrors, FIVE_MINUTES) : this.ofBoth("Url5xxCount", FIVE_MINUTES);
    this.alarm(ALARM.collector5xx, "The collector answers that it cannot take events", {
      metric: answers, threshold: thresholds.serverErrors, periods: 1,
    });
    this.alarm(ALARM.collectorErrors, "The collector crashes, or does not answer in time", {
      metric: this.ofBoth("Errors", MINUTE), threshold: 1, periods: 5, of: 2,
    });
    this.alarm(ALARM.collectorThrottles, "More requests at once than the collector may run", {
      metric: this.ofFunction("live", "Throttles", FIVE_MINUTES), threshold: 1, periods: 1,
    });
    this.alarm(ALARM.streamThrottles, "More records than the shards of the stream take", {
      metric: this.props.data.stream.metric("WriteProvisionedThroughputExceeded", { period: MINUTE, statistic: "Sum" }),
      threshold: 1,
      periods: 5,
      of: 3,
    });
    this.alarm(ALARM.overflow, "Records go to the overflow", {
      metric: this.figure(FIGURE.overflowed, FIVE_MINUTES), threshold: 1, periods: 2,
    });
    this.alarm(ALARM.rejectedShare, "Many events are not taken", {
      metric: new MathExpression({
        expression: `IF(FILL(accepted, 0) + rejected >= ${thresholds.rejectedLeastEvents}, 100 * rejected / (FILL(accepted, 0) + rejected), 0)`,
        usingMetrics: {
          accepted: this.figure(FIGURE.accepted, FIVE_MINUTES), rejected: this.figure(FIGURE.rejected, FIVE_MINUTES),
        },
        period: FIVE_MINUTES,
        label: "percent rejected",
      }),
      threshold: thresholds.rejectedPercent,
      periods: 3,
    });
  }

  private query(): void {
    this.alarm(ALARM.query5xx, "Questions fail", {
      metric: this.ofFunction("query", "Url5xxCount", FIVE_MINUTES),
      threshold: this.props.settings.operations.thresholds.serverErrors,
      periods: 2,
    });
    this.alarm(ALARM.queryErrors, "The function that answers questions crashes, or does not end in time", {
      metric: this.ofFunction("query", "Errors", FIVE_MINUTES), threshold: 1, periods: 2,
    });
  }

  private alarm(name: AlarmName, alarmDescription: string, when: When): void {
    const alarm = new Alarm(this, name, {
      alarmName: alarmName(this.props.environment, name),
      alarmDescription: `${alarmDescription}. What to do: docs/OPERATIONS.md, ${name}`,
      metric: when.metric,
      threshold: when.threshold,
      evaluationPeriods: when.periods,
      datapointsToAlarm: when.of ?? when.periods,
      comparisonOperator: when.comparison ?? ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: when.missing ?? TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(this.props.action);
    alarm.addOkAction(this.props.action);
  }

  private figure(metricName: string, period: Duration): Metric {
    return new Metric({ namespace: namespaceOf(this.props.environment), metricName, period, statistic: "Sum" });
  }

  /** Of the alias, as everything calls it: both versions, while a new one comes in. */
  private ofFunction(part: keyof typeof FUNCTION, metricName: string, period: Duration, statistic = "Sum"): Metric {
    const name = functionName(this.props.environment, FUNCTION[part]);
    const dimensionsMap = { FunctionName: name, Resource: `${name}:${LIVE}` };
    return new Metric({ namespace: "AWS/Lambda", metricName, dimensionsMap, period, statistic });
  }

  private ofBoth(metricName: string, period: Duration): MathExpression {
    const usingMetrics = { live: this.ofFunction("live", metricName, period), bulk: this.ofFunction("bulk", metricName, period) };
    return new MathExpression({ expression: "FILL(live, 0) + FILL(bulk, 0)", usingMetrics, period, label: metricName });
  }
}
