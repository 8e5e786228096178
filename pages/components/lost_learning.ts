// Learning lost in words: days missed so far this school year, pupil by pupil and class by class.
import type { PupilThisYear } from "./pupil_groups.ts";
import { counted, daysText, pooledAttendance, total } from "./pupil_rows.ts";
import type { Part } from "./sentences.ts";
import { count, percent } from "./words.ts";

/** A class, with the days that its pupils lost together. */
export interface ClassLost {
  group: string;
  pupils: number;
  days_lost: number;
  days_lost_each: number;
  attendance: number | null;
}

/** Pupils who lost the most first, then by name. */
export function byDaysLost(pupils: PupilThisYear[]): PupilThisYear[] {
  return [...pupils].sort((a, b) => b.days_lost - a.days_lost || a.pupil - b.pupil);
}

/** How much learning has been lost, and by how many pupils most of it. */
export function lostAnswer(pupils: PupilThisYear[]): Part[][] {
  const possible = pupils.filter((pupil) => pupil.sessions_possible > 0);
  const lost = total(possible.map((pupil) => pupil.days_lost));
  const most = byDaysLost(possible);
  const none = { name: "lost learning|days", text: "None" };
  if (possible.length === 0) return [[none, " yet: nobody could have attended this school year."]];
  if (lost === 0) return [[none, ": nobody has missed a session this school year."]];
  let half = 0;
  let sum = 0;
  while (sum < lost / 2) sum += most[half++]?.days_lost ?? lost;
  const whole = possible.filter((pupil) => pupil.days_lost === 0).length;
  return [
    [
      { name: "lost learning|days", text: daysText(lost) },
      ` in all so far this school year, ${(lost / possible.length).toFixed(1)} a pupil.`,
    ],
    [
      `${count(half)} of ${counted(possible.length, "pupil")} (${percent((100 * half) / possible.length, 0)}) `,
      `lost half of these days. `,
      whole > 0 ? `${counted(whole, "pupil")} lost none.` : "Every pupil lost some.",
    ],
  ];
}

/** The classes, that which lost most a pupil first. Pupils without a class stand together. */
export function classesLost(pupils: PupilThisYear[]): ClassLost[] {
  const possible = pupils.filter((pupil) => pupil.sessions_possible > 0);
  const names = [...new Set(possible.map((pupil) => pupil.registration_group ?? "no class"))];
  return names
    .map((name) => {
      const own = possible.filter((pupil) => (pupil.registration_group ?? "no class") === name);
      const lost = total(own.map((pupil) => pupil.days_lost));
      return {
        group: name,
        pupils: own.length,
        days_lost: lost,
        days_lost_each: lost / own.length,
        attendance: pooledAttendance(own),
      };
    })
    .sort((a, b) => b.days_lost_each - a.days_lost_each || a.group.localeCompare(b.group, "en-GB", { numeric: true }));
}
