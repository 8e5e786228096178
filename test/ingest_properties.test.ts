import fc from "fast-check";
import { expect, test } from "vitest";
import type { Project } from "../ingest/project.ts";
import { built, drop, makeProject, mark, marksFile, quietly } from "./project.ts";

/** One statement of a mark. The code follows from the rest, so that no two statements of a moment contradict each other. */
const statement = fc
  .record({ pupil: fc.nat(2), day: fc.nat(3), session: fc.constantFrom("AM", "PM"), minute: fc.nat(5) })
  .map(({ pupil, day, session, minute }) => {
    const date = `2025-10-0${6 + day}`;
    const code = ["/", "I", "N", "L", "O", "-"][(pupil + day + minute) % 6] ?? "/";
    return mark({
      upn: `A82599992401${pupil}`,
      date,
      session,
      mark: code,
      modified: `${date}T09:0${minute}:00Z`,
      deleted: String((pupil + minute) % 7 === 6),
    });
  });
const files = fc.array(fc.array(statement, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 });

test("in any order, split and repetition of the files the same marks stand, and every row read is accounted for", async () => {
  await fc.assert(
    fc.asyncProperty(files, fc.infiniteStream(fc.nat()), async (statements, numbers) => {
      const forwards = makeProject({});
      const shuffled = makeProject({});
      await loadEach(forwards, statements);
      const order = [...statements, ...statements.slice(0, 1)]
        .map((file) => ({ file, place: numbers.next().value }))
        .sort((a, b) => a.place - b.place)
        .map(({ file }) => [...file].reverse());
      await loadEach(shuffled, order);
      expect(await standing(shuffled)).toEqual(await standing(forwards));
    }),
    { numRuns: 10 },
  );
}, 300_000);

// --- internal ---

/** Loads files one run at a time and holds each to the rows that were written into it. */
async function loadEach(project: Project, statements: string[][]): Promise<void> {
  for (const [i, file] of statements.entries()) {
    drop(project.dir, { [`${i}.csv`]: marksFile(...file) });
    const { loads } = await quietly(project);
    for (const load of loads) {
      expect(load.rows_read).toBe(file.length);
      expect(load.rows_accepted + load.rows_quarantined + load.rows_duplicate).toBe(file.length);
      expect(load.rows_quarantined).toBe(0);
    }
  }
}

async function standing(project: Project): Promise<Record<string, unknown>[]> {
  // the key of a pupil is another in every project
  return built(
    project,
    `select dense_rank() over (order by first_seen) as pupil, session_date::varchar as d, session, code
    from staging.session_marks
    join (
      select pupil_key, string_agg(distinct session_date || session || known_at || code, ',' order by session_date || session || known_at || code) as first_seen
      from raw.marks group by pupil_key
    ) using (pupil_key)
    order by all`,
  );
}
