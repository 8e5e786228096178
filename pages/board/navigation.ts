/** The pages that every page leads to, in their order. */
export const PAGES = [
  { path: "/", title: "Where do we stand?" },
  { path: "/trends/", title: "Is it getting better?" },
  { path: "/compare/", title: "Compared with whom?" },
  { path: "/weeks/", title: "How does our year run?" },
  { path: "/left-behind/", title: "Who is being left behind?" },
  { path: "/visits/", title: "Which school needs a visit?" },
  { path: "/checks/", title: "Do the figures add up?" },
  { path: "/words/", title: "What do the words mean?" },
];
