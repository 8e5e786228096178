import { existsSync } from "node:fs";
import { chmod, cp, mkdir, rename, rm } from "node:fs/promises";
import path from "node:path";

/** The folder beside a site with what a web server needs to know of it. */
export function hostingFolder(site: string): string {
  return `${site}.hosting`;
}

/**
 * Copies a built site and its hosting folder beside the last ones, with the permissions that they have, and swaps each
 * pair by renaming: what is in place belongs together.
 */
export async function replaceSite(built: { site: string; hosting: string }, site: string): Promise<void> {
  const hosting = hostingFolder(site);
  for (const folder of [site, hosting]) {
    await rm(`${folder}.next`, { recursive: true, force: true });
    await rm(`${folder}.last`, { recursive: true, force: true });
  }
  // each site says for itself who may read it
  if (await mkdir(path.dirname(site), { recursive: true })) await chmod(path.dirname(site), 0o755);
  await cp(built.site, `${site}.next`, { recursive: true });
  await cp(built.hosting, `${hosting}.next`, { recursive: true });
  try {
    // the site's own last step says that all is done: see recoverSite
    for (const folder of [hosting, site]) if (existsSync(folder)) await rename(folder, `${folder}.last`);
    for (const folder of [hosting, site]) await rename(`${folder}.next`, folder);
  } catch (error) {
    await recoverSite(site);
    throw error;
  }
  for (const folder of [hosting, site]) await rm(`${folder}.last`, { recursive: true, force: true });
}

/** Puts the last site back if the process was stopped between taking it away and putting the new one there. */
export async function recoverSite(site: string): Promise<void> {
  const hosting = hostingFolder(site);
  const isUnderWay = !existsSync(site) && existsSync(`${site}.last`);
  const isTakenAlone = existsSync(site) && !existsSync(hosting);
  if ((isUnderWay || isTakenAlone) && existsSync(`${hosting}.last`)) {
    await rm(hosting, { recursive: true, force: true });
    await rename(`${hosting}.last`, hosting);
  } else if (isUnderWay) {
    // the last site was made before there were such folders
    await rm(hosting, { recursive: true, force: true });
  }
  if (isUnderWay) await rename(`${site}.last`, site);
}
