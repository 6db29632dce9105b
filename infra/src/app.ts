/**
 * The app: three stacks of one environment.
 *
 *     weir-ENV-data ◀── weir-ENV-operations ◀── weir-ENV-compute
 *
 * Alarms come before functions, because a new version of a function is rolled back by them.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { App, DefaultStackSynthesizer, Tags } from "aws-cdk-lib";
import type { Environment } from "./settings";
import { stackName } from "./names";
import { ComputeStack } from "./stacks/compute";
import { DataStack } from "./stacks/data";
import { OperationsStack } from "./stacks/operations";

export interface Artifacts {
  /** It has a folder for each program. */
  folder: string;
  /** Whether a folder that a program does not have is replaced by the one above: for looking at templates, not for deploying. */
  isPlaceholder: boolean;
}

/** What of the library's behaviour is not as it is by default. */
const FLAGS = {
  // One statement for what has the same effect, not one for each call.
  "@aws-cdk/aws-iam:minimizePolicies": true,
  "@aws-cdk/aws-lambda:recognizeLayerVersion": true,
  "@aws-cdk/aws-codedeploy:removeAlarmsFromDeploymentGroup": true,
};

export interface Stacks {
  app: App;
  data: DataStack;
  compute: ComputeStack;
  operations: OperationsStack;
}

export function build(environment: Environment, artifacts: Artifacts, outdir?: string): Stacks {
  const app = new App({ context: FLAGS, analyticsReporting: false, ...(outdir === undefined ? {} : { outdir }) });
  const { name, settings } = environment;
  const env = { region: settings.region, ...(settings.account === undefined ? {} : { account: settings.account }) };
  const of = (stack: Parameters<typeof stackName>[1], description: string) =>
    [stackName(name, stack), { env, environment, synthesizer: synthesizer(), description: `weir ${name}: ${description}` }] as const;
  const [dataName, dataProps] = of("data", "the lake, the stream, what could not be delivered");
  const data = new DataStack(app, dataName, dataProps);
  const [operationsName, operationsProps] = of("operations", "alarms, and who is told");
  const operations = new OperationsStack(app, operationsName, { ...operationsProps, data: data.parts });
  const [computeName, computeProps] = of("compute", "the functions, and what leads to them");
  const codeOf = (program: string) => codeFolder(artifacts, program);
  const compute = new ComputeStack(app, computeName, { ...computeProps, data: data.parts, codeOf });
  compute.addStackDependency(operations, "a new version is rolled back by alarms");
  Tags.of(app).add("weir:environment", name);
  return { app, data, compute, operations };
}

/** That an account is prepared, the command that deploys finds out; templates need no parameter for it. */
function synthesizer(): DefaultStackSynthesizer {
  return new DefaultStackSynthesizer({ generateBootstrapVersionRule: false });
}

function codeFolder({ folder, isPlaceholder }: Artifacts, program: string): string {
  const own = join(folder, program);
  return isPlaceholder && !existsSync(own) ? folder : own;
}
