#include "elaborator.h"

#include <stdarg.h>
#include <string.h>

enum { SHOWN_CALLS = 8 };

/* Once for each error: a repetition, or poison passing through, adds nothing. */
void elaborator_path(elaborator *e) {
  int shown = 0;
  if (diag_count(e->diagnostics) == e->noted) return;
  e->noted = diag_count(e->diagnostics);
  const ast *before = NULL;
  for (const frame *f = e->frame; f; f = f->caller) {
    bool repeated = before == f->lexical->root; /* recursion */
    before = f->lexical->root;
    if (!f->name || repeated) continue;
    if (shown++ == SHOWN_CALLS) {
      diag_note(e->diagnostics, "  ...");
      return;
    }
    diag_note(e->diagnostics, "  in %s, called at %s", f->name,
              diag_place(e->arena, f->called_at));
  }
}

value elaborator_error(elaborator *e, location at, const char *format, ...) {
  if (e->halted) return (value){0};
  va_list arguments;
  va_start(arguments, format);
  const char *message = arena_vprintf(e->arena, format, arguments);
  va_end(arguments);
  diag_error(e->diagnostics, at, "%s", message);
  elaborator_path(e);
  if (diag_count(e->diagnostics) >= MOST_ERRORS) e->halted = true;
  return (value){0};
}

value elaborator_refuse(elaborator *e, location at, const char *what) {
  return elaborator_error(e, at, "%s: not supported yet", what);
}

value elaborator_unknown(elaborator *e, location at, const char *kind, const char *name,
                         const char *const *names, int count) {
  const char *nearest = diag_nearest(name, names, count);
  if (nearest)
    return elaborator_error(e, at, "there is no %s `%s`; do you mean `%s`?", kind, name, nearest);
  return elaborator_error(e, at, "there is no %s `%s`", kind, name);
}

location elaborator_place(const elaborator *e, location at) {
  at.called = e->frame ? e->frame->called : NULL;
  return at;
}

bool elaborator_at(elaborator *e, location at) {
  if (e->halted) return false;
  e->graph->at = elaborator_place(e, at);
  bool large = e->graph->node_count > MOST_NODES;
  if (++e->work <= MOST_WORK && !large) return true;
  elaborator_error(e, at, "the program is too large: more than %d %s",
                   large ? MOST_NODES : MOST_WORK,
                   large ? "operations in one entry" : "expressions after unrolling");
  e->halted = true;
  return false;
}

bool elaborator_sink(elaborator *e, location at) {
  if (!elaborator_at(e, at)) return false;
  if (e->nested < MOST_NESTED) {
    e->nested++;
    return true;
  }
  elaborator_error(e, at, "expressions and calls nest deeper than %d", MOST_NESTED);
  e->halted = true;
  return false;
}

void elaborator_rise(elaborator *e) {
  e->nested--;
}

value elaborator_tuple(elaborator *e, location at, int count, const value *items,
                       const char *const *keys) {
  for (int i = 0; i < count; i++)
    if (value_is_poison(items[i])) return (value){0};
  value v = value_tuple(e->arena, count, items, keys);
  if (v.tuple->depth > MOST_TUPLES_DEEP)
    return elaborator_error(e, at, "tuples nest deeper than %d", MOST_TUPLES_DEEP);
  if (v.tuple->leaves > MOST_LEAVES)
    return elaborator_error(e, at, "a tuple of more than %d values", MOST_LEAVES);
  return v;
}

value elaborator_node(elaborator *e, node *n) {
  if (!n) elaborator_path(e);
  return value_tensor(n);
}

bool elaborator_enter(elaborator *e, frame *f) {
  frame *caller = e->frame;
  f->caller = caller;
  f->depth = caller ? caller->depth + 1 : 0;
  if (!f->indices) f->indices = "";
  if (f->depth > MOST_CALLS_DEEP) {
    elaborator_error(e, f->called_at,
                     "calls nest deeper than %d; does %s call itself without an end?",
                     MOST_CALLS_DEEP, f->name ? f->name : "a function");
    e->halted = true;
    return false;
  }
  f->called = caller ? caller->called : NULL;
  if (f->name) {
    location *called = arena_new_of(e->arena, location);
    *called = f->called_at;
    called->called = f->called;
    f->called = called;
  }
  e->frame = f;
  return true;
}

void elaborator_leave(elaborator *e) {
  e->frame = e->frame->caller;
}

const lexical *elaborator_lexical(elaborator *e, const ast *root) {
  if (root->kind != AST_FUNCTION) return lexical_new(e->arena, root);
  for (int i = 0; i < e->lexical_count; i++)
    if (e->lexicals[i]->root == root) return e->lexicals[i];
  return arena_push(e->arena, e->lexicals, e->lexical_count) = lexical_new(e->arena, root);
}

const char *elaborator_label(elaborator *e, const ast *site) {
  const call_site *s = lexical_find(e->frame->lexical, site);
  ensure(s);
  return arena_printf(e->arena, "%s_%d%s", s->name, s->ordinal, e->frame->indices);
}

const char *elaborator_site(elaborator *e, const char *label) {
  return arena_printf(e->arena, "%s/%s", e->frame->site, label);
}

bool elaborator_element(elaborator *e, location at, const char *name, dtype *out) {
  if (!dtype_parse(name, out)) {
    const char *names[DTYPE_COUNT];
    for (int i = 0; i < DTYPE_COUNT; i++) names[i] = dtype_name((dtype)i);
    elaborator_unknown(e, at, "element type", name, names, DTYPE_COUNT);
    return false;
  }
  if (*out == DTYPE_F32 || e->real == DTYPE_F64) *out = dtype_is_float(*out) ? e->real : *out;
  return true;
}

bool elaborator_integer(elaborator *e, location at, value v, const char *what, int64_t *out) {
  if (value_is_poison(v)) return false;
  if (!value_is_integer(v)) {
    elaborator_error(e, at, "%s is an integer known at compile time, not %s", what,
                     value_words(e->arena, v));
    return false;
  }
  *out = v.number.numerator;
  return true;
}

bool elaborator_extent(elaborator *e, location at, value v, const char *what, dim *out) {
  *out = (dim){0};
  if (!value_is(v, VALUE_SIZE)) return elaborator_integer(e, at, v, what, &out->maximum);
  *out = v.size;
  return true;
}
