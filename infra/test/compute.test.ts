import { describe, expect, it } from "vitest";
import { EVERYTHING, MINIMAL, combined, functionOf, only, resources, templatesOf, text } from "./templates";

const { compute } = templatesOf(MINIMAL);
const everything = templatesOf(EVERYTHING).compute;
const ALL = ["ingest-live", "ingest-bulk", "landing", "maintenance", "query"];

function variables(template: typeof compute, name: string): Record<string, string> {
  const found: Record<string, unknown> = functionOf(template, name).Environment.Variables;
  return Object.fromEntries(Object.entries(found).map(([key, value]) => [key, text(value)]));
}

describe("functions", () => {
  it.each(ALL)("%s runs on Amazon Linux 2023, with a log of its own that is JSON", (name) => {
    expect(functionOf(compute, name)).toMatchObject({
      Runtime: "provided.al2023",
      Handler: "bootstrap",
      Architectures: ["x86_64"],
      LoggingConfig: { LogFormat: "JSON", SystemLogLevel: "WARN", ApplicationLogLevel: "TRACE", LogGroup: { Ref: expect.any(String) } },
    });
    expect(functionOf(everything, name).Architectures).toEqual(["arm64"]);
  });

  it("keep their logs for as long as is wanted", () => {
    const kept = Object.values(resources(compute, "AWS::Logs::LogGroup")).map(({ Properties }) => Properties.RetentionInDays);
    expect(kept).toEqual(ALL.map(() => 30));
  });

  it("are told what they have to know", () => {
    const lake = { WEIR_LAKE: "s3://${LakeBucket}/lake", WEIR_LOG: "info" };
    const own = { ...lake, WEIR_STREAM: "${EventsStream}", WEIR_METRICS: "log" };
    const collector = { ...own, WEIR_RECORD_BYTES: "1048576", WEIR_APPEND_MS: "3000" };
    expect(variables(compute, "ingest-live")).toEqual(collector);
    expect(variables(compute, "ingest-bulk")).toEqual(collector);
    expect(variables(compute, "landing")).toEqual(own);
    expect(variables(compute, "maintenance")).toEqual(own);
    expect(variables(compute, "query")).toEqual({
      WEIR_LAKE: lake.WEIR_LAKE, RUST_LOG: "warn,weir=info,query_cli=info", WEIR_AUTH: "token", WEIR_QUERIES: "8", WEIR_QUERY_SECONDS: "55",
      WEIR_SESSION_KEY: "{{resolve:secretsmanager:weir-test-session-key-1:SecretString:::}}",
    });
  });

  it("are told who gets in", () => {
    expect(variables(everything, "query")).toEqual({
      WEIR_LAKE: "s3://${LakeBucket}/team/lake", RUST_LOG: "warn,weir=debug,query_cli=debug", WEIR_QUERIES: "8", WEIR_QUERY_SECONDS: "55",
      WEIR_SESSION_KEY: "{{resolve:secretsmanager:weir-test-session-key-2:SecretString:::}}",
      WEIR_AUTH: "openid", WEIR_URL: "https://weir.example.com",
      WEIR_FRAME_ANCESTORS: "https://wiki.example.com,https://intranet.example.com",
      WEIR_OPENID_ISSUER: "https://login.example.com", WEIR_OPENID_CLIENT_ID: "weir",
      WEIR_OPENID_CLIENT_SECRET: "{{resolve:secretsmanager:weir/openid:SecretString:::}}",
      WEIR_OPENID_ROLE_CLAIM: "groups", WEIR_OPENID_ROLES: "weir-admins=admin,staff=viewer", WEIR_OPENID_NAME: "Example",
      WEIR_OPENID_SCOPES: "profile,groups", WEIR_WEBHOOK_HOSTS: "hooks.example.com,hooks.example.com:8443",
    });
    const iam = templatesOf(combined("functionUrl", "iam")).compute;
    expect(variables(iam, "query")).toMatchObject({ WEIR_AUTH: "iam", WEIR_IAM_ROLE: "viewer" });
  });

  it("have concurrency set aside, imports less of it", () => {
    const reserved = ALL.map((name) => functionOf(compute, name).ReservedConcurrentExecutions);
    expect(reserved).toEqual([50, 5, undefined, undefined, undefined]);
    const shared = templatesOf(`${MINIMAL}compute:\n  ingest:\n    live:\n      reservedConcurrency: none\n`).compute;
    expect(functionOf(shared, "ingest-live").ReservedConcurrentExecutions).toBeUndefined();
  });

  it("have time for the stream and the overflow", () => {
    expect(functionOf(compute, "ingest-live").Timeout).toBe(15);
    const slow = templatesOf(`${MINIMAL}compute:\n  ingest:\n    appendMs: 25000\n`).compute;
    expect(functionOf(slow, "ingest-live").Timeout).toBe(37);
  });

  it("are without the page where nobody wants it", () => {
    const without = templatesOf(`${MINIMAL}compute:\n  query:\n    enabled: false\n`);
    without.compute.resourceCountIs("AWS::Lambda::Function", 4);
    expect(Object.keys(without.compute.toJSON()["Outputs"])).toEqual(["CollectorUrl", "BulkUrl", "DoctorCommand"]);
    expect(JSON.stringify(without.operations.toJSON())).not.toContain("weir-test-query");
  });
});

