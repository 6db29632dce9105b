/**
 * Questions and the page: the program `weir` as a function behind an address of its own.
 *
 * | access | who gets in | the address |
 * |---|---|---|
 * | token | who has a token of the lake | open; the program asks for the token |
 * | openid | whom the provider knows, by their groups | open; the program sends people to the provider |
 * | iam | whoever may call the address by IAM | closed by AWS; all have one role |
 */

import { SecretValue } from "aws-cdk-lib";
import { ManagedPolicy, PolicyStatement } from "aws-cdk-lib/aws-iam";
import { FunctionUrlAuthType, InvokeMode } from "aws-cdk-lib/aws-lambda";
import type { FunctionUrl } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";
import { FOLDER, FUNCTION, sessionKeyName } from "../names";
import type { Query as QuerySettings } from "../settings";
import type { DataParts } from "./data-parts";
import { CloudFrontEdge, addressOf, openUrl } from "./edge";
import { grantLake } from "./rights";
import { Schedules } from "./schedules";
import { WeirFunction } from "./weir-function";
import type { Common } from "./weir-function";

/** So long before the end of an invocation a question is given up, so that its answer still says so. */
const TO_ANSWER_SECONDS = 5;

export interface QueryProps extends Common {
  data: DataParts;
}

export class Query extends Construct {
  readonly asker: WeirFunction;
  /** Where people find the page. */
  readonly url: string;
  /** The function's own address, where people go through a proxy in front of it. */
  readonly origin: string | undefined;
  /** What a person or a role needs to be let in by IAM. */
  readonly policy: ManagedPolicy | undefined;

  constructor(scope: Construct, id: string, { data, ...common }: QueryProps) {
    super(scope, id);
    const { query } = common.settings.compute;
    this.asker = new WeirFunction(this, "Query", {
      ...common,
      name: FUNCTION.query,
      description: "Answers questions and shows the page",
      program: "weir",
      memory: query.memory,
      timeoutSeconds: query.timeoutSeconds,
      reservedConcurrency: query.reservedConcurrency,
      variables: {
        ...variables(query),
        // Of libraries only warnings: below them they write whole requests.
        RUST_LOG: `warn,weir=${common.settings.compute.logLevel},query_cli=${common.settings.compute.logLevel}`,
        WEIR_LAKE: data.lake.url,
        WEIR_SESSION_KEY: secret(sessionKeyName(common.environment, query.sessionKey)),
      },
    });
    this.grant(data);
    if (query.checkMinutes > 0) new Schedules(this, "Schedules", { target: this.asker, data, tasks: { checks: query.checkMinutes } });
    // The page sees how far a question is, and an answer may be larger than what fits into one piece.
    const url = query.access === "iam" ? this.closedUrl() : openUrl(this.asker, InvokeMode.RESPONSE_STREAM);
    this.policy = query.access === "iam" ? this.entry() : undefined;
    this.url = this.address(url, query, common.environment);
    this.origin = query.url === undefined ? undefined : addressOf(url);
  }

  private grant(data: DataParts): void {
    grantLake(this.asker.role, data, {
      read: "all",
      write: [
        // What people keep, and how checks of it went.
        FOLDER.saved, FOLDER.checks,
        // What admins do: write keys, and failed events that are tried again or removed, which are commits to both tables.
        FOLDER.settings, FOLDER.events, FOLDER.failed, FOLDER.ids,
      ],
      // Results of checks that nobody needs any more. Nothing of the tables: what a commit does not need, vacuum removes.
      remove: [FOLDER.checks],
    });
  }

  private closedUrl(): FunctionUrl {
    return this.asker.alias.addFunctionUrl({ authType: FunctionUrlAuthType.AWS_IAM, invokeMode: InvokeMode.RESPONSE_STREAM });
  }

  /** A policy to attach to whoever may ask: nobody has it by being in the account. */
  private entry(): ManagedPolicy {
    const resources = [this.asker.alias.functionArn];
    return new ManagedPolicy(this, "Entry", {
      description: "Lets its bearer ask questions of weir",
      statements: [
        new PolicyStatement({ sid: "Address", actions: ["lambda:InvokeFunctionUrl"], resources }),
        // An address is called by two rights; this one counts for calls through the address alone.
        new PolicyStatement({
          sid: "ThroughAddress",
          actions: ["lambda:InvokeFunction"],
          resources,
          conditions: { Bool: { "lambda:InvokedViaFunctionUrl": "true" } },
        }),
      ],
    });
  }

  private address(url: FunctionUrl, query: QuerySettings, environment: string): string {
    const { domain, certificate, timeoutSeconds } = query;
    if (domain === undefined) return query.url ?? addressOf(url);
    const comment = `weir ${environment}: questions`;
    return new CloudFrontEdge(this, "Edge", { main: url, comment, domain, certificate, timeoutSeconds, tellsCountry: false }).url;
  }
}

/** What the program is told, without what is in other parts. */
function variables(query: QuerySettings): Record<string, string> {
  const url = query.domain === undefined ? query.url : `https://${query.domain}`;
  const said: Record<string, string | undefined> = {
    WEIR_AUTH: query.access,
    WEIR_URL: url,
    WEIR_QUERIES: String(query.queries),
    WEIR_QUERY_SECONDS: String(query.timeoutSeconds - TO_ANSWER_SECONDS),
    WEIR_FRAME_ANCESTORS: list(query.frameAncestors),
    WEIR_WEBHOOK_HOSTS: list(query.webhookHosts),
    WEIR_IAM_ROLE: query.access === "iam" ? query.iam?.role : undefined,
    ...(query.access === "openid" && query.openid !== undefined ? provider(query.openid) : {}),
  };
  return Object.fromEntries(Object.entries(said).filter((pair): pair is [string, string] => pair[1] !== undefined));
}

function provider(openid: NonNullable<QuerySettings["openid"]>): Record<string, string | undefined> {
  const { clientSecretName } = openid;
  return {
    WEIR_OPENID_ISSUER: openid.issuer,
    WEIR_OPENID_CLIENT_ID: openid.clientId,
    WEIR_OPENID_CLIENT_SECRET: clientSecretName === undefined ? undefined : secret(clientSecretName),
    WEIR_OPENID_ROLE_CLAIM: openid.roleClaim,
    WEIR_OPENID_ROLES: Object.entries(openid.roles).map(([group, role]) => `${group}=${role}`).join(","),
    WEIR_OPENID_SCOPES: list(openid.scopes),
    WEIR_OPENID_NAME: openid.name,
  };
}

function list(words: string[]): string | undefined {
  return words.length === 0 ? undefined : words.join(",");
}

/** The value of a secret: CloudFormation reads it while it deploys, and it is in no template. */
function secret(name: string): string {
  return SecretValue.secretsManager(name).unsafeUnwrap();
}
