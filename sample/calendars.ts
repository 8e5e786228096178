/** One school year as the trust's schools keep it: six half terms, and the days inside them on which no session is held. */
export interface Calendar {
  /** As schools write it, for example "2022/23". */
  school_year: string;
  /** First and last day of each half term, ISO dates, both held. */
  half_terms: Record<string, [first: string, last: string]>;
  /** Bank holidays and INSET days that fall inside a half term, ISO dates. */
  closed: string[];
}

/** The day on which the sample's registers were exported, a Friday. */
export const AS_AT = "2026-03-20";

/** Term dates in the pattern that schools in Leeds keep, each year with its bank holidays and INSET days. */
export const CALENDARS: readonly Calendar[] = [
  {
    school_year: "2022/23",
    half_terms: {
      "autumn 1": ["2022-09-05", "2022-10-21"],
      "autumn 2": ["2022-10-31", "2022-12-16"],
      "spring 1": ["2023-01-03", "2023-02-10"],
      "spring 2": ["2023-02-20", "2023-03-31"],
      "summer 1": ["2023-04-17", "2023-05-26"],
      "summer 2": ["2023-06-05", "2023-07-21"],
    },
    closed: ["2022-09-05", "2022-09-19", "2022-10-31", "2023-01-03", "2023-05-01", "2023-05-08"],
  },
  {
    school_year: "2023/24",
    half_terms: {
      "autumn 1": ["2023-09-04", "2023-10-27"],
      "autumn 2": ["2023-11-06", "2023-12-22"],
      "spring 1": ["2024-01-08", "2024-02-09"],
      "spring 2": ["2024-02-19", "2024-03-22"],
      "summer 1": ["2024-04-08", "2024-05-24"],
      "summer 2": ["2024-06-03", "2024-07-22"],
    },
    closed: ["2023-09-04", "2023-09-05", "2023-11-06", "2024-01-08", "2024-05-06", "2024-06-03"],
  },
  {
    school_year: "2024/25",
    half_terms: {
      "autumn 1": ["2024-09-02", "2024-10-25"],
      "autumn 2": ["2024-11-04", "2024-12-20"],
      "spring 1": ["2025-01-06", "2025-02-14"],
      "spring 2": ["2025-02-24", "2025-04-04"],
      "summer 1": ["2025-04-22", "2025-05-23"],
      "summer 2": ["2025-06-02", "2025-07-22"],
    },
    closed: ["2024-09-02", "2024-09-03", "2024-11-04", "2025-01-06", "2025-05-05", "2025-06-02"],
  },
  {
    school_year: "2025/26",
    half_terms: {
      "autumn 1": ["2025-09-01", "2025-10-24"],
      "autumn 2": ["2025-11-03", "2025-12-19"],
      "spring 1": ["2026-01-05", "2026-02-13"],
      "spring 2": ["2026-02-23", "2026-03-27"],
      "summer 1": ["2026-04-13", "2026-05-22"],
      "summer 2": ["2026-06-01", "2026-07-20"],
    },
    closed: ["2025-09-01", "2025-09-02", "2025-11-03", "2026-01-05", "2026-05-04", "2026-06-01"],
  },
];
