#include <ctype.h>
#include <math.h>
#include <string.h>

#include "loop_text.h"
#include "scalar.h"
#include "text_stream.h"

/* A variable or buffer and the name that it is printed with. */
typedef struct name {
  const void *item;
  char *text;
} name;

typedef struct printer {
  FILE *out;
  int depth;
  bool numbered; /* names are numbers in order of appearance: for comparison */
  arena *arena;
  name *names;
  int count;
} printer;

static bool is_taken(const printer *p, const char *text) {
  if (!strcmp(text, "nan") || !strcmp(text, "inf")) return true; /* constants */
  for (int i = 0; i < p->count; i++)
    if (!strcmp(p->names[i].text, text)) return true;
  return false;
}

/* The name as letters, digits and underscores, which the parser reads back. */
static char *as_word(arena *a, const char *text) {
  bool starts = isalpha((unsigned char)*text) || *text == '_';
  char *word = arena_printf(a, "%s%s", starts ? "" : "_", text);
  for (char *c = word; *c; c++)
    if (!isalnum((unsigned char)*c)) *c = '_';
  return word;
}

/* The name from here on; where one item is defined twice, such as the variable of two loops, it gets
 * two names. */
static const char *define(printer *p, const void *item, const char *wanted) {
  char *word = p->numbered ? arena_printf(p->arena, "_%d", p->count) : as_word(p->arena, wanted);
  char *text = word;
  for (int n = 2; !p->numbered && is_taken(p, text); n++) text = arena_printf(p->arena, "%s_%d", word, n);
  arena_push(p->arena, p->names, p->count) = (name){item, text};
  return text;
}

static const char *name_of(printer *p, const void *item, const char *wanted) {
  for (int i = p->count - 1; i >= 0; i--)
    if (p->names[i].item == item) return p->names[i].text;
  return define(p, item, wanted);
}

static const char *variable_name(printer *p, const loop_variable *v) { return name_of(p, v, v->name); }
static const char *buffer_name(printer *p, const loop_buffer *b) { return name_of(p, b, b->name); }

static void print_type(printer *p, loop_type t) {
  fputs(dtype_name(t.element), p->out);
  if (t.lanes > 1) fprintf(p->out, "x%d", t.lanes);
}

static void print_expr(printer *p, const loop_expr *x);

static void print_list(printer *p, int count, const loop_expr *const *items) {
  for (int i = 0; i < count; i++) {
    if (i) fputs(", ", p->out);
    print_expr(p, items[i]);
  }
}

static void print_access(printer *p, const loop_buffer *b, const loop_expr *const *index) {
  fprintf(p->out, "%s[", buffer_name(p, b));
  print_list(p, b->rank, index);
  fputc(']', p->out);
}

static void print_constant(printer *p, const loop_expr *x) {
  dtype t = x->type.element;
  if (!dtype_is_float(t))
    fprintf(p->out, "%lld", (long long)x->integer);
  else if (isnan(x->real))
    fputs("nan", p->out);
  else
    fprintf(p->out, "%a", x->real);
  if (t != DTYPE_I64) fprintf(p->out, ":%s", dtype_name(t));
}

static void print_load(printer *p, const loop_expr *x) {
  bool plain = !x->mask && x->type.lanes == x->buffer->type.lanes;
  if (!plain) fprintf(p->out, "load.%d(", x->type.lanes);
  print_access(p, x->buffer, x->operands);
  if (x->mask) {
    fputs(", ", p->out);
    print_expr(p, x->mask);
  }
  if (!plain) fputc(')', p->out);
}

/* "shuffle.0_2_4_6" */
static void print_picks(printer *p, const loop_expr *x) {
  fputs("shuffle", p->out);
  for (int i = 0; i < x->type.lanes; i++) fprintf(p->out, "%c%d", i ? '_' : '.', x->picks[i]);
}

static void print_call(printer *p, const loop_expr *x) {
  switch (x->kind) {
    case LOOP_OP: fputs(scalar_infos[x->function].name, p->out); break;
    case LOOP_CAST: fprintf(p->out, "cast.%s", dtype_name(x->type.element)); break;
    case LOOP_BITCAST: fprintf(p->out, "bitcast.%s", dtype_name(x->type.element)); break;
    case LOOP_SPLAT: fprintf(p->out, "splat.%d", x->type.lanes); break;
    case LOOP_RAMP: fprintf(p->out, "ramp.%d", x->type.lanes); break;
    case LOOP_REDUCE: fprintf(p->out, "reduce.%s", scalar_infos[x->function].name); break;
    case LOOP_EXTRACT: fprintf(p->out, "extract.%d", x->lane); break;
    case LOOP_INSERT: fprintf(p->out, "insert.%d", x->lane); break;
    case LOOP_SHUFFLE: print_picks(p, x); break;
    case LOOP_CALL: fprintf(p->out, "call.%s", x->callee->name); break;
    default: internal_error("no text for expression kind %d", x->kind);
  }
  fputc('(', p->out);
  print_list(p, x->operand_count, x->operands);
  fputc(')', p->out);
}

