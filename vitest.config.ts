import { defineConfig } from "vitest/config";

const JOURNEY = ["accessible", "cluster", "journey", "light", "pack", "site"].map((name) => `test/${name}.test.ts`);
/** A test that takes so long has stopped: how fast things are is for the bench, on a machine that does nothing else. */
const HANGS = 1_200_000;

export default defineConfig({
  test: {
    reporters: ["default", "./test/closing_line.ts"],
    // most tests wait for one thread of DuckDB
    maxWorkers: "100%",
    projects: [
      {
        test: {
          name: "parts",
          include: ["test/*.test.ts"],
          exclude: JOURNEY,
          testTimeout: HANGS,
          hookTimeout: HANGS,
        },
      },
      {
        // one sample trust goes all the way through, once, for every test that looks at the result
        test: {
          name: "journey",
          include: JOURNEY,
          globalSetup: ["test/sample_project.ts"],
          testTimeout: HANGS,
          hookTimeout: HANGS,
        },
      },
    ],
  },
});
