#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "half.h"
#include "loop_text.h"
#include "scalar.h"

enum { DEEPEST = 200, MOST_OPERANDS = 8 };

/* A name in scope and what it stands for: one of the two pointers. */
typedef struct name {
  const char *text;
  const loop_variable *variable;
  loop_buffer *buffer;
} name;

typedef struct parser {
  arena *arena;
  diagnostics *diagnostics;
  const source *source;
  math_library *library;
  const char *at;
  int depth;
  name *names;
  int count;
  jmp_buf stop;
} parser;

/* ---- scanning ------------------------------------------------------------------------------ */

static location here(const parser *p) {
  location l = {.source = p->source, .line = 1, .column = 1};
  for (const char *c = p->source->text; c < p->at; c++) {
    l.column++;
    if (*c == '\n') l.line++, l.column = 1;
  }
  l.end_line = l.line;
  l.end_column = l.column + 1;
  return l;
}

static _Noreturn void fail(parser *p, const char *message) {
  diag_error(p->diagnostics, here(p), "%s", message);
  longjmp(p->stop, 1);
}

static void skip_blanks(parser *p) {
  while (*p->at == ' ' || *p->at == '\n' || *p->at == '\t') p->at++;
}

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* Takes the given text if it stands here; words only whole. */
static bool take_here(parser *p, const char *text) {
  size_t length = strlen(text);
  if (strncmp(p->at, text, length)) return false;
  if (is_word(text[length - 1]) && is_word(p->at[length])) return false;
  p->at += length;
  return true;
}

static bool take(parser *p, const char *text) {
  skip_blanks(p);
  return take_here(p, text);
}

static bool take_on_line(parser *p, const char *text) {
  while (*p->at == ' ' || *p->at == '	') p->at++;
  return take_here(p, text);
}

static void want(parser *p, const char *text) {
  if (!take(p, text)) fail(p, arena_printf(p->arena, "expected '%s'", text));
}

static const char *word(parser *p) {
  skip_blanks(p);
  const char *start = p->at;
  while (is_word(*p->at)) p->at++;
  if (p->at == start) fail(p, "expected a name");
  return arena_text_n(p->arena, start, (size_t)(p->at - start));
}

static int64_t integer(parser *p, int64_t least, int64_t most) {
  skip_blanks(p);
  char *end;
  errno = 0;
  long long value = strtoll(p->at, &end, 10);
  if (end == p->at) fail(p, "expected an integer");
  if (errno || value < least || value > most) fail(p, "the integer is out of range");
  p->at = end;
  return value;
}

/* A number of at most two digits, or -1. */
static int small_number(const char *text) {
  size_t length = strlen(text);
  return length > 0 && length <= 2 && strspn(text, "0123456789") == length ? atoi(text) : -1;
}

static bool are_lanes(int n) { return n >= 1 && n <= LOOP_MAX_LANES && !(n & (n - 1)); }

static loop_type type(parser *p) {
  const char *text = word(p), *x = strchr(text, 'x');
  const char *element = x ? arena_text_n(p->arena, text, (size_t)(x - text)) : text;
  loop_type t = {.lanes = x ? small_number(x + 1) : 1};
  if (!dtype_parse(element, &t.element)) fail(p, "expected a type such as f32 or f32x8");
  if (!are_lanes(t.lanes)) fail(p, "the number of lanes is a power of two up to 64");
  return t;
}

static loop_type element_type(parser *p) {
  loop_type t = type(p);
  if (t.lanes != 1) fail(p, "a type of one lane is wanted");
  return t;
}

/* ---- names --------------------------------------------------------------------------------- */

static const name *find(const parser *p, const char *text) {
  for (int i = p->count - 1; i >= 0; i--)
    if (!strcmp(p->names[i].text, text)) return &p->names[i];
  return NULL;
}

static const loop_variable *define_variable(parser *p, const char *text, loop_type t) {
  const loop_variable *v = loop_variable_new(p->arena, text, t);
  arena_push(p->arena, p->names, p->count) = (name){text, v, NULL};
  return v;
}

/* NAME: type[extents] */
static loop_buffer *define_buffer(parser *p, loop_space space) {
  const char *text = word(p);
  want(p, ":");
  loop_type t = space == LOOP_REG ? type(p) : element_type(p);
  int64_t extents[MAX_RANK];
  int rank = 0;
  want(p, "[");
  while (!take(p, "]")) {
    if (rank) want(p, ",");
    if (rank == MAX_RANK) fail(p, "a buffer has at most 8 axes");
    extents[rank++] = integer(p, 1, INT32_MAX);
  }
  loop_buffer *b = loop_buffer_new(p->arena, text, space, t, rank, extents);
  arena_push(p->arena, p->names, p->count) = (name){text, NULL, b};
  return b;
}

