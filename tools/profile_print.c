#include <stdio.h>

#include "colour.h"
#include "json.h"
#include "profile.h"
#include "units.h"

enum { TEXT_COLUMNS = 90 };
static const double least_share = 0.005; /* of a row of its own */

static double share_of(double part, double whole) { return whole > 0 ? part / whole : 0; }

static const char *limit_kind(const profile_kernel *k) { return 2 * k->by_memory > k->limit ? "memory" : "peak"; }

/* ---- for people ------------------------------------------------------------------------------ */

static void print_heading(arena *a, const profile *p, const profile_entry *e) {
  printf("%s of %s, compiled for %s, %d thread%s%s: %s a call, at the limits of its kernels %s (%s)\n", e->name,
         p->module->program->name, p->module->target->cpu, p->threads, p->threads > 1 ? "s" : "",
         p->clock == TIMER_CPU ? ", time of the processor" : "", seconds_text(a, e->seconds.median),
         seconds_text(a, e->limit), percent_text(a, share_of(e->limit, e->seconds.median)));
  printf("%9s %6s %6s %8s %10s %9s %8s %7s  %-15s %s\n", "time", "share", "lost", "calls", "operations", "bytes",
         "GFLOP/s", "GB/s", "of limit", "kernel");
}

static void print_numbers(arena *a, const profile_entry *e, const profile_kernel *k) {
  const double bytes = k->bytes_read + k->bytes_written, gigas = k->seconds > 0 ? 1e-9 / k->seconds : 0;
  const double lost = k->seconds > k->limit ? k->seconds - k->limit : 0;
  const bool whole = k->calls >= 10 || k->calls == (int)k->calls; /* a loop may run another number of turns each time */
  printf("%s %s %s %8.*f", right_text(a, seconds_text(a, k->seconds), 9),
         right_text(a, percent_text(a, share_of(k->seconds, e->stamped)), 6),
         right_text(a, percent_text(a, share_of(lost, e->stamped)), 6), !whole, k->calls);
  printf(" %s %s %8.1f %7.1f", right_text(a, amount_text(a, k->operations, ""), 10),
         right_text(a, amount_text(a, bytes, "B"), 9), k->operations * gigas, bytes * gigas);
  printf("  %s of %-6s", right_text(a, percent_text(a, share_of(k->limit, k->seconds)), 5), limit_kind(k));
}

static void print_place(arena *a, location at, int indent) {
  printf("%*s%s%s:%d:%s %s\n", indent, "", colour_text(stdout, COLOUR_PLACE), at.source->name, diag_line(at),
         colour_text(stdout, COLOUR_OFF), diag_line_text(a, at, TEXT_COLUMNS));
}

static void print_kernel(arena *a, const profile_entry *e, const profile_kernel *k) {
  const location own = diag_own(k->at);
  print_numbers(a, e, k);
  printf("  %s\n", k->kernel->name);
  if (own.source) print_place(a, own, 10);
  if (own.source != k->at.source) print_place(a, k->at, 12);
}

void profile_print_entry(arena *a, const profile *p, const profile_entry *e) {
  int shown = 0;
  double rest = 0;
  if (e > p->entries) putchar('\n');
  print_heading(a, p, e);
  for (; shown < e->kernel_count && share_of(e->kernels[shown].seconds, e->stamped) >= least_share; shown++)
    print_kernel(a, e, &e->kernels[shown]);
  for (int i = shown; i < e->kernel_count; i++) rest += e->kernels[i].seconds;
  if (shown < e->kernel_count)
    printf("%s %s  %d more, each less than %s (--json has all)\n", right_text(a, seconds_text(a, rest), 9),
           right_text(a, percent_text(a, share_of(rest, e->stamped)), 6), e->kernel_count - shown,
           percent_text(a, least_share));
  fflush(stdout);
}

/* ---- for programs ---------------------------------------------------------------------------- */

static void add_place(arena *a, cJSON *object, const char *name, location at) {
  cJSON *place = cJSON_AddObjectToObject(object, name);
  cJSON_AddStringToObject(place, "file", at.source->name);
  cJSON_AddNumberToObject(place, "line", diag_line(at));
  cJSON_AddStringToObject(place, "text", diag_line_text(a, at, INT32_MAX));
}

static cJSON *kernel_json(arena *a, const profile_entry *e, const profile_kernel *k) {
  cJSON *kernel = cJSON_CreateObject();
  cJSON_AddStringToObject(kernel, "name", k->kernel->name);
  const location own = diag_own(k->at);
  if (own.source) add_place(a, kernel, "place", own);
  if (own.source != k->at.source) add_place(a, kernel, "library", k->at);
  cJSON_AddNumberToObject(kernel, "calls", k->calls);
  cJSON_AddNumberToObject(kernel, "seconds", k->seconds);
  cJSON_AddNumberToObject(kernel, "share", share_of(k->seconds, e->stamped));
  cJSON_AddNumberToObject(kernel, "operations", k->operations);
  cJSON_AddNumberToObject(kernel, "bytes_read", k->bytes_read);
  cJSON_AddNumberToObject(kernel, "bytes_written", k->bytes_written);
  cJSON_AddStringToObject(kernel, "limit", limit_kind(k));
  cJSON_AddNumberToObject(kernel, "limit_seconds", k->limit);
  cJSON_AddNumberToObject(kernel, "limit_share", share_of(k->limit, k->seconds));
  return kernel;
}

static cJSON *entry_json(arena *a, const profile_entry *e) {
  cJSON *entry = cJSON_CreateObject(), *seconds, *kernels;
  cJSON_AddStringToObject(entry, "name", e->name);
  cJSON_AddNumberToObject(entry, "rounds", e->rounds);
  seconds = cJSON_AddObjectToObject(entry, "seconds");
  cJSON_AddNumberToObject(seconds, "low", e->seconds.low);
  cJSON_AddNumberToObject(seconds, "median", e->seconds.median);
  cJSON_AddNumberToObject(seconds, "high", e->seconds.high);
  cJSON_AddNumberToObject(entry, "kernel_seconds", e->stamped);
  cJSON_AddNumberToObject(entry, "limit_seconds", e->limit);
  kernels = cJSON_AddArrayToObject(entry, "kernels");
  for (int i = 0; i < e->kernel_count; i++) cJSON_AddItemToArray(kernels, kernel_json(a, e, &e->kernels[i]));
  return entry;
}

void profile_print_json(arena *a, const profile *p) {
  json_set_up();
  cJSON *object = cJSON_CreateObject(), *entries;
  cJSON_AddStringToObject(object, "name", p->module->program->name);
  cJSON_AddStringToObject(object, "target", p->module->target->cpu);
  cJSON_AddStringToObject(object, "clock", p->clock == TIMER_CPU ? "cpu" : "wall");
  cJSON_AddNumberToObject(object, "threads", p->threads);
  cJSON_AddNumberToObject(object, "peak_operations_per_second", p->peak);
  entries = cJSON_AddArrayToObject(object, "entries");
  for (int i = 0; i < p->entry_count; i++) cJSON_AddItemToArray(entries, entry_json(a, &p->entries[i]));
  json_print(object);
}
