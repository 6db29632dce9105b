/**
 * Templates as they are. A change of any of them shows here, and is looked at before it is deployed: all of the smallest environment,
 * and of every edge and every way in what differs from that.
 */

import { describe, expect, it } from "vitest";
import type { Template } from "aws-cdk-lib/assertions";
import { ACCESSES, EDGES, EVERYTHING, MINIMAL, combined, templatesOf } from "./templates";

const minimal = templatesOf(MINIMAL);

function whole(template: Template): unknown {
  return template.toJSON();
}

/** Resources and outputs that the smallest environment does not have so. Names of versions change with what they are of. */
function difference(template: Template, from: Template): unknown {
  const sections = ["Resources", "Outputs"] as const;
  return Object.fromEntries(sections.map((section) => {
    const [now, before] = [template, from].map((one) => one.toJSON()[section] as Record<string, unknown>);
    const changed = Object.entries(now ?? {}).filter(([id, value]) => JSON.stringify(value) !== JSON.stringify(before?.[id]));
    return [section, Object.fromEntries(changed)];
  }));
}

describe("templates of the smallest environment", () => {
  it.each(["data", "compute", "operations"] as const)("%s", async (stack) => {
    await expect(JSON.stringify(whole(minimal[stack]), null, 1)).toMatchFileSnapshot(`snapshots/minimal-${stack}.json`);
  });
});

describe("templates of each edge and each way in", () => {
  it.each(EDGES.flatMap((edge) => ACCESSES.map((access) => [edge, access] as const)))("%s, %s", async (edge, access) => {
    const { data, compute, operations } = templatesOf(combined(edge, access));
    expect(data.toJSON()).toEqual(minimal.data.toJSON());
    const changed = { compute: difference(compute, minimal.compute), operations: difference(operations, minimal.operations) };
    await expect(JSON.stringify(changed, null, 1)).toMatchFileSnapshot(`snapshots/${edge}-${access}.json`);
  });

  it("everything at once", async () => {
    const all = templatesOf(EVERYTHING);
    const changed = Object.fromEntries((["data", "compute", "operations"] as const).map((stack) => [stack, difference(all[stack], minimal[stack])]));
    await expect(JSON.stringify(changed, null, 1)).toMatchFileSnapshot("snapshots/everything.json");
  });
});
