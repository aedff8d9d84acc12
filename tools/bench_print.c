#include <stdio.h>

#include "bench.h"
#include "json.h"
#include "units.h"

/* ---- for people ------------------------------------------------------------------------------ */

void bench_print_heading(const bench *b) {
  printf("%s, compiled for %s%s\n\n", b->module->program->name, b->module->target->cpu,
         b->clock == TIMER_CPU ? ", time of the processor" : "");
  printf("%-18s %7s %9s   %-19s %10s %9s %7s %6s %11s %9s\n", "entry", "threads", "time", "quartiles", "calls/s",
         "GFLOP/s", "limit", "busy", "parameters", "scratch");
}

static void print_run(arena *a, const char *name, const bench_entry *e, const bench_run *r) {
  const double calls = 1 / r->seconds.median;
  printf("%-18s %7d %s   %s to %s", name, r->threads, right_text(a, seconds_text(a, r->seconds.median), 9),
         right_text(a, seconds_text(a, r->seconds.low), 7), right_text(a, seconds_text(a, r->seconds.high), 7));
  printf(" %10.*f %9.1f %s %6.2f", calls < 100 ? 2 : 0, calls, (double)e->cost.operations * calls * 1e-9,
         right_text(a, percent_text(a, r->limit / r->seconds.median), 7), r->busy);
  printf(" %s %s%s\n", right_text(a, amount_text(a, (double)e->cost.parameter_bytes, "B"), 11),
         right_text(a, amount_text(a, (double)e->cost.scratch_bytes, "B"), 9), e->cost.open_loops ? " *" : "");
}

void bench_print_entry(arena *a, const bench_entry *e) {
  for (int i = 0; i < e->run_count; i++) print_run(a, i ? "" : e->name, e, &e->runs[i]);
  fflush(stdout);
}

void bench_print_peaks(arena *a, const bench *b) {
  bool open = false;
  for (int i = 0; i < b->entry_count; i++) open = open || b->entries[i].cost.open_loops;
  if (open)
    printf("  * GFLOP/s and limit count a loop with a condition as if it went on to its last turn, and one turn "
           "where it has no last.\n");
  if (!b->peaks[0]) return;
  for (int i = 0; i < b->lane_count; i++)
    printf("%s%sFLOP/s on %d thread%s", i ? ", " : "\npeak of multiply-adds in registers: ",
           amount_text(a, b->peaks[i], ""), b->entries[0].runs[i].threads, i ? "s" : "");
  putchar('\n');
}

/* ---- for programs ---------------------------------------------------------------------------- */

static void add_spread(cJSON *object, const char *name, const spread *s) {
  cJSON *list = cJSON_AddObjectToObject(object, name);
  cJSON_AddNumberToObject(list, "low", s->low);
  cJSON_AddNumberToObject(list, "median", s->median);
  cJSON_AddNumberToObject(list, "high", s->high);
}

static cJSON *run_json(const bench *b, const bench_entry *e, int lane) {
  const bench_run *r = &e->runs[lane];
  cJSON *run = cJSON_CreateObject();
  cJSON_AddNumberToObject(run, "threads", r->threads);
  cJSON_AddNumberToObject(run, "rounds", r->rounds);
  add_spread(run, "seconds", &r->seconds);
  cJSON_AddNumberToObject(run, "processor_seconds", r->processor);
  cJSON_AddNumberToObject(run, "busy", r->busy);
  cJSON_AddNumberToObject(run, "calls_per_second", 1 / r->seconds.median);
  cJSON_AddNumberToObject(run, "operations_per_second", (double)e->cost.operations / r->seconds.median);
  cJSON_AddNumberToObject(run, "peak_operations_per_second", b->peaks[lane]);
  cJSON_AddNumberToObject(run, "limit_seconds", r->limit);
  cJSON_AddNumberToObject(run, "limit_share", r->limit / r->seconds.median);
  return run;
}

static cJSON *entry_json(arena *a, const bench *b, const bench_entry *e) {
  cJSON *entry = cJSON_CreateObject();
  cJSON_AddStringToObject(entry, "name", e->name);
  json_add_whole(a, entry, "operations", e->cost.operations);
  json_add_whole(a, entry, "bytes_read", e->cost.bytes_read);
  json_add_whole(a, entry, "bytes_written", e->cost.bytes_written);
  json_add_whole(a, entry, "kernels", e->cost.kernels);
  json_add_whole(a, entry, "open_loops", e->cost.open_loops);
  json_add_whole(a, entry, "parameter_bytes", e->cost.parameter_bytes);
  json_add_whole(a, entry, "argument_bytes", e->argument_bytes);
  json_add_whole(a, entry, "scratch_bytes", e->cost.scratch_bytes);
  cJSON *runs = cJSON_AddArrayToObject(entry, "runs");
  for (int i = 0; i < e->run_count; i++) cJSON_AddItemToArray(runs, run_json(b, e, i));
  return entry;
}

void bench_print_json(arena *a, const bench *b) {
  json_set_up();
  cJSON *object = cJSON_CreateObject(), *entries;
  cJSON_AddStringToObject(object, "name", b->module->program->name);
  cJSON_AddStringToObject(object, "target", b->module->target->cpu);
  cJSON_AddStringToObject(object, "clock", b->clock == TIMER_CPU ? "cpu" : "wall");
  entries = cJSON_AddArrayToObject(object, "entries");
  for (int i = 0; i < b->entry_count; i++) cJSON_AddItemToArray(entries, entry_json(a, b, &b->entries[i]));
  json_print(object);
}