describe("the mapping of the stream", () => {
  it("is as docs/CONFIGURATION.md says", () => {
    const mapping = only(compute, "AWS::Lambda::EventSourceMapping");
    expect(mapping).toMatchObject({
      StartingPosition: "TRIM_HORIZON",
      FunctionResponseTypes: ["ReportBatchItemFailures"],
      MaximumRetryAttempts: -1,
      MaximumRecordAgeInSeconds: -1,
      BisectBatchOnFunctionError: true,
      BatchSize: 10_000,
      MaximumBatchingWindowInSeconds: 20,
      ParallelizationFactor: 1,
      TumblingWindowInSeconds: 0,
    });
    expect(mapping.Enabled ?? true).toBe(true);
    expect(text(mapping.EventSourceArn)).toBe("${EventsStream}");
    expect(text(mapping.DestinationConfig.OnFailure.Destination)).toBe("${LandingFailuresQueue}");
  });

  it("is not there while landing is off", () => {
    const off = templatesOf(`${MINIMAL}compute:\n  landing:\n    enabled: false\n`).compute;
    off.resourceCountIs("AWS::Lambda::EventSourceMapping", 0);
    expect(functionOf(off, "landing")).toBeDefined();
  });

  it("delivers to the alias", () => {
    const { FunctionName } = only(compute, "AWS::Lambda::EventSourceMapping");
    expect(resources(compute, "AWS::Lambda::Alias")[FunctionName.Ref]?.Properties.Name).toBe("live");
  });
});

