/** Packing, with a cargo that only pretends: what is built where is cargo-lambda's business, what becomes of it is ours. */

import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "weir-infra-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

/** A cargo that notes how it is called, and puts `program` where cargo-lambda would. */
function pack(program: string, wants: string, arch = "x86_64") {
  const cargo = join(folder, "cargo");
  writeFileSync(cargo, `#!/bin/bash
echo "$@" >> ${folder}/calls
while [ $# -gt 0 ]; do case "$1" in --lambda-dir) dir=$2; shift ;; --bin) bins="$bins $2"; shift ;; esac; shift; done
for bin in $bins; do mkdir -p "$dir/$bin"; cp ${program} "$dir/$bin/bootstrap"; done
`);
  // A machine's own programs want what they want; here readelf says it.
  writeFileSync(join(folder, "readelf"), `#!/bin/sh\necho "  0x0010: Name: ${wants}  Flags: none"\necho "  0x0020: Name: GLIBC_2.2.5"\n`);
  for (const name of ["cargo", "readelf"]) chmodSync(join(folder, name), 0o755);
  const env = { ...process.env, CARGO: cargo, PATH: `${folder}:${process.env["PATH"]}` };
  return spawnSync("scripts/package.sh", [join(folder, "target"), arch], { encoding: "utf8", env });
}

describe("packages", () => {
  it("have a bootstrap each, and the page's own starts it", () => {
    const program = join(folder, "program");
    copyFileSync(process.execPath, program);
    const { status, stderr } = pack(program, "GLIBC_2.34");
    expect([status, stderr]).toEqual([0, ""]);
    const packages = join(folder, "target/lambda-packages/x86_64");
    const files = readdirSync(packages).map((name) => [name, readdirSync(join(packages, name))]);
    expect(files).toEqual([["compact-fn", ["bootstrap"]], ["ingest-fn", ["bootstrap"]], ["weir", ["bootstrap", "weir"]]]);
    expect(readFileSync(join(packages, "weir/bootstrap"), "utf8")).toContain('exec "$LAMBDA_TASK_ROOT/weir" serve --function');
    expect(readFileSync(join(packages, "weir/weir")).equals(readFileSync(program))).toBe(true);
  });

  it("are built for the glibc of Lambda", () => {
    const program = join(folder, "program");
    writeFileSync(program, "x");
    pack(program, "GLIBC_2.17", "arm64");
    const dir = join(folder, "target/lambda-build/arm64");
    expect(readFileSync(join(folder, "calls"), "utf8")).toBe(
      `lambda build --target aarch64-unknown-linux-gnu.2.34 --lambda-dir ${dir} --profile lambda -p ingest-fn -p compact-fn --bin ingest-fn --bin compact-fn\n`
        + `lambda build --target aarch64-unknown-linux-gnu.2.34 --lambda-dir ${dir} --release -p query-cli --bin weir\n`,
    );
  });

  it.each([
    ["GLIBC_2.35", /ingest-fn\/bootstrap wants glibc 2\.35, and Lambda has 2\.34; build it with/],
    ["GLIBC_2.100", /wants glibc 2\.100/],
  ])("do not start there with %s, and so are not made", (wants, said) => {
    const program = join(folder, "program");
    writeFileSync(program, "x");
    const { status, stderr } = pack(program, wants);
    expect(status).toBe(1);
    expect(stderr).toMatch(said);
    expect(readdirSync(join(folder, "target"))).toEqual(["lambda-build"]);
  });
});
