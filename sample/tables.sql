-- What sample.ts fills in before anything is drawn, and how a draw is made.
--
-- A draw is a pure function of the seed, a purpose and two numbers, so neither row order nor threads can change it.

create schema sample;

-- a number above 0 and below 1; the second hash mixes what the first only combines
create macro uniform(purpose, a, b) as
    ((hash(hash(getvariable('seed'), purpose, a, b)) >> 12)::double + 0.5) / 4503599627370496.0;

-- a number from the standard normal distribution
create macro normal(purpose, a, b) as
    sqrt(-2 * ln(uniform(purpose, a, b))) * cos(2 * pi() * uniform(purpose || ', angle', a, b));

create table sample.schools (
    school_no integer,
    phase varchar,
    first_year_group integer,     -- 0 is Reception
    last_year_group integer,
    pupils_per_year_group integer,
    advantage double              -- from -0.5 (the most deprived of its phase) to 0.5
);

-- school_year is the year in which it starts: 2022 is 2022/23
create table sample.half_terms (school_year integer, half_term varchar, first_day date, last_day date);
create table sample.closed_days (closed_on date);

-- days on which a site could not open
create table sample.closures (school_no integer, closed_on date, code varchar);

create table sample.forenames (sex varchar, name_no integer, name varchar);
create table sample.surnames (name_no integer, name varchar);

-- DfE's published figures, as in the CSV files of the same names; read by sample.ts
create table sample.code_mix (phase varchar, school_year integer, code varchar, share double);
create table sample.band_mix (phase varchar, from_rate double, to_rate double, share double);
create table sample.rates (phase varchar, school_year integer, absence double, persistent double, severe double);