static void print_expr(printer *p, const loop_expr *x) {
  if (x->kind == LOOP_CONSTANT)
    print_constant(p, x);
  else if (x->kind == LOOP_VARIABLE)
    fputs(variable_name(p, x->variable), p->out);
  else if (x->kind == LOOP_LOAD)
    print_load(p, x);
  else
    print_call(p, x);
}

/* ---- statements ---------------------------------------------------------------------------- */

static void begin_line(printer *p) { fprintf(p->out, "%*s", 2 * p->depth, ""); }

static void print_block(printer *p, const loop_block *b);

static void print_for(printer *p, const loop_stmt *s) {
  static const char *const kinds[] = {"", " unroll", " task"};
  fprintf(p->out, "for %s in ", define(p, s->variable, s->variable->name));
  print_expr(p, s->low);
  fputs("..", p->out);
  print_expr(p, s->high);
  if (s->step != 1) fprintf(p->out, " step %lld", (long long)s->step);
  fprintf(p->out, "%s ", kinds[s->for_kind]);
  print_block(p, &s->body);
}

static void print_buffer(printer *p, const loop_buffer *b) {
  fprintf(p->out, "%s: ", define(p, b, b->name));
  print_type(p, b->type);
  fputc('[', p->out);
  for (int i = 0; i < b->rank; i++) fprintf(p->out, "%s%lld", i ? ", " : "", (long long)b->extents[i]);
  fputc(']', p->out);
}

static void print_assignment(printer *p, const loop_expr *value, const loop_expr *mask) {
  fputs(" = ", p->out);
  print_expr(p, value);
  if (!mask) return;
  fputs(" if ", p->out);
  print_expr(p, mask);
}

static void print_statement(printer *p, const loop_stmt *s) {
  begin_line(p);
  switch (s->kind) {
    case LOOP_FOR: print_for(p, s); break;
    case LOOP_ALLOC:
      fputs(s->buffer->space == LOOP_REG ? "reg " : "local ", p->out);
      print_buffer(p, s->buffer);
      if (s->value) print_assignment(p, s->value, NULL);
      break;
    case LOOP_LET:
      fprintf(p->out, "let %s: ", define(p, s->variable, s->variable->name));
      print_type(p, s->variable->type);
      print_assignment(p, s->value, NULL);
      break;
    case LOOP_STORE:
      fputs("store ", p->out);
      print_access(p, s->buffer, s->index);
      print_assignment(p, s->value, s->mask);
      break;
    case LOOP_FETCH:
      fprintf(p->out, "fetch.%d ", s->cache);
      print_access(p, s->buffer, s->index);
      break;
    case LOOP_IF:
      fputs("if ", p->out);
      print_expr(p, s->condition);
      fputc(' ', p->out);
      print_block(p, &s->body);
      if (s->otherwise.count) {
        fputs(" else ", p->out);
        print_block(p, &s->otherwise);
      }
      break;
    case LOOP_COMMENT: fprintf(p->out, "# %s", p->numbered ? "" : s->text); break;
  }
  fputc('\n', p->out);
}

static void print_block(printer *p, const loop_block *b) {
  fputs("{\n", p->out);
  p->depth++;
  for (int i = 0; i < b->count; i++) print_statement(p, b->statements[i]);
  p->depth--;
  begin_line(p);
  fputc('}', p->out);
}

static void print_kernel(FILE *out, const loop_kernel *k, bool numbered) {
  static const char *const accesses[] = {"in ", "out ", "inout "};
  printer p = {.out = out, .numbered = numbered, .arena = arena_new()};
  fprintf(out, "kernel %s(", numbered ? "_" : k->name);
  for (int i = 0; i < k->parameter_count; i++) {
    fprintf(out, "%s%s", i ? ", " : "", accesses[k->parameters[i]->access]);
    print_buffer(&p, k->parameters[i]);
  }
  fputs(") ", out);
  print_block(&p, &k->body);
  fputc('\n', out);
  arena_free(p.arena);
}

void loop_print(FILE *out, const loop_kernel *k) { print_kernel(out, k, false); }

void loop_print_function(FILE *out, const loop_function *f) {
  printer p = {.out = out, .arena = arena_new()};
  fprintf(out, "function %s(", f->name);
  for (int i = 0; i < f->parameter_count; i++) {
    fprintf(out, "%s%s: ", i ? ", " : "", variable_name(&p, f->parameters[i]));
    print_type(&p, f->parameters[i]->type);
  }
  fputs(") {\n", out);
  p.depth = 1;
  for (int i = 0; i < f->body.count; i++) print_statement(&p, f->body.statements[i]);
  fputs("  return ", out);
  print_expr(&p, f->result);
  fputs("\n}\n", out);
  arena_free(p.arena);
}

static char *numbered_text(arena *a, const loop_kernel *k) {
  text_stream s;
  text_stream_open(&s, a);
  print_kernel(s.out, k, true);
  return text_stream_close(&s);
}

bool loop_equal(const loop_kernel *a, const loop_kernel *b) {
  if (a == b) return true;
  if (a->parameter_count != b->parameter_count || a->body.count != b->body.count) return false;
  arena *memory = arena_new();
  bool equal = !strcmp(numbered_text(memory, a), numbered_text(memory, b));
  arena_free(memory);
  return equal;
}
