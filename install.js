// Installs exactly what package-lock.json names, and does nothing when that was done since it last changed.
// No package's own install script is run.
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";

const changed = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

if (changed("node_modules/.package-lock.json") < changed("package-lock.json")) {
  console.log("Installing what Rollbook needs; this takes a minute or two the first time.");
  const npm = [process.env.npm_execpath, "ci", "--ignore-scripts", "--loglevel", "error"];
  const { status } = spawnSync(process.execPath, npm, { stdio: "inherit" });
  process.exitCode = status ?? 1;
}