/* ---- expressions --------------------------------------------------------------------------- */

static const loop_expr *expr(parser *p);

static int list(parser *p, const loop_expr **items, const char *end) {
  int count = 0;
  while (!take(p, end)) {
    if (count) want(p, ",");
    if (count == MOST_OPERANDS) fail(p, "too many operands");
    items[count++] = expr(p);
  }
  return count;
}

static loop_buffer *access(parser *p, const loop_expr **index) {
  const char *text = word(p);
  const name *n = find(p, text);
  if (!n || !n->buffer) fail(p, arena_printf(p->arena, "no buffer is named %s", text));
  want(p, "[");
  if (list(p, index, "]") != n->buffer->rank) fail(p, "one index per axis is wanted");
  return n->buffer;
}

static const loop_expr *constant(parser *p) {
  const char *start = p->at;
  char *real_end, *int_end;
  double real = strtod(start, &real_end);
  errno = 0;
  long long whole = strtoll(start, &int_end, 10);
  bool fits = errno == 0;
  if (int_end > start && !strncmp(int_end, "..", 2)) real_end = int_end; /* 0..8 */
  if (real_end == start) fail(p, "expected an expression");
  p->at = real_end;
  loop_type t = loop_scalar(DTYPE_I64);
  if (*p->at == ':') {
    p->at++;
    t = element_type(p);
  } else if (int_end != real_end) {
    fail(p, "a constant that is no integer names its type: 0x1p-1:f32");
  }
  if (!dtype_is_float(t.element)) {
    if (int_end != real_end) fail(p, "an integer constant is wanted");
    if (!fits || scalar_wrap(t.element, whole) != whole) fail(p, "the constant is out of range");
  }
  return loop_constant(p->arena, t.element, half_round(t.element, real), whole);
}

/* Of the library, by the whole name: "exp_f32x8", "philox_i32x4", "philox_key". */
static const loop_function *function_named(parser *p, const char *text) {
  const char *underscore = strrchr(text, '_'), *x = underscore ? strchr(underscore, 'x') : NULL;
  if (!strcmp(text, "philox_key")) return math_philox_key(p->library);
  if (!underscore) return NULL;
  const char *stem = arena_text_n(p->arena, text, (size_t)(underscore - text));
  size_t length = x ? (size_t)(x - underscore - 1) : strlen(underscore + 1);
  int lanes = x ? small_number(x + 1) : 1;
  scalar_function f;
  dtype element;
  const loop_function *found = NULL;
  if (!are_lanes(lanes)) return NULL;
  if (!dtype_parse(arena_text_n(p->arena, underscore + 1, length), &element)) return NULL;
  if (!strcmp(stem, "philox"))
    found = math_philox(p->library, lanes);
  else if (scalar_parse(stem, &f))
    found = math_function(p->library, f, loop_vector(element, lanes));
  return found && !strcmp(found->name, text) ? found : NULL;
}

static void want_operands(parser *p, int got, int wanted) {
  if (got != wanted) fail(p, arena_printf(p->arena, "%d operands are wanted, not %d", wanted, got));
}

static void want_scalar(parser *p, const loop_expr *x, dtype element) {
  if (x->type.lanes != 1 || x->type.element != element)
    fail(p, arena_printf(p->arena, "an operand of type %s is wanted", dtype_name(element)));
}

/* load.LANES(buffer[index], mask) */
static const loop_expr *load(parser *p, int lanes) {
  const loop_expr *index[MOST_OPERANDS];
  if (!are_lanes(lanes)) fail(p, "the number of lanes is a power of two up to 64");
  loop_buffer *b = access(p, index);
  if (b->space == LOOP_REG && b->type.lanes != lanes) fail(p, "a register is read whole");
  const loop_expr *mask = take(p, ",") ? expr(p) : NULL;
  want(p, ")");
  return loop_load(p->arena, b, index, lanes, mask);
}

/* shuffle.PICK_PICK…(x, y) */
static const loop_expr *shuffle(parser *p, const char *detail, const loop_expr *x,
                                const loop_expr *y) {
  int picks[LOOP_MAX_LANES], lanes = 0;
  if (x->type.lanes == 1 || x->type.lanes != y->type.lanes || x->type.element != y->type.element)
    fail(p, "a shuffle is of two vectors of one type");
  for (const char *at = detail; *at; lanes++) {
    size_t length = strcspn(at, "_");
    int pick = length <= 3 ? atoi(at) : -1;
    if (length == 0 || strspn(at, "0123456789") != length || lanes == LOOP_MAX_LANES ||
        pick < 0 || pick >= 2 * x->type.lanes)
      fail(p, arena_printf(p->arena, "shuffle.%s means nothing here", detail));
    picks[lanes] = pick;
    at += length + (at[length] == '_');
  }
  if (lanes == 1 || !are_lanes(lanes)) fail(p, "the number of lanes is a power of two up to 64");
  return loop_shuffle(p->arena, x, y, lanes, picks);
}

