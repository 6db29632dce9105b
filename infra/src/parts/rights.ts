/**
 * Rights on a lake, a stream and a key, as narrow as the code that uses them. docs/SECURITY.md says which part has which, and
 * why.
 */

import { Validations } from "aws-cdk-lib";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IRole, PolicyStatementProps } from "aws-cdk-lib/aws-iam";
import { FOLDER } from "../names";
import type { Folder } from "../names";
import type { DataParts } from "./data-parts";

/** What a part does with objects of the lake. */
export interface LakeRights {
  read?: readonly Folder[] | "all";
  write?: readonly Folder[];
  remove?: readonly Folder[];
}

/** Folders with objects that are so large that they are written in parts; a write that is broken off is given up. */
const LARGE: readonly Folder[] = [FOLDER.events, FOLDER.failed, FOLDER.ids];

/** What a part does with the stream. */
export const STREAM_WRITER = ["kinesis:PutRecords", "kinesis:ListShards"];
export const STREAM_READER = ["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"];
/** Lambda reads for its mapping in the name of the function's role, and looks at the stream before it begins. */
export const STREAM_MAPPING = [
  ...STREAM_READER, "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:ListStreams",
];

/**
 * Gives a role its rights on the lake. Each part may list the bucket, which shows names of objects and nothing of what is in
 * them: without that S3 says of an object that is not there that it may not be read, whatever prefix a condition names.
 */
export function grantLake(role: IRole, data: DataParts, rights: LakeRights): void {
  const { bucket, prefix } = data.lake;
  const below = (folders: readonly string[]) => folders.map((folder) => bucket.arnForObjects(`${prefix}/${folder}/*`));
  const statements: PolicyStatementProps[] = [
    { sid: "NamesOfObjects", actions: ["s3:ListBucket"], resources: [bucket.bucketArn] },
  ];
  if (rights.read !== undefined) {
    const resources = rights.read === "all" ? [bucket.arnForObjects(`${prefix}/*`)] : below(rights.read);
    statements.push({ sid: "Read", actions: ["s3:GetObject"], resources });
  }
  if (rights.write !== undefined) {
    statements.push({ sid: "Write", actions: ["s3:PutObject"], resources: below(rights.write) });
    const large = rights.write.filter((folder) => LARGE.includes(folder));
    if (large.length > 0) statements.push({ sid: "GiveUp", actions: ["s3:AbortMultipartUpload"], resources: below(large) });
  }
  if (rights.remove !== undefined) {
    statements.push({ sid: "Remove", actions: ["s3:DeleteObject"], resources: below(rights.remove) });
  }
  if (data.lake.key !== undefined) {
    // To read, and, for objects and for the parts of large ones, to write.
    const actions = rights.write === undefined ? ["kms:Decrypt"] : ["kms:Decrypt", "kms:GenerateDataKey"];
    statements.push({ sid: "Key", actions, resources: [data.lake.key.keyArn] });
  }
  for (const statement of statements) role.addToPrincipalPolicy(new PolicyStatement(statement));
  explainFolders(role, data, rights);
}

/** Gives a role rights on the stream. */
export function grantStream(role: IRole, data: DataParts, actions: readonly string[]): void {
  const resources = [data.stream.streamArn];
  role.addToPrincipalPolicy(new PolicyStatement({ sid: "Stream", actions: [...actions], resources }));
}

/** cdk-nag asks about each `*`, by the text that it makes of a resource. */
function explainFolders(role: IRole, { lake }: DataParts, { read = [], write = [], remove = [] }: LakeRights): void {
  const folders = [...(read === "all" ? [] : read), ...write, ...remove].map((folder) => `${folder}/*`);
  for (const below of new Set(read === "all" ? ["*", ...folders] : folders)) {
    Validations.of(role).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${lake.arnImport}/${lake.prefix}/${below}]`,
      reason: `names below ${lake.prefix}/${below} are made while events come in; the folder is the narrowest resource there is`,
    });
  }
}
