#include "tuning.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "source.h"

static const char head[] = "dnnc tuning 1";
enum { CPU, KERNEL, SCHEDULE, ESTIMATED, MEASURED, FIELDS };
enum { MOST_LINES = 4096 };

/* ---- reading --------------------------------------------------------------------------------- */

/* A line under way. */
typedef struct reader {
  arena *arena;
  diagnostics *diagnostics;
  const source *source;
  tuning *tuning;
  const char *line; /* without blanks behind it */
  int number, length;
} reader;

/* Of bytes of the line, from one of them on. */
static location place(const reader *r, int from, int length) {
  return (location){.source = r->source, .line = r->number, .column = from + 1,
                    .end_line = r->number, .end_column = from + 1 + (length > 0 ? length : 1)};
}

typedef struct field {
  int from, length; /* in the line, without blanks around */
} field;

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static field trimmed(const char *line, int from, int end) {
  while (from < end && is_blank(line[from])) from++;
  while (end > from && is_blank(line[end - 1])) end--;
  return (field){from, end - from};
}

/* The fields between bars; how many there are, of which FIELDS are kept. */
static int split(const reader *r, field *fields) {
  int count = 0, from = 0;
  for (int i = 0; i <= r->length; i++) {
    if (i < r->length && r->line[i] != '|') continue;
    if (count < FIELDS) fields[count] = trimmed(r->line, from, i);
    count++;
    from = i + 1;
  }
  return count;
}

static const char *text_of(const reader *r, field f) { return arena_text_n(r->arena, r->line + f.from, (size_t)f.length); }

/* "43.1 us" in seconds; not above 0: it is no time. */
static double time_of(const reader *r, field f) {
  const char *text = text_of(r, f);
  char *end;
  if (*text < '0' || *text > '9') return 0;
  double time = strtod(text, &end);
  return strcmp(end, " us") == 0 && isfinite(time) ? time * 1e-6 : 0;
}

static bool is_cpu(const char *name) {
  for (int i = 0; target_names[i]; i++)
    if (strcmp(target_names[i], name) == 0 && strcmp(name, "native") != 0) return true;
  return false;
}

static const char *cpu_list(arena *a) {
  const char *list = "";
  for (int i = 0; target_names[i]; i++)
    if (strcmp(target_names[i], "native") != 0) list = arena_printf(a, "%s%s%s", list, *list ? ", " : "", target_names[i]);
  return list;
}

static const tuning_line *same_kernel(const tuning *t, const tuning_line *l) {
  for (int i = 0; i < t->count; i++)
    if (strcmp(t->lines[i].cpu, l->cpu) == 0 && strcmp(t->lines[i].kernel, l->kernel) == 0) return &t->lines[i];
  return NULL;
}

static void read_kernel(reader *r) {
  field f[FIELDS];
  diagnostics *d = r->diagnostics;
  int count = split(r, f);
  if (count != FIELDS) {
    diag_error(d, place(r, 0, r->length), "%d fields between bars where 5 were expected: "
               "PROCESSOR | KERNEL | SCHEDULE | TIME | TIME", count);
    return;
  }
  tuning_line l = {.cpu = text_of(r, f[CPU]), .kernel = text_of(r, f[KERNEL]), .schedule = text_of(r, f[SCHEDULE]),
                   .at = place(r, f[CPU].from, f[CPU].length),
                   .schedule_at = place(r, f[SCHEDULE].from, f[SCHEDULE].length)};
  double *const times[] = {&l.estimated_seconds, &l.seconds};
  for (int i = 0; i < 2; i++) {
    field time = f[ESTIMATED + i];
    *times[i] = time_of(r, time);
    if (*times[i] <= 0) diag_error(d, place(r, time.from, time.length), "a time above 0 was expected, as `43.1 us`");
  }
  if (!is_cpu(l.cpu)) diag_error(d, l.at, "no processor is called `%s`; known are %s", l.cpu, cpu_list(r->arena));
  if (!*l.kernel || !*l.schedule)
    diag_error(d, place(r, f[!*l.kernel ? KERNEL : SCHEDULE].from, 1), "a %s was expected between the bars",
               !*l.kernel ? "kernel" : "schedule");
  const tuning_line *other = same_kernel(r->tuning, &l);
  if (other) diag_error(d, l.at, "the kernel of line %d a second time; leave one of them", other->at.line);
  else if (r->tuning->count == MOST_LINES) diag_error(d, l.at, "more than %d kernels", MOST_LINES);
  else arena_push(r->arena, r->tuning->lines, r->tuning->count) = l;
}

