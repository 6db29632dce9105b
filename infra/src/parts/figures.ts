/**
 * Figures that alarms need, taken out of the logs of this environment's functions.
 *
 * The functions write their figures as lines of log, not as metrics: those would have no name of an environment, and cost for each. What
 * alarms look at is filtered from each log, under `weir/ENV`. A figure costs only while it is written: an environment at rest has none.
 */

import { FilterPattern, MetricFilter } from "aws-cdk-lib/aws-logs";
import type { LogGroup } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import { FIGURE, namespaceOf } from "../names";
import type { WeirFunction } from "./weir-function";

export interface FiguresProps {
  environment: string;
  collectors: WeirFunction[];
  landing: WeirFunction;
  maintenance: WeirFunction;
}

export class Figures extends Construct {
  constructor(scope: Construct, id: string, { environment, collectors, landing, maintenance }: FiguresProps) {
    super(scope, id);
    for (const { log, node } of collectors) {
      this.sum(environment, node.id, log, FIGURE.accepted, "weir_events_accepted_total");
      this.sum(environment, node.id, log, FIGURE.rejected, "weir_events_rejected_total");
      this.sum(environment, node.id, log, FIGURE.overflowed, "weir_overflow_puts_total", '($.outcome = "stored")');
      this.sum(environment, node.id, log, FIGURE.serverErrors, "weir_requests_total", '($.status = "5*")');
    }
    this.sum(environment, landing.node.id, landing.log, FIGURE.landed, "weir_records_landed_total");
    // Maintenance lands, too: the overflow.
    for (const { log, node } of [landing, maintenance]) {
      this.sum(environment, node.id, log, FIGURE.landingFailures, "weir_landing_failures_total");
    }
  }

  /** Lines that have a counter, one for each label that it has; what they say adds up. */
  private sum(environment: string, of: string, logGroup: LogGroup, metricName: string, counter: string, also?: string): void {
    const pattern = also === undefined ? `{ $.${counter} > 0 }` : `{ ($.${counter} > 0) && ${also} }`;
    new MetricFilter(this, `${of}-${metricName}`, {
      logGroup,
      filterPattern: FilterPattern.literal(pattern),
      metricNamespace: namespaceOf(environment),
      metricName,
      metricValue: `$.${counter}`,
    });
  }
}
