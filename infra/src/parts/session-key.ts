/**
 * The key that sessions of the page are encrypted with. Nobody has to see it: Secrets Manager draws it. Another one is made by
 * another number in the settings: a function learns of a value only when it is deployed with another name.
 */

import { RemovalPolicy, Validations } from "aws-cdk-lib";
import { Secret } from "aws-cdk-lib/aws-secretsmanager";
import { Construct } from "constructs";
import { sessionKeyName } from "../names";

/** Of 62 characters, so nearly six bits each: far more than the 32 bytes that are asked for. */
const CHARACTERS = 64;

export class SessionKey extends Construct {
  private readonly secret: Secret;

  constructor(scope: Construct, id: string, { environment, number }: { environment: string; number: number }) {
    super(scope, id);
    this.secret = new Secret(this, `Secret${number}`, {
      secretName: sessionKeyName(environment, number),
      description: "Sessions of weir's page are encrypted with it",
      generateSecretString: { passwordLength: CHARACTERS, excludePunctuation: true },
      removalPolicy: RemovalPolicy.DESTROY,
    });
    Validations.of(this.secret).acknowledge({
      id: "AwsSolutions-SMG4",
      reason: "rotating it logs everybody out, so it is done on purpose: compute.query.sessionKey in the settings",
    });
  }
}
