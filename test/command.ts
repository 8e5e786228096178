import { execFile } from "node:child_process";
import path from "node:path";

export const ROLLBOOK = path.join(import.meta.dirname, "..", "rollbook.js");

/** Runs the command line as a user does and waits for its end. */
export function rollbook(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [ROLLBOOK, ...words], { encoding: "utf8" }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}
