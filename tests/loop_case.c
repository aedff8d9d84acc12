#include "loop_case.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What a stream was given, in arena memory. */
static const char *taken(arena *a, FILE *out, char **text) {
  fclose(out);
  const char *copy = arena_text(a, *text);
  free(*text);
  return copy;
}

static FILE *stream(char **text, size_t *length) {
  FILE *out = open_memstream(text, length);
  assert_non_null(out);
  return out;
}

const char *loop_case_text(arena *a, const loop_kernel *k) {
  char *text = NULL;
  size_t length = 0;
  FILE *out = stream(&text, &length);
  loop_print(out, k);
  return taken(a, out, &text);
}

loop_kernel *loop_case_try(arena *a, const char *text, const char **said) {
  source *s = arena_new_of(a, source);
  *s = (source){.name = "test.loop", .text = text, .length = strlen(text)};
  diagnostics *d = diag_new(a);
  math_library *m = arena_new_of(a, math_library);
  m->arena = a;
  loop_kernel *k = loop_parse(a, d, s, m);
  assert_int_equal(k == NULL, diag_count(d) > 0);
  char *shown = NULL;
  size_t length = 0;
  FILE *out = stream(&shown, &length);
  diag_print(d, out);
  *said = taken(a, out, &shown);
  return k;
}

loop_kernel *loop_case_parse(arena *a, const char *text) {
  const char *said;
  loop_kernel *k = loop_case_try(a, text, &said);
  if (!k) fail_msg("%s in\n%s", said, text);
  return k;
}

void loop_case_round_trip(arena *a, const loop_kernel *k) {
  const char *text = loop_case_text(a, k);
  const loop_kernel *back = loop_case_parse(a, text);
  assert_string_equal(loop_case_text(a, back), text);
  if (!loop_equal(k, back)) fail_msg("not equal after a round trip:\n%s", text);
}
