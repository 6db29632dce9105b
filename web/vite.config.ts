import { defineConfig } from "vitest/config";

// The page is embedded in the binary and served under `default-src 'self'`: nothing is inlined, neither as a
// script nor as a data URL, and nothing comes from another host.
export default defineConfig({
  base: "./",
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { proxy: { "/api": "http://127.0.0.1:8080", "/v1": "http://127.0.0.1:8080" } },
  test: { include: ["src/**/*.test.ts"], environment: "happy-dom" },
});