static void read_line(reader *r, bool *headed) {
  const char *zero = memchr(r->line, 0, (size_t)r->length);
  if (zero) {
    diag_error(r->diagnostics, place(r, (int)(zero - r->line), 1), "text was expected, not a byte that is 0");
    return;
  }
  field all = trimmed(r->line, 0, r->length);
  if (all.length == 0 || r->line[all.from] == '#') return;
  r->length = all.from + all.length;
  if (*headed) {
    read_kernel(r);
    return;
  }
  *headed = true;
  if (strcmp(text_of(r, all), head) != 0)
    diag_error(r->diagnostics, place(r, all.from, all.length), "`%s` was expected, with which a file of `dnnc --tune` begins",
               head);
}

static bool choose(void *context, const contraction *c, const target *t, contraction_schedule *s);

tuning *tuning_parse(arena *a, diagnostics *d, const source *text) {
  tuning *t = arena_new_of(a, tuning);
  *t = (tuning){.arena = a, .diagnostics = d, .choices = {choose, t}};
  reader r = {.arena = a, .diagnostics = d, .source = text, .tuning = t};
  int before = diag_count(d);
  bool headed = false;
  const char *end = text->text + text->length;
  for (const char *at = text->text; at < end && (headed || diag_count(d) == before);) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    if (!stop) stop = end;
    r.line = at;
    r.length = stop - at < INT32_MAX ? (int)(stop - at) : INT32_MAX;
    r.number++;
    read_line(&r, &headed);
    at = stop + 1;
    if (diag_count(d) > before && t->count == 0) break; /* it is another file */
  }
  if (!headed && diag_count(d) == before)
    diag_error(d, (location){0}, "%s is empty; `dnnc --tune` writes such files", text->name);
  return diag_count(d) == before ? t : NULL;
}

tuning *tuning_read(arena *a, diagnostics *d, const char *path) {
  const source *text = source_read(a, d, path);
  return text ? tuning_parse(a, d, text) : NULL;
}

/* ---- use ------------------------------------------------------------------------------------- */

static void refuse(const tuning *t, const tuning_line *l, int byte, const char *what) {
  location at = l->schedule_at;
  at.column += byte;
  at.caret_line = at.line;
  at.caret_column = at.column;
  diag_error(t->diagnostics, at, "%s", what);
  diag_note(t->diagnostics, "measure again with `dnnc --tune`, or remove the line");
}

static bool choose(void *context, const contraction *c, const struct target *on, contraction_schedule *s) {
  tuning *t = context;
  t->cpu = on->cpu;
  const char *kernel = contraction_text(t->arena, c);
  for (int i = 0; i < t->count; i++) {
    tuning_line *l = &t->lines[i];
    if (strcmp(l->cpu, on->cpu) != 0 || strcmp(l->kernel, kernel) != 0) continue;
    l->used = true;
    const char *wrong = contraction_choice_parse(c, l->schedule, s);
    if (wrong)
      refuse(t, l, (int)(wrong - l->schedule), "a schedule of the kernel was expected, as "
             "`8 lanes along n; tile m 6, n 2; left direct; right copied; right first`");
    else if (!contraction_schedule_complete(c, on, s))
      refuse(t, l, 0, "this is no schedule that can be chosen for the kernel");
    else return true;
    return false;
  }
  return false;
}

const char *tuning_note(arena *a, const tuning *t) {
  int used = 0, other = 0;
  const char *name = "";
  for (int i = 0; i < t->count; i++) {
    used += t->lines[i].used;
    if (!t->cpu || strcmp(t->lines[i].cpu, t->cpu) == 0) continue;
    other++;
    name = t->lines[i].cpu;
  }
  if (other > 0)
    return arena_printf(a, "%d of %d kernels were measured for another processor (%s) than %s, and are ignored", other,
                        t->count, name, t->cpu);
  return used == 0 ? "none of its kernels occurs in this model" : NULL;
}

/* ---- writing --------------------------------------------------------------------------------- */

void tuning_print(FILE *out, const tuning *t) {
  fprintf(out, "%s\n# processor | kernel | schedule | time of the estimated choice | time of this one\n", head);
  for (int i = 0; i < t->count; i++) {
    const tuning_line *l = &t->lines[i];
    fprintf(out, "%s | %s | %s | %.4g us | %.4g us\n", l->cpu, l->kernel, l->schedule, l->estimated_seconds * 1e6,
            l->seconds * 1e6);
  }
}
