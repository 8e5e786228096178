// Groups of pupils at the champion's school in words: from a question and an answer to the pupils.
import { counted, type PupilRow, pooledAttendance, total, yearGroups, yearText } from "./pupil_rows.ts";
import type { Part } from "./sentences.ts";
import { count, percent } from "./words.ts";

/** A row of champion.cohorts. */
export interface Answered {
  pupil: number;
  question: string;
  answer: string;
  question_position: number;
  answer_position: number;
}

/** A row of champion.pupils. */
export interface PupilThisYear extends PupilRow {
  sessions_possible: number;
  sessions_attended: number;
  sessions_absent: number;
  sessions_unauthorised: number;
  sessions_late: number;
  percent_attendance: number | null;
  days_lost: number;
  is_persistent: boolean | null;
  is_severe: boolean | null;
  direction: string | null;
}

/** The pupils with one answer to a question. */
export interface PupilGroup {
  answer: string;
  pupils: PupilThisYear[];
  /** Per cent of their possible sessions together; null without any. */
  attendance: number | null;
  persistent: number;
  days_lost: number;
}

/** What can be asked: year group and class, then the questions about status, which need not be on a screen at once. */
export function groupQuestions(answers: Answered[]): string[] {
  const asked = [...answers].sort((a, b) => a.question_position - b.question_position);
  return [YEAR, CLASS, ...new Set(asked.map(({ question }) => question))];
}

/** The groups that a question parts the pupils into, in their order; pupils by name. */
export function groupsOf(question: string, answers: Answered[], pupils: PupilThisYear[]): PupilGroup[] {
  if (question === YEAR) {
    const years = [...yearGroups(pupils), null];
    return years.flatMap((year) =>
      group(
        yearText(year),
        pupils.filter((pupil) => pupil.year_group === year),
      ),
    );
  }
  if (question === CLASS) {
    const names = [...new Set(pupils.map((pupil) => pupil.registration_group ?? NO_CLASS))];
    return names
      .sort((a, b) => Number(a === NO_CLASS) - Number(b === NO_CLASS) || a.localeCompare(b, "en-GB", { numeric: true }))
      .flatMap((name) =>
        group(
          name,
          pupils.filter((pupil) => (pupil.registration_group ?? NO_CLASS) === name),
        ),
      );
  }
  const own = answers.filter((row) => row.question === question);
  const named = [...own].sort((a, b) => a.answer_position - b.answer_position).map(({ answer }) => answer);
  return [...new Set(named)].flatMap((answer) => {
    const members = new Set(own.filter((row) => row.answer === answer).map(({ pupil }) => pupil));
    return group(
      answer,
      pupils.filter(({ pupil }) => members.has(pupil)),
    );
  });
}

/** Who is in a group, and how it attends beside everybody else. */
export function groupAnswer(question: string, group: PupilGroup | undefined, pupils: PupilThisYear[]): Part[][] {
  if (!group) return [[{ name: "groups|pupils", text: "No pupils" }, " are on roll."]];
  const members = new Set(group.pupils.map(({ pupil }) => pupil));
  const others = pooledAttendance(pupils.filter(({ pupil }) => !members.has(pupil)));
  const beside = others === null ? "" : `, everybody else ${percent(others, 1)}`;
  return [
    [
      { name: "groups|pupils", text: counted(group.pupils.length, "pupil") },
      ` of ${count(pupils.length)} `,
      `${group.pupils.length === 1 ? "is" : "are"} in the group “${question}: ${group.answer}”.`,
    ],
    [
      ...(group.attendance === null
        ? ["Nobody in it could have attended yet this school year."]
        : [
            "Together they attended ",
            { name: "groups|attendance", text: percent(group.attendance, 1) },
            ` of their sessions so far this school year${beside}. `,
          ]),
      ...(group.persistent > 0
        ? [`${count(group.persistent)} of them ${group.persistent === 1 ? "is" : "are"} persistently absent.`]
        : group.attendance === null
          ? []
          : ["Nobody in it is persistently absent."]),
    ],
  ];
}

// --- internal ---

const YEAR = "Year group";
const CLASS = "Class";
const NO_CLASS = "no class";

function group(answer: string, pupils: PupilThisYear[]): PupilGroup[] {
  if (pupils.length === 0) return [];
  return [
    {
      answer,
      pupils,
      attendance: pooledAttendance(pupils),
      persistent: pupils.filter((pupil) => pupil.is_persistent).length,
      days_lost: total(pupils.map((pupil) => pupil.days_lost)),
    },
  ];
}
