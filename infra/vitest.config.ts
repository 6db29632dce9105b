import { defineConfig } from "vitest/config";

// A synthesis takes seconds on a busy machine, and moto's deployment some more.
export default defineConfig({
  test: { include: ["test/**/*.test.ts"], testTimeout: 300_000, hookTimeout: 300_000 },
});