describe("schedules", () => {
  const schedules = Object.values(resources(compute, "AWS::Scheduler::Schedule")).map(({ Properties }) => Properties);

  it("are one a task", () => {
    expect(Object.fromEntries(schedules.map((one) => [one.Target.Input, one.ScheduleExpression]))).toEqual({
      '{"weir":"land-overflow"}': "rate(1 minute)",
      '{"weir":"complete"}': "rate(1 minute)",
      '{"weir":"compact"}': "rate(5 minutes)",
      '{"weir":"upkeep"}': "rate(15 minutes)",
      '{"weir":"checks"}': "rate(5 minutes)",
    });
  });

  it("of checks are off where nobody wants them", () => {
    const none = templatesOf(`${MINIMAL}compute:\n  query:\n    checkMinutes: 0\n`).compute;
    none.resourceCountIs("AWS::Scheduler::Schedule", 4);
  });

  it("write down what they cannot call, and nobody repeats what failed", () => {
    for (const { Target } of schedules) {
      expect(text(Target.DeadLetterConfig.Arn)).toBe("${ScheduleFailuresQueue}");
      expect(resources(compute, "AWS::Lambda::Alias")[Target.Arn.Ref]?.Properties.Name).toBe("live");
    }
    const once = Object.values(resources(compute, "AWS::Lambda::EventInvokeConfig")).map(({ Properties }) => Properties);
    expect(once).toHaveLength(2);
    for (const one of once) expect(one).toMatchObject({ MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60, Qualifier: "live" });
  });

  it("of compaction never run twice at once", () => {
    const compaction = schedules.find(({ Target }) => Target.Input.includes("compact"));
    const [, minutes] = /rate\((\d+)/.exec(compaction?.ScheduleExpression ?? "") ?? [];
    expect(functionOf(compute, "maintenance").Timeout).toBeLessThan(Number(minutes) * 60);
  });
});

describe("the edge", () => {
  it("is two addresses of functions by default", () => {
    const outputs = compute.toJSON()["Outputs"];
    expect(Object.keys(outputs)).toEqual(["CollectorUrl", "BulkUrl", "QueryUrl", "DoctorCommand"]);
    compute.resourceCountIs("AWS::Lambda::Url", 3);
    expect(JSON.stringify(outputs.DoctorCommand.Value)).toContain("weir doctor --lake s3://");
    expect(JSON.stringify(outputs.DoctorCommand.Value)).toContain("/lake --collector https://");
    expect(JSON.stringify(outputs.DoctorCommand.Value)).toContain(" --page https://");
  });

  it("sends imports to their function by path, with CloudFront", () => {
    const template = templatesOf(combined("cloudfront", "token")).compute;
    const { DistributionConfig: config } = only(template, "AWS::CloudFront::Distribution");
    const [imports] = config.CacheBehaviors;
    expect(imports.PathPattern).toBe("/v1/import");
    expect(imports.TargetOriginId).not.toBe(config.DefaultCacheBehavior.TargetOriginId);
    const origin = (id: string) => JSON.stringify(config.Origins.find((one: any) => one.Id === id).DomainName);
    expect(origin(imports.TargetOriginId)).toContain("IngestBulk");
    expect(origin(config.DefaultCacheBehavior.TargetOriginId)).toContain("IngestLive");
    expect(config.DefaultCacheBehavior.ViewerProtocolPolicy).toBe("https-only");
    expect(Object.keys(template.toJSON()["Outputs"])).toEqual(["CollectorUrl", "QueryUrl", "DoctorCommand"]);
  });

  it("tells the collector the country, and caches for no longer than a second", () => {
    const template = templatesOf(combined("cloudfront", "token")).compute;
    expect(only(template, "AWS::CloudFront::CachePolicy").CachePolicyConfig).toMatchObject({
      MinTTL: 0, DefaultTTL: 0, MaxTTL: 1,
      ParametersInCacheKeyAndForwardedToOrigin: {
        HeadersConfig: { HeaderBehavior: "whitelist", Headers: ["Authorization", "CloudFront-Viewer-Country"] },
        QueryStringsConfig: { QueryStringBehavior: "all" },
      },
    });
  });

  it("sends imports to their function by path, with an HTTP API", () => {
    const template = templatesOf(combined("httpApi", "token")).compute;
    const routes = Object.values(resources(template, "AWS::ApiGatewayV2::Route")).map(({ Properties }) => Properties);
    const target = (key: string) => JSON.stringify(routes.find((one) => one.RouteKey === key)?.Target);
    expect(routes.map(({ RouteKey }) => RouteKey).sort()).toEqual(["$default", "ANY /v1/import"]);
    expect(target("ANY /v1/import")).toContain("Bulk");
    expect(target("$default")).toContain("Live");
    for (const { Properties } of Object.values(resources(template, "AWS::ApiGatewayV2::Integration"))) {
      expect(Properties.PayloadFormatVersion).toBe("2.0");
    }
    // Only the page has an address of its own then.
    template.resourceCountIs("AWS::Lambda::Url", 1);
  });

  it("has a name of its own where somebody has one, for the page as well", () => {
    const configs = Object.values(resources(everything, "AWS::CloudFront::Distribution")).map(({ Properties }) => Properties.DistributionConfig);
    expect(configs.map(({ Aliases }) => Aliases).sort()).toEqual([["events.example.com"], ["weir.example.com"]]);
    for (const { ViewerCertificate } of configs) expect(ViewerCertificate.MinimumProtocolVersion).toBe("TLSv1.2_2021");
    const outputs = everything.toJSON()["Outputs"];
    expect([outputs.CollectorUrl.Value, outputs.QueryUrl.Value]).toEqual(["https://events.example.com", "https://weir.example.com"]);
  });

  it("is behind a proxy of one's own where somebody has one", () => {
    const outputs = templatesOf(combined("functionUrl", "openid")).compute.toJSON()["Outputs"];
    expect(outputs.QueryUrl.Value).toBe("https://weir.example.com");
    expect(JSON.stringify(outputs.QueryOriginUrl.Value)).toContain("FunctionUrl");
    expect(Object.keys(compute.toJSON()["Outputs"])).not.toContain("QueryOriginUrl");
  });

  it("streams what the page asks for, and nothing else", () => {
    for (const access of ["token", "iam"] as const) {
      const urls = Object.entries(resources(templatesOf(combined("functionUrl", access)).compute, "AWS::Lambda::Url"));
      for (const [id, { Properties }] of urls) expect(Properties.InvokeMode, id).toBe(id.startsWith("Query") ? "RESPONSE_STREAM" : "BUFFERED");
    }
  });

  it("lets IAM decide who asks, by a policy to attach", () => {
    const template = templatesOf(combined("functionUrl", "iam")).compute;
    const urls = Object.values(resources(template, "AWS::Lambda::Url")).map(({ Properties }) => Properties.AuthType);
    expect(urls.sort()).toEqual(["AWS_IAM", "NONE", "NONE"]);
    const open = Object.values(resources(template, "AWS::Lambda::Permission")).map(({ Properties }) => JSON.stringify(Properties.FunctionName));
    expect(open.filter((name) => name.includes("Query"))).toEqual([]);
    const { PolicyDocument } = only(template, "AWS::IAM::ManagedPolicy");
    expect(PolicyDocument.Statement.map((one: any) => [one.Action, one.Condition])).toEqual([
      ["lambda:InvokeFunctionUrl", undefined],
      ["lambda:InvokeFunction", { Bool: { "lambda:InvokedViaFunctionUrl": "true" } }],
    ]);
    expect(Object.keys(template.toJSON()["Outputs"])).toContain("QueryPolicyArn");
    expect(JSON.stringify(template.toJSON()["Outputs"].DoctorCommand)).not.toContain("--page");
  });
});

describe("a new version", () => {
  it("gets a share of the calls for some minutes", () => {
    expect(only(compute, "AWS::CodeDeploy::DeploymentConfig").TrafficRoutingConfig).toEqual({
      Type: "TimeBasedCanary", TimeBasedCanary: { CanaryPercentage: 10, CanaryInterval: 5 },
    });
    expect(only(everything, "AWS::CodeDeploy::DeploymentConfig").TrafficRoutingConfig.TimeBasedCanary).toEqual({
      CanaryPercentage: 20, CanaryInterval: 15,
    });
    for (const { UpdatePolicy } of Object.values(resources(compute, "AWS::Lambda::Alias"))) {
      expect(UpdatePolicy.CodeDeployLambdaAliasUpdate).toBeDefined();
    }
  });

  it("is rolled back by the alarms of its function", () => {
    const groups = Object.entries(resources(compute, "AWS::CodeDeploy::DeploymentGroup")).map(([id, { Properties }]) => [
      id.replace(/^Shift|[0-9A-F]{8}$/g, ""),
      Properties.AlarmConfiguration.Alarms.map(({ Name }: { Name: string }) => Name),
    ]);
    expect(Object.fromEntries(groups)).toEqual({
      IngestLive: ["weir-test-collector-5xx", "weir-test-collector-errors"],
      IngestBulk: ["weir-test-collector-5xx", "weir-test-collector-errors"],
      Landing: ["weir-test-iterator-age", "weir-test-landing-errors", "weir-test-landing-failures"],
      Maintenance: ["weir-test-maintenance-errors"],
      Query: ["weir-test-query-5xx", "weir-test-query-errors"],
    });
    for (const { Properties } of Object.values(resources(compute, "AWS::CodeDeploy::DeploymentGroup"))) {
      expect(Properties.AlarmConfiguration.Enabled).toBe(true);
      expect(Properties.AutoRollbackConfiguration).toEqual({
        Enabled: true, Events: ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM"],
      });
    }
  });

  it("comes at once where somebody wants it so, whatever alarms say", () => {
    const template = templatesOf(`${MINIMAL}compute:\n  deploy:\n    shift: allAtOnce\n`).compute;
    template.resourceCountIs("AWS::CodeDeploy::DeploymentGroup", 0);
    for (const { UpdatePolicy } of Object.values(resources(template, "AWS::Lambda::Alias"))) expect(UpdatePolicy).toBeUndefined();
  });
});