/* NAME.DETAIL(operands) */
static const loop_expr *special(parser *p, const char *kind) {
  arena *a = p->arena;
  const char *detail = word(p);
  const loop_expr *x[MOST_OPERANDS];
  dtype element;
  scalar_function f;
  int number = small_number(detail);
  want(p, "(");
  if (!strcmp(kind, "load")) return load(p, number);
  int count = list(p, x, ")");
  if (!strcmp(kind, "call")) {
    const loop_function *callee = function_named(p, detail);
    if (!callee) fail(p, arena_printf(a, "no function is named %s", detail));
    want_operands(p, count, callee->parameter_count);
    return loop_call(a, callee, x);
  }
  if (!strcmp(kind, "shuffle")) {
    want_operands(p, count, 2);
    return shuffle(p, detail, x[0], x[1]);
  }
  bool pair = !strcmp(kind, "ramp") || !strcmp(kind, "insert");
  want_operands(p, count, pair ? 2 : 1);
  bool lane = number >= 0 && number < x[0]->type.lanes;
  dtype operand = x[0]->type.element;
  if (!strcmp(kind, "cast") && dtype_parse(detail, &element)) return loop_cast(a, x[0], element);
  if (!strcmp(kind, "bitcast") && dtype_parse(detail, &element) &&
      dtype_size(element) == dtype_size(operand))
    return loop_bitcast(a, x[0], element);
  if (!strcmp(kind, "reduce") && scalar_parse(detail, &f)) return loop_reduce(a, f, x[0]);
  if (!strcmp(kind, "extract") && lane) return loop_extract(a, x[0], number);
  if (pair) want_scalar(p, x[1], operand);
  if (!strcmp(kind, "insert") && lane) return loop_insert(a, x[0], number, x[1]);
  bool ramp = !strcmp(kind, "ramp") && dtype_is_integer(operand);
  if (!are_lanes(number) || !(ramp || !strcmp(kind, "splat")))
    fail(p, arena_printf(a, "%s.%s means nothing here", kind, detail));
  want_scalar(p, x[0], operand);
  return ramp ? loop_ramp(a, x[0], x[1], number) : loop_splat(a, x[0], number);
}

/* The builders take this for granted, so that constants can fold. */
static void check_operands(parser *p, scalar_function f, int count, const loop_expr *const *x) {
  dtype elements[MOST_OPERANDS], result;
  for (int i = 0; i < count; i++) {
    elements[i] = x[i]->type.element;
    if (x[i]->type.lanes != x[0]->type.lanes) fail(p, "the operands have different lanes");
  }
  const char *wrong = scalar_type(p->arena, f, elements, &result);
  if (wrong) fail(p, wrong);
}

static const loop_expr *operation(parser *p, const char *text) {
  scalar_function f;
  const loop_expr *x[MOST_OPERANDS];
  if (!scalar_parse(text, &f)) fail(p, arena_printf(p->arena, "no function is named %s", text));
  int count = list(p, x, ")");
  want_operands(p, count, scalar_infos[f].operands);
  check_operands(p, f, count, x);
  return loop_op(p->arena, f, x[0], count > 1 ? x[1] : NULL, count > 2 ? x[2] : NULL);
}

static const loop_expr *named(parser *p) {
  const char *start = p->at, *text = word(p);
  if (!strcmp(text, "nan") || !strcmp(text, "inf")) {
    p->at = start;
    return constant(p);
  }
  if (*p->at == '.' && p->at[1] != '.') {
    p->at++;
    return special(p, text);
  }
  if (take(p, "(")) return operation(p, text);
  const name *n = find(p, text);
  if (n && n->variable) return loop_var(p->arena, n->variable);
  p->at = start;
  if (!n) fail(p, arena_printf(p->arena, "nothing is named %s", text));
  const loop_expr *index[MOST_OPERANDS];
  loop_buffer *b = access(p, index);
  return loop_load(p->arena, b, index, 1, NULL);
}

static const loop_expr *expr(parser *p) {
  skip_blanks(p);
  if (++p->depth > DEEPEST) fail(p, "nested too deeply");
  bool starts_word = isalpha((unsigned char)*p->at) || *p->at == '_';
  const loop_expr *x = starts_word ? named(p) : constant(p);
  p->depth--;
  return x;
}

