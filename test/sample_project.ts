import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    /** The folder of a project that went the whole way, by the command of the README. */
    project: string;
  }
}

const ROLLBOOK = path.join(import.meta.dirname, "..", "rollbook.js");

/** Takes the default sample trust from register files to a rendered site, once for every test that looks at it. */
export default function setup({ provide }: TestProject): () => void {
  const project = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-journey-"));
  execFileSync(process.execPath, [ROLLBOOK, "start", "--no-serve", "--project", project], { stdio: "inherit" });
  provide("project", project);
  return () => fs.rmSync(project, { recursive: true, force: true });
}
