/** What runs: collector, landing, maintenance, questions; what leads to them, and how new versions come in. */

import { CfnOutput, Stack } from "aws-cdk-lib";
import type { StackProps } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { ALARM } from "../names";
import type { AlarmName } from "../names";
import type { DataParts } from "../parts/data-parts";
import { CloudFrontEdge, HttpApiEdge, addressOf, openUrl } from "../parts/edge";
import { Figures } from "../parts/figures";
import { Ingest } from "../parts/ingest";
import { Landing } from "../parts/landing";
import { Maintenance } from "../parts/maintenance";
import { Query } from "../parts/query";
import { Shift } from "../parts/shift";
import type { WeirFunction } from "../parts/weir-function";
import type { Environment } from "../settings";

export interface ComputeStackProps extends StackProps {
  environment: Environment;
  data: DataParts;
  codeOf(program: string): string;
}

/** The addresses of the collector. */
interface Addresses {
  collector: string;
  /** Where imports have one of their own. */
  bulk?: string;
}

export class ComputeStack extends Stack {
  constructor(scope: Construct, id: string, { environment, data, codeOf, ...props }: ComputeStackProps) {
    super(scope, id, props);
    const { name, settings } = environment;
    const common = { environment: name, settings, codeOf, data };
    const ingest = new Ingest(this, "Ingest", common);
    const { lander } = new Landing(this, "Landing", common);
    const { keeper } = new Maintenance(this, "Maintenance", common);
    const query = settings.compute.query.enabled ? new Query(this, "Query", common) : undefined;
    const addresses = this.addresses(environment, ingest);
    new Figures(this, "Figures", { environment: name, collectors: [ingest.live, ingest.bulk], landing: lander, maintenance: keeper });
    if (settings.compute.deploy.shift === "canary") {
      const collector: AlarmName[] = [ALARM.collector5xx, ALARM.collectorErrors];
      const watched: Array<readonly [WeirFunction, readonly AlarmName[]]> = [
        [ingest.live, collector],
        [ingest.bulk, collector],
        [lander, [ALARM.iteratorAge, ALARM.landingErrors, ALARM.landingFailures]],
        [keeper, [ALARM.maintenanceErrors]],
      ];
      if (query !== undefined) watched.push([query.asker, [ALARM.query5xx, ALARM.queryErrors]]);
      new Shift(this, "Shift", { environment: name, deploy: settings.compute.deploy, watched });
    }
    this.say(data, addresses, query);
  }

  private addresses({ name, settings }: Environment, { live, bulk }: Ingest): Addresses {
    const { edge, domain, certificate } = settings.compute.ingest;
    if (edge === "httpApi") return { collector: new HttpApiEdge(this, "Edge", { name: `weir-${name}`, main: live, bulk }).url };
    const [main, imports] = [openUrl(live), openUrl(bulk)];
    if (edge === "functionUrl") return { collector: addressOf(main), bulk: addressOf(imports) };
    const timeoutSeconds = live.function.timeout?.toSeconds() ?? 0;
    const comment = `weir ${name}: events`;
    const props = { main, bulk: imports, comment, domain, certificate, timeoutSeconds, tellsCountry: true };
    return { collector: new CloudFrontEdge(this, "Edge", props).url };
  }

  private say(data: DataParts, addresses: Addresses, query: Query | undefined): void {
    const doctor = `weir doctor --lake ${data.lake.url} --collector ${addresses.collector}`;
    // What IAM lets nobody see who does not sign, the doctor does not see either.
    const page = query === undefined || query.policy !== undefined ? "" : ` --page ${query.url}`;
    const outputs: Record<string, [value: string | undefined, description: string]> = {
      CollectorUrl: [addresses.collector, "Where apps send events"],
      BulkUrl: [addresses.bulk, "Where imports go: /v1/import"],
      QueryUrl: [query?.url, "Where people ask questions"],
      QueryOriginUrl: [query?.origin, "Where a proxy in front of it finds it"],
      QueryPolicyArn: [query?.policy?.managedPolicyArn, "Attach it to whoever may ask"],
      DoctorCommand: [doctor + page, "Sees whether all of it works"],
    };
    for (const [name, [value, description]] of Object.entries(outputs)) {
      if (value !== undefined) new CfnOutput(this, name, { value, description });
    }
  }
}
