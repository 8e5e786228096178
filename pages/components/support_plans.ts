// Plans of support in words: what is due for review, and what came after.
import { counted, type PupilRow, sentenceCase } from "./pupil_rows.ts";
import type { Part } from "./sentences.ts";
import { count, day, percent, signed } from "./words.ts";

/** A row of champion.interventions. */
export interface Plan extends PupilRow {
  plan: string;
  started_on: Date | number | string;
  review_on: Date | number | string | null;
  is_review_due: boolean;
  outcome: string | null;
  percent_before: number | null;
  percent_after: number | null;
  change_points: number | null;
  is_early: boolean;
  is_alongside_another: boolean;
  similar_pupils: number;
  similar_change_points: number | null;
  why_not_measured: string | null;
}

/** A row of champion.intervention_effects. */
export interface PlanEffect {
  plan: string;
  pupils: number;
  pupils_measured: number;
  change_points: number | null;
  similar_change_points: number | null;
  effect_points: number | null;
  low_points: number | null;
  high_points: number | null;
  verdict: string;
  method: string;
  warning: string;
}

/** Is what we do helping? Reviews that are due come with it. */
export function supportAnswer(plans: Plan[], effects: PlanEffect[]): Part[][] {
  if (plans.length === 0)
    return [
      [{ name: "support|plans", text: "No plan" }, " of support has been put into the drop folder, so nobody knows."],
    ];
  const told = effects.filter(({ low_points }) => low_points !== null);
  const due = plans.filter((plan) => plan.is_review_due).length;
  return [
    told.length === 0
      ? ["Too early or too few to say: no plan has ten pupils measured beside similar ones."]
      : told.flatMap((effect) => [
          `“${effect.plan}”: `,
          { name: `support|${effect.plan}|verdict`, text: effect.verdict },
          ". ",
        ]),
    [
      { name: "support|plans", text: counted(plans.length, "plan") },
      ` ${plans.length === 1 ? "is" : "are"} known; `,
      due === 0 ? "no review is due." : `${counted(due, "review")} ${due === 1 ? "is" : "are"} due.`,
    ],
  ];
}

/** Plans with a review due first, then the newest. */
export function plansInOrder(plans: Plan[]): Plan[] {
  const time = (plan: Plan) => new Date(plan.started_on).getTime();
  return [...plans].sort(
    (a, b) => Number(b.is_review_due) - Number(a.is_review_due) || time(b) - time(a) || a.pupil - b.pupil,
  );
}

/** `due since 16 March 2026`, `on 3 April 2026`, `improved` */
export function reviewText({ outcome, is_review_due, review_on }: Plan): string {
  if (outcome !== null) return sentenceCase(outcome);
  if (review_on === null) return "No day for a review";
  return `${is_review_due ? "Due since" : "On"} ${day(review_on)}`;
}

/** `80.0% to 90.0%`, or why it is not known. */
export function planChange(plan: Plan): string {
  if (plan.change_points === null) return `Not measured: ${plan.why_not_measured ?? "no sessions to measure"}`;
  return `${percent(plan.percent_before, 1)} to ${percent(plan.percent_after, 1)}`;
}

/** `+10.0 points, 5 similar pupils +2.5`, and what else to know of it; nothing where it is not measured. */
export function planBeside(plan: Plan): string {
  if (plan.change_points === null) return "";
  const similar =
    plan.similar_change_points === null
      ? "no similar pupils"
      : `${counted(plan.similar_pupils, "similar pupil")} ${signed(plan.similar_change_points, 1)}`;
  return [
    `${signed(plan.change_points, 1)} points, ${similar}`,
    ...(plan.is_early ? ["early: fewer than five weeks after"] : []),
    ...(plan.is_alongside_another ? ["alongside another plan"] : []),
  ].join("; ");
}

/** `+2.1 points (95% interval −0.4 to +4.6)`; the figure alone is never given. */
export function effectText({ effect_points, low_points, high_points, pupils_measured }: PlanEffect): string {
  if (effect_points === null || low_points === null || high_points === null) {
    return `no figure: ${count(pupils_measured)} measured`;
  }
  return `${signed(effect_points, 1)} points (95% interval ${signed(low_points, 1)} to ${signed(high_points, 1)})`;
}
