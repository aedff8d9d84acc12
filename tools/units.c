#include "units.h"

static const char *digits_text(arena *a, double value) {
  return arena_printf(a, "%.*f", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value);
}

const char *seconds_text(arena *a, double seconds) {
  static const char *const units[] = {"ns", "µs", "ms", "s"};
  double value = seconds * 1e9;
  int unit = 0;
  for (; unit < 3 && value >= 999.5; unit++) value /= 1000;
  return arena_printf(a, "%s %s", digits_text(a, value), units[unit]);
}

const char *amount_text(arena *a, double amount, const char *unit) {
  static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
  int prefix = 0;
  if (amount < 999.5) return arena_printf(a, "%.0f %s", amount, unit);
  for (; prefix < 6 && amount >= 999.5; prefix++) amount /= 1000;
  return arena_printf(a, "%s %s%s", digits_text(a, amount), prefixes[prefix], unit);
}

const char *percent_text(arena *a, double share) {
  return arena_printf(a, "%.*f %%", share < 0.0995 ? 1 : 0, 100 * share);
}

const char *right_text(arena *a, const char *text, int columns) {
  int width = 0;
  for (const char *c = text; *c; c++) width += ((unsigned char)*c & 0xc0) != 0x80;
  return arena_printf(a, "%*s%s", width < columns ? columns - width : 0, "", text);
}
