-- What the words of the pages mean, each with where it is defined.
select term, meaning, source from rules.glossary
