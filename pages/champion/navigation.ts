/** The pages that every page leads to, in their order: each in a word or two, its question stands on it. */
export const PAGES = [
  { path: "/", title: "Today" },
  { path: "/tracker/", title: "Persistent" },
  { path: "/unexplained/", title: "N codes" },
  { path: "/patterns/", title: "Patterns" },
  { path: "/groups/", title: "Groups" },
  { path: "/five-weeks/", title: "Five weeks" },
  { path: "/leagues/", title: "Praise" },
  { path: "/lost-learning/", title: "Lost learning" },
  { path: "/policy/", title: "Policy" },
  { path: "/support/", title: "Support" },
];
