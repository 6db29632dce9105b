import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ALARM, FIGURE } from "../src/names";
import { EVERYTHING, MINIMAL, combined, only, resources, stacksOf, templatesOf, text } from "./templates";

const { operations, compute } = templatesOf(MINIMAL);
const everything = templatesOf(EVERYTHING);

function alarms(template: typeof operations): Record<string, any> {
  const found = Object.values(resources(template, "AWS::CloudWatch::Alarm")).map(({ Properties }) => Properties);
  return Object.fromEntries(found.map((alarm) => [alarm.AlarmName.replace(/^weir-test-/, ""), alarm]));
}

/** What an alarm looks at, in one line. */
function line(alarm: any): string {
  const metrics: any[] = alarm.Metrics ?? [];
  const [math] = metrics.filter(({ Expression }) => Expression !== undefined);
  const looksAt = math === undefined ? `${alarm.Statistic} ${alarm.Namespace} ${alarm.MetricName}` : math.Expression;
  const period = alarm.Period ?? metrics.find(({ MetricStat }) => MetricStat !== undefined).MetricStat.Period;
  const sign = alarm.ComparisonOperator === "LessThanThreshold" ? "<" : ">=";
  return `${looksAt} ${sign} ${alarm.Threshold}, ${alarm.DatapointsToAlarm} of ${alarm.EvaluationPeriods} x ${period} s, missing ${alarm.TreatMissingData}`;
}

