/**
 * A function of weir as all of them are: compiled code, a role of its own, a log that is kept for a while, and an alias that new
 * versions are shifted behind.
 */

import { Duration, RemovalPolicy } from "aws-cdk-lib";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Alias, ApplicationLogLevel, Architecture, Code, Function, LoggingFormat, Runtime, SystemLogLevel } from "aws-cdk-lib/aws-lambda";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import type { Settings } from "../settings";
import { FUNCTION, LIVE, functionName } from "../names";

/** What all functions of an environment have in common. */
export interface Common {
  environment: string;
  settings: Settings;
  /** The folder with the code of a function, by the name of its program. */
  codeOf(program: string): string;
}

export interface WeirFunctionProps extends Common {
  name: (typeof FUNCTION)[keyof typeof FUNCTION];
  program: string;
  description: string;
  memory: number;
  timeoutSeconds: number;
  reservedConcurrency: number | "none";
  variables: Record<string, string>;
}

export class WeirFunction extends Construct {
  readonly function: Function;
  readonly alias: Alias;
  readonly role: Role;
  readonly log: LogGroup;

  constructor(scope: Construct, id: string, props: WeirFunctionProps) {
    super(scope, id);
    const { compute, architecture } = props.settings;
    this.log = new LogGroup(this, "Log", { retention: compute.logDays as RetentionDays, removalPolicy: RemovalPolicy.DESTROY });
    this.role = new Role(this, "Role", { assumedBy: new ServicePrincipal("lambda.amazonaws.com"), description: props.description });
    this.function = new Function(this, "Function", {
      functionName: functionName(props.environment, props.name),
      description: props.description,
      runtime: Runtime.PROVIDED_AL2023,
      architecture: architecture === "arm64" ? Architecture.ARM_64 : Architecture.X86_64,
      handler: "bootstrap",
      code: Code.fromAsset(props.codeOf(props.program)),
      memorySize: props.memory,
      timeout: Duration.seconds(props.timeoutSeconds),
      ...(props.reservedConcurrency === "none" ? {} : { reservedConcurrentExecutions: props.reservedConcurrency }),
      role: this.role,
      logGroup: this.log,
      // Without START, END and REPORT of each request, which at some rate cost as much as the requests. What goes wrong with
      // an invocation is still written, and so is all that the program says: it alone decides about that.
      loggingFormat: LoggingFormat.JSON,
      systemLogLevelV2: SystemLogLevel.WARN,
      applicationLogLevelV2: ApplicationLogLevel.TRACE,
      environment: props.variables,
    });
    this.keepsLog();
    this.alias = new Alias(this, "Live", { aliasName: LIVE, version: this.function.currentVersion });
  }

  /** Its log and no other; the group is there already, so it need not make one. */
  private keepsLog(): void {
    this.role.addToPrincipalPolicy(new PolicyStatement({
      sid: "Log",
      actions: ["logs:CreateLogStream", "logs:PutLogEvents"],
      resources: [this.log.logGroupArn],
    }));
  }
}
