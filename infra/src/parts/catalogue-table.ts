/**
 * The events table in Glue, so that Athena finds it. Athena reads the table's own log; what stands here is where that is, and the
 * columns that every table of weir has.
 */

import { Aws } from "aws-cdk-lib";
import { CfnDatabase, CfnTable } from "aws-cdk-lib/aws-glue";
import { Construct } from "constructs";
import { FOLDER } from "../names";

/** As `lake/src/schema.rs` has them; columns of properties come later, and `MSCK REPAIR TABLE` brings them in. */
export const COLUMNS = {
  bucket: "int",
  user: "string",
  time: "timestamp",
  event: "string",
  received_at: "timestamp",
  place: "bigint",
  source: "string",
  event_uuid: "binary",
  event_id: "string",
  user_id: "string",
  anonymous_id: "string",
  session_id: "string",
  properties: "string",
  context: "string",
} as const;

export interface CatalogueTableProps {
  database: string;
  /** The lake, `s3://bucket/prefix`. */
  url: string;
}

export class CatalogueTable extends Construct {
  constructor(scope: Construct, id: string, { database, url }: CatalogueTableProps) {
    super(scope, id);
    const owner = new CfnDatabase(this, "Database", {
      catalogId: Aws.ACCOUNT_ID,
      databaseInput: { name: database, description: "Events that weir has collected" },
    });
    const location = `${url}/${FOLDER.events}/`;
    const table = new CfnTable(this, "Events", {
      catalogId: Aws.ACCOUNT_ID,
      databaseName: database,
      tableInput: {
        name: "events",
        tableType: "EXTERNAL_TABLE",
        parameters: { EXTERNAL: "TRUE", table_type: "DELTA", "spark.sql.sources.provider": "delta" },
        storageDescriptor: {
          location,
          columns: Object.entries(COLUMNS).map(([name, type]) => ({ name, type })),
          inputFormat: "org.apache.hadoop.mapred.SequenceFileInputFormat",
          outputFormat: "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat",
          serdeInfo: {
            serializationLibrary: "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
            parameters: { path: location, "serialization.format": "1" },
          },
        },
      },
    });
    table.addResourceDependency(owner);
  }
}
