/**
 * What a lake needs now and then, each task by a schedule of its own.
 *
 * | task | default | because |
 * |---|---|---|
 * | land-overflow | 1 minute | what the stream could not take is not queryable before |
 * | complete | 1 minute | open windows of questions close by it |
 * | compact | 5 minutes | the function ends before the next one begins: of two at once the slower loses its work |
 * | upkeep | 15 minutes | erasures end within that; retention and vacuum are due once an hour |
 */

import { Construct } from "constructs";
import { FOLDER, FUNCTION, METRICS } from "../names";
import type { DataParts } from "./data-parts";
import { STREAM_READER, grantLake, grantStream } from "./rights";
import { Schedules } from "./schedules";
import { WeirFunction } from "./weir-function";
import type { Common } from "./weir-function";

export interface MaintenanceProps extends Common {
  data: DataParts;
}

export class Maintenance extends Construct {
  readonly keeper: WeirFunction;

  constructor(scope: Construct, id: string, { data, ...common }: MaintenanceProps) {
    super(scope, id);
    const { maintenance } = common.settings.compute;
    this.keeper = new WeirFunction(this, "Maintenance", {
      ...common,
      name: FUNCTION.maintenance,
      description: "Lands the overflow, merges files, finishes erasures, removes what is too old",
      program: "compact-fn",
      memory: maintenance.memory,
      timeoutSeconds: maintenance.timeoutSeconds,
      reservedConcurrency: "none",
      variables: { WEIR_LAKE: data.lake.url, WEIR_STREAM: data.stream.streamName, WEIR_METRICS: METRICS, WEIR_LOG: common.settings.compute.logLevel },
    });
    this.grant(data);
    const tasks = {
      "land-overflow": maintenance.overflowMinutes,
      complete: maintenance.completeMinutes,
      compact: maintenance.compactMinutes,
      upkeep: maintenance.upkeepMinutes,
    };
    new Schedules(this, "Schedules", { target: this.keeper, data, tasks });
  }

  private grant(data: DataParts): void {
    const kept = [FOLDER.events, FOLDER.failed, FOLDER.ids, FOLDER.erasures, FOLDER.maintenance, FOLDER.overflow] as const;
    grantLake(this.keeper.role, data, {
      read: [...kept, FOLDER.settings],
      write: kept,
      remove: [FOLDER.events, FOLDER.failed, FOLDER.ids, FOLDER.openErasures, FOLDER.overflow],
    });
    grantStream(this.keeper.role, data, STREAM_READER);
  }
}
