import { defineConfig } from "vitest/config";

const JOURNEY = ["test/journey.test.ts", "test/site.test.ts"];

export default defineConfig({
  test: {
    reporters: ["default", "./test/closing_line.ts"],
    projects: [
      {
        test: {
          name: "parts",
          include: ["test/*.test.ts"],
          exclude: JOURNEY,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        // one sample trust goes all the way through, once, for every test that looks at the result
        test: {
          name: "journey",
          include: JOURNEY,
          globalSetup: ["test/sample_project.ts"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