describe("alarms", () => {
  it("look at this, with these bounds", () => {
    const lines = Object.entries(alarms(operations)).map(([name, alarm]) => `${name}: ${line(alarm)}`);
    expect(lines.sort().join("\n")).toMatchSnapshot();
  });

  it("go by the thresholds of the settings", () => {
    const other = alarms(templatesOf(`${MINIMAL}  thresholds:
    iteratorAgeSeconds: 300
    serverErrors: 7
    rejectedPercent: 30
    rejectedLeastEvents: 1000
`).operations);
    expect(other["iterator-age"].Threshold).toBe(300_000);
    expect([other["collector-5xx"].Threshold, other["query-5xx"].Threshold]).toEqual([7, 7]);
    expect(other["rejected-share"].Threshold).toBe(30);
    expect(JSON.stringify(other["rejected-share"].Metrics)).toContain(">= 1000");
  });

  it("watch the alias, as everything calls it", () => {
    const { Dimensions } = alarms(operations)["iterator-age"];
    expect(Dimensions).toEqual([
      { Name: "FunctionName", Value: "weir-test-landing" }, { Name: "Resource", Value: "weir-test-landing:live" },
    ]);
  });

  it("notice that maintenance does not run, however rarely it is meant to", () => {
    const rare = `compute:\n  maintenance:\n    overflowMinutes: 20\n    completeMinutes: 30\n    compactMinutes: 60\n    upkeepMinutes: 60\n`;
    expect(alarms(operations)["maintenance-silent"]).toMatchObject({ EvaluationPeriods: 2, TreatMissingData: "breaching" });
    expect(alarms(templatesOf(MINIMAL + rare).operations)["maintenance-silent"].EvaluationPeriods).toBe(12);
  });

  it("tell the topic when they come and when they go", () => {
    for (const alarm of Object.values(alarms(operations))) {
      expect(text(alarm.AlarmActions)).toBe("${Topic}");
      expect(text(alarm.OKActions)).toBe("${Topic}");
    }
  });

  it("count the collector's own answers where the address is an API's", () => {
    const { collector5xx } = ALARM;
    const alarm = alarms(templatesOf(combined("httpApi", "token")).operations)[collector5xx];
    expect([alarm.Namespace, alarm.MetricName]).toEqual(["weir/test", FIGURE.serverErrors]);
  });

  it("refer to nothing of the functions' stack, which is made behind them", () => {
    expect(JSON.stringify([operations, everything.operations].map((one) => one.toJSON()))).not.toContain("weir-test-compute");
    const stacks = stacksOf(MINIMAL);
    expect(stacks.compute.dependencies).toContain(stacks.operations);
    expect(stacks.operations.dependencies).not.toContain(stacks.compute);
  });

  it("cost what the README says", () => {
    const all = Object.values(alarms(operations));
    const looksAt = (alarm: any) => (alarm.Metrics ?? [alarm]).filter((one: any) => one.Expression === undefined).length;
    const figures = all.reduce((sum, alarm) => sum + looksAt(alarm), 0);
    expect(readFileSync("README.md", "utf8")).toContain(`| alarms: ${all.length}, over ${figures} figures at $0.10 | $${(figures / 10).toFixed(2)} |`);
  });

  it("are not there where nobody wants them", () => {
    const none = templatesOf("region: eu-central-1\ncompute:\n  deploy:\n    shift: allAtOnce\noperations:\n  alarms: false\n");
    none.operations.resourceCountIs("AWS::CloudWatch::Alarm", 0);
  });

  it("are in the runbook, and the runbook has no others", () => {
    const page = readFileSync("../docs/OPERATIONS.md", "utf8");
    const [, section = ""] = /### Alarms\n([\s\S]*?)(?:\n### |\n## |$)/.exec(page) ?? [];
    const named = [...section.matchAll(/^#### `([a-z0-9-]+)`$/gm)].map(([, name]) => name);
    expect(named.sort()).toEqual(Object.values(ALARM).sort());
    const made = Object.keys(alarms(operations));
    expect([...made, ALARM.cost].sort()).toEqual(Object.values(ALARM).sort());
    for (const part of section.split(/^#### /m).slice(1)) {
      for (const word of ["Means", "See", "Do"]) expect(part, part.slice(0, 40)).toContain(`**${word}**`);
    }
  });
});

describe("figures", () => {
  const filters = Object.values(resources(compute, "AWS::Logs::MetricFilter")).map(({ Properties }) => Properties);

  it("are counters that functions write", () => {
    const page = readFileSync("../docs/METRICS.md", "utf8");
    for (const { MetricTransformations: [to], FilterPattern } of filters) {
      const counter = to.MetricValue.replace("$.", "");
      expect(page).toContain(`| \`${counter}\` | counter |`);
      expect(FilterPattern).toContain(`$.${counter} > 0`);
      expect(to.MetricNamespace).toBe("weir/test");
    }
    expect([...new Set(filters.map(({ MetricTransformations: [to] }) => to.MetricName))].sort()).toEqual(Object.values(FIGURE).sort());
  });

  it("match the labels that functions write", () => {
    const sources = ["metrics.rs", "overflow/log.rs"].map((name) => readFileSync(`../ingest-fn/src/${name}`, "utf8")).join("\n");
    const labels = filters.flatMap(({ FilterPattern }) => [...FilterPattern.matchAll(/\$\.(\w+) = "(.*?)"/g)].map(([, label]) => label));
    expect([...new Set(labels)].sort()).toEqual(["outcome", "status"]);
    for (const label of labels) expect(sources).toContain(`"${label}" =>`);
    expect(sources).toContain('{ "stored" }');
  });
});

describe("who is told", () => {
  it("is an address of e-mail, if there is one", () => {
    expect(only(operations, "AWS::SNS::Subscription")).toMatchObject({ Protocol: "email", Endpoint: "ana@example.com" });
    templatesOf("region: eu-central-1\n").operations.resourceCountIs("AWS::SNS::Subscription", 0);
  });

  it("by a topic that alarms of this account publish to, over TLS", () => {
    const { Statement } = only(operations, "AWS::SNS::TopicPolicy").PolicyDocument;
    expect(Statement.map((one: any) => one.Effect)).toEqual(["Deny", "Allow"]);
    expect(Statement[1]).toMatchObject({
      Principal: { Service: "cloudwatch.amazonaws.com" }, Action: "sns:Publish",
      Condition: { StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } } },
    });
  });

  it("hears of costs", () => {
    operations.resourceCountIs("AWS::Budgets::Budget", 0);
    const { Budget, NotificationsWithSubscribers } = only(everything.operations, "AWS::Budgets::Budget");
    expect(Budget).toMatchObject({ BudgetName: "weir-test-cost", BudgetLimit: { Amount: 50, Unit: "USD" }, TimeUnit: "MONTHLY" });
    expect(NotificationsWithSubscribers.map(({ Notification: one }: any) => [one.NotificationType, one.Threshold])).toEqual([
      ["ACTUAL", 80], ["FORECASTED", 100],
    ]);
  });

  it("has a dashboard where that is wanted", () => {
    operations.resourceCountIs("AWS::CloudWatch::Dashboard", 0);
    const body = JSON.stringify(only(everything.operations, "AWS::CloudWatch::Dashboard"));
    for (const name of ["weir-test-ingest-live", "weir-test-landing", "weir-test-query", "RecordsLanded", "IteratorAge"]) {
      expect(body).toContain(name);
    }
  });
});
