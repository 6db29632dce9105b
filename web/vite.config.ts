import { defineConfig } from "vitest/config";

// The page is embedded in the binary and served under `default-src 'self'`: nothing is inlined, neither as a
// script nor as a data URL, and nothing comes from another host.
const SERVER = process.env.WEIR_SERVER ?? "http://127.0.0.1:8080";
const PROXY = { "/api": SERVER, "/v1": SERVER };

export default defineConfig({
  base: "./",
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { proxy: PROXY },
  test: { include: ["src/**/*.test.ts"], environment: "happy-dom" },
});
