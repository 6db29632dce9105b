/**
 * The collector: one function for what happens now and one for imports, so that an import, however large, takes nothing of the
 * concurrency of the other. They are the same program; what leads to which, `edge.ts` says.
 */

import { Construct } from "constructs";
import { BESIDE_APPEND_SECONDS } from "../settings/contradictions";
import { FOLDER, FUNCTION, METRICS } from "../names";
import type { DataParts } from "./data-parts";
import { STREAM_WRITER, grantLake, grantStream } from "./rights";
import { WeirFunction } from "./weir-function";
import type { Common } from "./weir-function";

export interface IngestProps extends Common {
  data: DataParts;
}

export class Ingest extends Construct {
  readonly live: WeirFunction;
  readonly bulk: WeirFunction;

  constructor(scope: Construct, id: string, props: IngestProps) {
    super(scope, id);
    const { ingest } = props.settings.compute;
    this.live = this.collector("IngestLive", FUNCTION.live, "Takes events as they happen", ingest.live, props);
    this.bulk = this.collector("IngestBulk", FUNCTION.bulk, "Takes events of imports", ingest.bulk, props);
  }

  private collector(
    id: string,
    name: typeof FUNCTION.live | typeof FUNCTION.bulk,
    description: string,
    { reservedConcurrency }: { reservedConcurrency: number | "none" },
    { data, ...common }: IngestProps,
  ): WeirFunction {
    const { ingest } = common.settings.compute;
    const collector = new WeirFunction(this, id, {
      ...common,
      name,
      description,
      program: "ingest-fn",
      memory: ingest.memory,
      timeoutSeconds: Math.ceil(ingest.appendMs / 1000) + BESIDE_APPEND_SECONDS,
      reservedConcurrency,
      variables: {
        WEIR_LAKE: data.lake.url,
        WEIR_STREAM: data.stream.streamName,
        WEIR_RECORD_BYTES: String(ingest.recordBytes),
        WEIR_APPEND_MS: String(ingest.appendMs),
        WEIR_METRICS: METRICS,
        WEIR_LOG: common.settings.compute.logLevel,
      },
    });
    grantLake(collector.role, data, {
      // Keys, rules and plans; how far landing is, for receipts; whether a record of the overflow still waits. No event.
      read: [FOLDER.settings, FOLDER.eventsLog, FOLDER.overflow],
      write: [FOLDER.overflow],
    });
    grantStream(collector.role, data, STREAM_WRITER);
    return collector;
  }
}
