/**
 * What leads from the internet to functions: their own URLs, CloudFront in front of these, or an HTTP API.
 *
 *     functionUrl   two addresses, one for imports; costs nothing
 *     cloudfront    one address, with a domain if there is one; /v1/import goes to the function for imports
 *     httpApi       one address; the same by a route
 *
 * Whoever sends events has a write key and no credentials of AWS, so all of them are open to the internet; the collector asks for
 * the key.
 */

import { Duration, Fn, Validations } from "aws-cdk-lib";
import { HttpApi, HttpMethod } from "aws-cdk-lib/aws-apigatewayv2";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import { Certificate } from "aws-cdk-lib/aws-certificatemanager";
import * as cloudfront from "aws-cdk-lib/aws-cloudfront";
import { FunctionUrlOrigin } from "aws-cdk-lib/aws-cloudfront-origins";
import { FunctionUrlAuthType, InvokeMode } from "aws-cdk-lib/aws-lambda";
import type { FunctionUrl } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";
import { CLOUDFRONT_SECONDS } from "../settings/contradictions";
import type { WeirFunction } from "./weir-function";

/** The path of imports. */
const IMPORT = "/v1/import";
/** What CloudFront waits for unless told otherwise. */
const USUAL_SECONDS = 30;

export interface Named {
  domain?: string | undefined;
  certificate?: string | undefined;
}

/** A function's own address, for everybody: the program asks who they are. */
export function openUrl(target: WeirFunction, invokeMode = InvokeMode.BUFFERED): FunctionUrl {
  return target.alias.addFunctionUrl({ authType: FunctionUrlAuthType.NONE, invokeMode });
}

/** The address of a URL without the `/` at its end. */
export function addressOf(url: FunctionUrl): string {
  return `https://${Fn.select(2, Fn.split("/", url.url))}`;
}

export interface CloudFrontProps extends Named {
  main: FunctionUrl;
  /** Where imports go. */
  bulk?: FunctionUrl;
  comment: string;
  timeoutSeconds: number;
  /** Whether the program is told the country of who asks. */
  tellsCountry: boolean;
}

export class CloudFrontEdge extends Construct {
  readonly url: string;

  constructor(scope: Construct, id: string, props: CloudFrontProps) {
    super(scope, id);
    const { domain, certificate } = props;
    const behavior = this.behavior(props);
    const distribution = new cloudfront.Distribution(this, "Distribution", {
      comment: props.comment,
      defaultBehavior: behavior(props.main),
      ...(props.bulk === undefined ? {} : { additionalBehaviors: { [IMPORT]: behavior(props.bulk) } }),
      ...(domain === undefined || certificate === undefined
        ? {}
        : { domainNames: [domain], certificate: Certificate.fromCertificateArn(this, "Certificate", certificate) }),
      minimumProtocolVersion: cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
      httpVersion: cloudfront.HttpVersion.HTTP2_AND_3,
    });
    this.url = `https://${domain ?? distribution.distributionDomainName}`;
    this.explain(distribution, domain !== undefined);
  }

  private behavior({ timeoutSeconds, tellsCountry }: CloudFrontProps): (url: FunctionUrl) => cloudfront.BehaviorOptions {
    const cachePolicy = tellsCountry ? this.tellingCountry() : cloudfront.CachePolicy.CACHING_DISABLED;
    const readTimeout = Duration.seconds(Math.min(Math.max(timeoutSeconds, USUAL_SECONDS), CLOUDFRONT_SECONDS));
    return (url) => ({
      origin: new FunctionUrlOrigin(url, { readTimeout }),
      allowedMethods: cloudfront.AllowedMethods.ALLOW_ALL,
      viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
      cachePolicy,
      // A function's address answers under its own name only.
      originRequestPolicy: cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
    });
  }

  /**
   * Nothing is cached, unless an answer asks for it, and then for a second. That it could be is what it takes: where it never is,
   * CloudFront passes on no header of its own beside those of the sender.
   */
  private tellingCountry(): cloudfront.CachePolicy {
    return new cloudfront.CachePolicy(this, "Country", {
      comment: "weir: tells the country",
      minTtl: Duration.seconds(0),
      defaultTtl: Duration.seconds(0),
      maxTtl: Duration.seconds(1),
      headerBehavior: cloudfront.CacheHeaderBehavior.allowList("Authorization", "CloudFront-Viewer-Country"),
      queryStringBehavior: cloudfront.CacheQueryStringBehavior.all(),
      cookieBehavior: cloudfront.CacheCookieBehavior.none(),
    });
  }

  private explain(distribution: cloudfront.Distribution, isNamed: boolean): void {
    const reasons: Record<string, string> = {
      CFR1: "events come from where users are; nobody is kept out by country",
      CFR2: "the collector bounds what a key may send; a firewall costs more than the rest, and may be put in front by whoever needs one",
      CFR3: "a log of each request has addresses of people, which weir does not keep",
      ...(isNamed ? {} : { CFR4: "without a domain the certificate is CloudFront's own, which sets the oldest TLS by itself" }),
    };
    for (const [rule, reason] of Object.entries(reasons)) {
      Validations.of(distribution).acknowledge({ id: `AwsSolutions-${rule}`, reason });
    }
  }
}

export class HttpApiEdge extends Construct {
  readonly api: HttpApi;
  readonly url: string;

  constructor(scope: Construct, id: string, { name, main, bulk }: { name: string; main: WeirFunction; bulk: WeirFunction }) {
    super(scope, id);
    this.api = new HttpApi(this, "Api", {
      apiName: name,
      description: "Takes events",
      defaultIntegration: new HttpLambdaIntegration("Live", main.alias),
    });
    const integration = new HttpLambdaIntegration("Bulk", bulk.alias);
    this.api.addRoutes({ path: IMPORT, methods: [HttpMethod.ANY], integration });
    this.url = this.api.apiEndpoint;
    Validations.of(this.api).acknowledge({
      id: "AwsSolutions-APIG1",
      reason: "a log of each request has addresses of people, which weir does not keep",
    });
    Validations.of(this.api).acknowledge({
      id: "AwsSolutions-APIG4",
      reason: "who sends events has a write key, which the collector asks for, and no credentials of AWS",
    });
  }
}
