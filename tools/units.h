/* Numbers for people: three digits and a unit. Texts are arena memory. */
#ifndef UNITS_H
#define UNITS_H

#include "arena.h"

/* "18.3 µs", "2.40 s"; at least nanoseconds. */
const char *seconds_text(arena *a, double seconds);

/* "37.4 M", "219 kB" with unit "B"; powers of 1000. */
const char *amount_text(arena *a, double amount, const char *unit);

/* "43 %", with a digit behind the point below 10. */
const char *percent_text(arena *a, double share);

/* The text with blanks before it, so that it takes so many columns. */
const char *right_text(arena *a, const char *text, int columns);

#endif
