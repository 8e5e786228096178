import fs from "node:fs";
import path from "node:path";
import { RollbookError } from "./errors.ts";
import type { Project } from "./project.ts";

/** A file in the drop folder. */
export interface RegisterFile {
  /** Its path within the drop folder, with forward slashes. */
  name: string;
  path: string;
  /** The school whose URN one of its folders is named by, if any is. */
  folderUrn: number | null;
  /** Its size, inode and times: as long as they stay, so do its bytes. */
  stamp: string;
}

/**
 * Those files of the drop folder that lie in the folder of one of the schools.
 *
 * @throws RollbookError when there are none
 */
export function filesOfSchools(drop: RegisterFile[], schools: readonly number[], registers: string): RegisterFile[] {
  const files = drop.filter(({ folderUrn }) => folderUrn !== null && schools.includes(folderUrn));
  if (files.length > 0) return files;
  const folders = schools.map((urn) => path.join(registers, String(urn))).join(", ");
  throw new RollbookError(
    `No register files in ${folders}: put the school's exports there, or run "rollbook ingest" without --school`,
  );
}

/** The files of the drop folder by name. What begins with a dot or with ~$ is a program's own. */
export function dropFolder({ registers, schools }: Project): RegisterFile[] {
  const urns = new Set(schools.map((school) => String(school.urn)));
  const files = fs.existsSync(registers)
    ? fs.readdirSync(registers, { recursive: true, withFileTypes: true }).flatMap((entry) => {
        const file = path.join(entry.parentPath, entry.name);
        // messages show names: what would forge a line or turn the writing round is not shown
        const name = path
          .relative(registers, file)
          .replaceAll(path.sep, "/")
          .replace(/[\p{Cc}\p{Cf}]/gu, "\uFFFD");
        if (/(^|\/)(\.|~\$)/.test(name)) return [];
        const stats = fs.statSync(file, { bigint: true, throwIfNoEntry: false });
        if (!stats && !entry.isSymbolicLink()) {
          throw new RollbookError(`${name}: expected a file name in UTF-8; rename the file`);
        }
        if (!stats) {
          throw new RollbookError(
            `${name}: expected a file, but the link leads nowhere; mend the link or take it away`,
          );
        }
        if (!stats.isFile()) return [];
        const folder = name.split("/").find((part) => urns.has(part));
        const stamp = [stats.size, stats.ino, stats.mtimeNs, stats.ctimeNs].join(" ");
        return [{ name, path: file, folderUrn: folder === undefined ? null : Number(folder), stamp }];
      })
    : [];
  if (files.length === 0) {
    throw new RollbookError(
      `No register files in ${registers}: put the schools' exports there, or name another folder as "registers" in rollbook.yaml`,
    );
  }
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}
