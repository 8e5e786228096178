import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";
import { RollbookError } from "../ingest/errors.ts";

const USUAL_PLACES = [
  process.env.CHROMIUM_PATH,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/microsoft-edge",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
];
// a browser of its own accord asks its makers for updates and lists: these stop it, so that a request is the page's
const QUIET = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The Chromium, Chrome or Edge of this machine, if it has one. CHROMIUM_PATH names another. */
export function findChromium(): string | undefined {
  return USUAL_PLACES.find((file) => file && existsSync(file));
}

/**
 * Starts the machine's browser without a window, for as long as `work` runs.
 *
 * @throws {RollbookError} if the machine has none
 */
export async function withChromium<T>(work: (browser: Browser) => Promise<T>): Promise<T> {
  const executablePath = findChromium();
  if (!executablePath) {
    throw new RollbookError(
      "No Chromium, Chrome or Edge was found on this machine, which this is made with: install one, or say where it is in CHROMIUM_PATH",
    );
  }
  const browser = await chromium.launch({ executablePath, args: QUIET });
  try {
    return await work(browser);
  } finally {
    await browser.close();
  }
}
