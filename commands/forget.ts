import type { Forgotten } from "../ingest/forget.ts";

/** What a forget did, and what is left for a person to do. */
export function forgetSentence({ files, records, rows, stillInDropFolder }: Forgotten): string {
  const taken = `${counted(records, "record")} of ${counted(files, "landed file")} and ${counted(rows, "row")} of the lake`;
  const still =
    stillInDropFolder.length > 0
      ? [
          `Still in the drop folder, which is the school's own: ${stillInDropFolder.join(", ")}. Take the pupil out there, or the files away; what they say of the pupil is not taken in again.`,
        ]
      : [];
  return [
    `The pupil is forgotten: ${taken} were taken out, with every warehouse and site.`,
    ...still,
    "Backups, and tables that were exported, are not Rollbook's to change: look through them.",
  ].join("\n");
}

// --- internal ---

function counted(value: number, noun: string): string {
  return `${value.toLocaleString("en-GB")} ${noun}${value === 1 ? "" : "s"}`;
}
