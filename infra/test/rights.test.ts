/** Who may do what. A right that is added shows here, and has to be added to docs/SECURITY.md. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FOLDER } from "../src/names";
import { ROLE, lines, may, rightsOf, statements } from "./rights";
import { ACCESSES, EDGES, EVERYTHING, MINIMAL, combined, resources, templatesOf } from "./templates";

const minimal = templatesOf(MINIMAL);

describe("rights of each part", () => {
  it.each(Object.entries(ROLE))("%s", (name, role) => {
    expect(lines(rightsOf(minimal.compute, role)).join("\n")).toMatchSnapshot(name);
  });

  it("are in the document on security, column by column", () => {
    const page = readFileSync("../docs/SECURITY.md", "utf8");
    const [, section = ""] = /## Rights of each part on AWS\n([\s\S]*?)(?:\n## |$)/.exec(page) ?? [];
    const parts = { collector: ROLE["ingest-live"], landing: ROLE.landing, maintenance: ROLE.maintenance, query: ROLE.query };
    for (const [part, role] of Object.entries(parts)) {
      const row = section.split("\n").find((line) => line.startsWith(`| ${part} |`)) ?? "";
      const [, , ...columns] = row.split("|").map((column) => column.trim());
      const named = columns.slice(0, 4).map((column) => (column === "all" ? ["*"] : [...column.matchAll(/`([^`]+)`/g)].map(([, word]) => word)).sort());
      const all = lines(rightsOf(minimal.compute, role)).map((line) => line.split(" "));
      const folders = (action: string) => all.filter(([does]) => does === action).map(([, where = ""]) => where.replace("LAKE/", "").replace("/*", "")).sort();
      const stream = all.flatMap(([does = ""]) => (does.startsWith("kinesis:") ? [does.replace("kinesis:", "")] : [])).sort();
      expect(named, part).toEqual([folders("s3:GetObject"), folders("s3:PutObject"), folders("s3:DeleteObject"), stream]);
    }
  });
});

describe("folders of a lake", () => {
  it("are all known here", () => {
    const names = readFileSync("../store/src/names.rs", "utf8").split("\n").filter((line) => line.startsWith("//! LAKE/"));
    const folders = names.map((line) => /LAKE\/([a-z]+)/.exec(line)?.[1] ?? line);
    // `doctor` is for `weir doctor`, which runs with the rights of whoever calls it; `log` is for a lake on one machine.
    const known = [...Object.values(FOLDER).map((folder) => folder.split("/")[0] ?? ""), "doctor", "log"];
    expect([...new Set(folders)].sort()).toEqual([...new Set(known)].sort());
  });
});

describe("the collector", () => {
  const rights = rightsOf(minimal.compute, ROLE["ingest-live"]);

  it("cannot read an event", () => {
    for (const object of [
      "events/landed/x.parquet", "events/compacted/2026-01-01/x.parquet", "failed/landed/x.parquet", "failed/_delta_log/0.json",
      "ids/x.ids", "saved/reports/x/1.json", "erasures/open/x.json", "unreadable/x.ndjson",
    ]) expect(may(rights, "s3:GetObject", object), object).toBe(false);
  });

  it("reads settings, how far landing is, and what of the overflow waits", () => {
    for (const object of ["settings/1.json", "events/_delta_log/1.json", "events/_delta_log/_last_checkpoint", "overflow/1.weir"]) {
      expect(may(rights, "s3:GetObject", object), object).toBe(true);
    }
  });

  it("writes the overflow alone, and removes nothing", () => {
    expect(may(rights, "s3:PutObject", "overflow/1.weir")).toBe(true);
    for (const object of ["settings/1.json", "events/_delta_log/1.json", "events/landed/x.parquet"]) {
      expect(may(rights, "s3:PutObject", object), object).toBe(false);
    }
    expect(rights.flatMap(({ actions }) => actions).filter((action) => /Delete|GetRecords/.test(action))).toEqual([]);
  });

  it("has the same rights for imports", () => {
    const ofBulk = lines(rightsOf(minimal.compute, ROLE["ingest-bulk"])).filter((line) => !line.startsWith("logs:"));
    expect(ofBulk).toEqual(lines(rights).filter((line) => !line.startsWith("logs:")));
  });
});

describe("landing and maintenance", () => {
  it("do not write settings, nor what people keep", () => {
    for (const role of [ROLE.landing, ROLE.maintenance]) {
      const rights = rightsOf(minimal.compute, role);
      for (const object of ["settings/1.json", "saved/reports/x/1.json", "checks/x/1.json"]) {
        expect(may(rights, "s3:PutObject", object), object).toBe(false);
        expect(may(rights, "s3:DeleteObject", object), object).toBe(false);
      }
    }
  });

  it("leave merged files to maintenance", () => {
    expect(may(rightsOf(minimal.compute, ROLE.landing), "s3:DeleteObject", "events/compacted/2026-01-01/x.parquet")).toBe(false);
    expect(may(rightsOf(minimal.compute, ROLE.landing), "s3:DeleteObject", "events/_delta_log/1.json")).toBe(false);
    expect(may(rightsOf(minimal.compute, ROLE.maintenance), "s3:DeleteObject", "events/compacted/2026-01-01/x.parquet")).toBe(true);
  });

  it("put nothing into the stream", () => {
    for (const role of [ROLE.landing, ROLE.maintenance, ROLE.query]) {
      expect(lines(rightsOf(minimal.compute, role)).filter((line) => line.startsWith("kinesis:Put"))).toEqual([]);
    }
  });
});

describe("questions", () => {
  const rights = rightsOf(minimal.compute, ROLE.query);

  it("cannot remove a file of a table, a commit or a setting", () => {
    for (const object of ["events/landed/x.parquet", "events/_delta_log/1.json", "failed/landed/x.parquet", "settings/1.json", "saved/reports/x/1.json"]) {
      expect(may(rights, "s3:DeleteObject", object), object).toBe(false);
    }
    expect(may(rights, "s3:DeleteObject", "checks/x/1.json")).toBe(true);
  });

  it("write what people keep and what admins do, and no erasure", () => {
    for (const object of ["saved/reports/x/1.json", "checks/x/1.json", "settings/1.json", "failed/_delta_log/1.json"]) {
      expect(may(rights, "s3:PutObject", object), object).toBe(true);
    }
    for (const object of ["erasures/open/x.json", "overflow/1.weir", "maintenance/vacuum.json"]) {
      expect(may(rights, "s3:PutObject", object), object).toBe(false);
    }
  });

  it("know nothing of the stream", () => {
    expect(lines(rights).filter((line) => line.startsWith("kinesis:"))).toEqual([]);
  });
});

describe("every policy", () => {
  const contents = [EVERYTHING, ...EDGES.flatMap((edge) => ACCESSES.map((access) => combined(edge, access)))];

  it("allows named actions on named things", () => {
    for (const content of contents) {
      const { data, compute, operations } = templatesOf(content);
      for (const template of [data, compute, operations]) {
        for (const type of ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"]) {
          for (const [id, { Properties }] of Object.entries(resources(template, type))) {
            for (const right of statements(Properties.PolicyDocument)) {
              expect(right.actions.filter((action) => action.includes("*")), id).toEqual([]);
              expect(right.resources, id).not.toContain("*");
              const wide = right.resources.filter((one) => one.includes("*") && !/^\$\{LakeBucket\}\/(team\/)?lake\/([a-z_]+\/)*\*$/.test(one));
              expect(wide, id).toEqual([]);
            }
          }
        }
      }
    }
  });

  it("reaches the key where there is one", () => {
    const { compute } = templatesOf(EVERYTHING);
    for (const [name, role] of Object.entries(ROLE)) {
      const withKey = rightsOf(compute, role).find(({ actions }) => actions.includes("kms:Decrypt"));
      expect(withKey?.actions, name).toEqual(["kms:Decrypt", "kms:GenerateDataKey"]);
      expect(withKey?.resources, name).toEqual([expect.stringContaining("LakeKey")]);
    }
  });

  it("opens a function to everybody through its address alone", () => {
    const open = Object.values(resources(minimal.compute, "AWS::Lambda::Permission")).map(({ Properties }) => Properties);
    for (const { Action, InvokedViaFunctionUrl, FunctionUrlAuthType } of open) {
      expect([Action, InvokedViaFunctionUrl ?? FunctionUrlAuthType]).toEqual(
        Action === "lambda:InvokeFunction" ? [Action, true] : ["lambda:InvokeFunctionUrl", "NONE"],
      );
    }
  });
});
