import type { Reporter, TestModule } from "vitest/node";

/** Ends the run with one plain line that any machine can read: how many tests passed, failed and were skipped. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string) => tests.filter((test) => test.result().state === state).length;
    const broken = modules.filter(
      (module) => module.state() === "failed" && [...module.children.allTests("failed")].length === 0,
    );
    const failed = count("failed") + broken.length;
    process.on("exit", () => console.log(`${count("passed")} passed, ${failed} failed, ${count("skipped")} skipped`));
  }
}