/* ---- statements ---------------------------------------------------------------------------- */

static void block(parser *p, loop_block *b);

static void for_statement(parser *p, loop_block *b) {
  const char *text = word(p);
  want(p, "in");
  const loop_expr *low = expr(p);
  want(p, "..");
  const loop_expr *high = expr(p);
  int64_t step = take(p, "step") ? integer(p, 1, INT32_MAX) : 1;
  loop_for_kind kind = take(p, "unroll") ? LOOP_UNROLL : take(p, "task") ? LOOP_TASK : LOOP_SEQ;
  int outer = p->count;
  const loop_variable *v = define_variable(p, text, loop_scalar(DTYPE_I64));
  block(p, &loop_for(p->arena, b, kind, v, low, high, step)->body);
  p->count = outer;
}

static void if_statement(parser *p, loop_block *b) {
  loop_stmt *s = loop_if(p->arena, b, expr(p));
  block(p, &s->body);
  if (take(p, "else")) block(p, &s->otherwise);
}

static void let_statement(parser *p, loop_block *b) {
  const char *text = word(p);
  want(p, ":");
  loop_type t = type(p);
  want(p, "=");
  const loop_expr *value = expr(p);
  if (value->type.element != t.element || value->type.lanes != t.lanes)
    fail(p, "the value has another type than the name");
  loop_stmt *s = arena_new_of(p->arena, loop_stmt); /* also where loop_let would make none */
  s->kind = LOOP_LET;
  s->value = value;
  s->variable = define_variable(p, text, t);
  loop_append(p->arena, b, s);
}

static void store_statement(parser *p, loop_block *b) {
  const loop_expr *index[MOST_OPERANDS];
  loop_buffer *to = access(p, index);
  want(p, "=");
  const loop_expr *value = expr(p);
  loop_store(p->arena, b, to, index, value, take_on_line(p, "if") ? expr(p) : NULL);
}

static void fetch_statement(parser *p, loop_block *b) {
  const loop_expr *index[MOST_OPERANDS];
  want(p, ".");
  int cache = (int)integer(p, 1, 2);
  loop_buffer *from = access(p, index);
  loop_fetch(p->arena, b, cache, from, index);
}

static void comment(parser *p, loop_block *b) {
  const char *start = p->at += *p->at == ' ';
  while (*p->at && *p->at != '\n') p->at++;
  loop_comment(p->arena, b, arena_text_n(p->arena, start, (size_t)(p->at - start)));
}

static void statement(parser *p, loop_block *b) {
  if (take(p, "for")) for_statement(p, b);
  else if (take(p, "if")) if_statement(p, b);
  else if (take(p, "let")) let_statement(p, b);
  else if (take(p, "store")) store_statement(p, b);
  else if (take(p, "fetch")) fetch_statement(p, b);
  else if (take(p, "#")) comment(p, b);
  else {
    bool reg = take(p, "reg");
    if (!reg && !take(p, "local")) fail(p, "expected a statement");
    loop_buffer *buffer = define_buffer(p, reg ? LOOP_REG : LOOP_LOCAL);
    loop_alloc(p->arena, b, buffer, take(p, "=") ? expr(p) : NULL);
  }
}

static void block(parser *p, loop_block *b) {
  if (++p->depth > DEEPEST) fail(p, "nested too deeply");
  int outer = p->count;
  want(p, "{");
  while (!take(p, "}")) statement(p, b);
  p->count = outer;
  p->depth--;
}

static loop_kernel *kernel(parser *p) {
  want(p, "kernel");
  loop_kernel *k = loop_kernel_new(p->arena, word(p));
  want(p, "(");
  while (!take(p, ")")) {
    if (k->parameter_count) want(p, ",");
    loop_access how = take(p, "inout") ? LOOP_INOUT : take(p, "out") ? LOOP_OUT : LOOP_IN;
    if (how == LOOP_IN) want(p, "in");
    loop_add_parameter(p->arena, k, define_buffer(p, LOOP_PARAMETER), how);
  }
  block(p, &k->body);
  return k;
}

loop_kernel *loop_parse(arena *a, diagnostics *d, const source *text, math_library *m) {
  parser *p = arena_new_of(a, parser);
  *p = (parser){.arena = a, .diagnostics = d, .source = text, .library = m, .at = text->text};
  if (setjmp(p->stop)) return NULL;
  loop_kernel *k = kernel(p);
  const char *wrong = loop_verify(a, k);
  if (!wrong) return k;
  diag_error(d, (location){.source = text, .line = 1, .column = 1, .end_line = 1, .end_column = 2},
             "%s", wrong);
  return NULL;
}
