#include "random_scope.h"

#include <string.h>

#include "tensor.h"

enum { MOST_ELEMENTS = 1500 };

/* ---- values -----------------------------------------------------------------------------------
 */

bool operand_is(const operand *v, int elements) { return elements >> v->element & 1; }

uint32_t operand_sized_axes(const operand *v) {
  uint32_t axes = 0;
  for (int i = 0; i < v->rank; i++) axes |= (uint32_t)(v->dims[i] >= SIZED) << i;
  return axes;
}

bool operand_has_axes(const operand *v, int asked) {
  uint32_t sized = operand_sized_axes(v);
  if (asked & FIRST_SIZED) return sized == 1;
  if (asked & ALL_KNOWN) return sized == 0;
  if (asked & SIZE_LEADS && sized > 1) return false;
  return !(asked & FIRST_KNOWN && sized & 1) &&
         !(asked & LAST_KNOWN && v->rank && sized >> (v->rank - 1));
}

int operand_known_axis(const operand *v, uint32_t number) {
  for (int i = 0; i < v->rank; i++) {
    int axis = (int)((number + (uint32_t)i) % (uint32_t)v->rank);
    if (v->dims[axis] < SIZED) return axis;
  }
  return -1;
}

operand operand_of(dtype element, int rank, const int64_t *dims) {
  operand v = {.element = element, .rank = rank};
  for (int i = 0; i < rank; i++) v.dims[i] = dims[i];
  return v;
}

operand operand_scalar(dtype element) { return operand_of(element, 0, NULL); }

int64_t operand_elements(const operand *v) {
  int64_t count = 1;
  for (int i = 0; i < v->rank; i++) count *= v->dims[i] % SIZED;
  return count;
}

int64_t operand_last(const operand *v) { return v->rank ? v->dims[v->rank - 1] : 0; }

bool operand_same_shape(const operand *x, const operand *y) {
  return x->rank == y->rank && memcmp(x->dims, y->dims, (size_t)x->rank * sizeof *x->dims) == 0;
}

static const char *extent_text(arena *a, int64_t extent) {
  return extent >= SIZED ? "n" : arena_printf(a, "%lld", (long long)extent);
}

const char *scope_list(arena *a, int count, const int64_t *items) {
  const char *text = "";
  for (int i = 0; i < count; i++)
    text = arena_printf(a, "%s%s%s", text, i ? ", " : "", extent_text(a, items[i]));
  return text;
}

const char *operand_sizes(generator *g, const operand *v) {
  return scope_list(g->arena, v->rank, v->dims);
}

const char *operand_type(generator *g, const operand *v) {
  if (v->rank == 0) return dtype_name(v->element);
  return arena_printf(g->arena, "%s[%s]", dtype_name(v->element), operand_sizes(g, v));
}

/* ---- text ------------------------------------------------------------------------------------ */

static const char *variable(generator *g, char name, const operand *x, const operand *y) {
  const long long extents[] = {g->rows, g->columns, g->width};
  switch (name) {
    case 'x': return x->text;
    case 'y': return y->text;
    case 's': return operand_sizes(g, x);
    case 'd': return extent_text(g->arena, x->dims[0]);
    case 'n': return extent_text(g->arena, operand_last(x));
    case 'f': return g->suffix;
    default: return TEXT("%lld", extents[name - 'a']);
  }
}

const char *scope_fill(generator *g, const char *text, const operand *x, const operand *y) {
  const char *filled = "";
  for (const char *at; (at = strchr(text, '$')); text = at + 2)
    filled = TEXT("%s%.*s%s", filled, (int)(at - text), text, variable(g, at[1], x, y));
  return TEXT("%s%s", filled, text);
}

/* ---- scopes ---------------------------------------------------------------------------------- */

static void put(scope *s, int at, const char *text, operand v) {
  v.text = text;
  v.from = dtype_is_float(v.element) ? (source_set)1 << at : 0;
  s->values[at] = v;
}

const char *scope_at_top(generator *g, const char *name) {
  return arena_printf(g->arena, "%s%s", name, g->suffix);
}

void scope_open(generator *g, scope *s, bool sized) {
  const int64_t b = g->columns, c = g->width, a = sized ? SIZED + g->bound : g->rows,
                pictures = sized ? a : 2;
  *s = (scope){.count = SOURCES, .body = "", .tail = "", .sized = sized};
  put(s, X, "x", operand_of(DTYPE_F32, 2, (int64_t[]){a, b}));
  put(s, Y, "y", operand_of(DTYPE_F32, 2, (int64_t[]){b, c}));
  put(s, V, "v", operand_of(DTYPE_F32, 1, &b));
  put(s, S, "s", operand_scalar(DTYPE_F32));
  put(s, P, "p", operand_of(DTYPE_F32, 4, (int64_t[]){pictures, 2, 5, 6}));
  put(s, Q, "q", operand_of(DTYPE_F32, 4, (int64_t[]){4, 2, 2, 3}));
  put(s, R, "r", operand_of(DTYPE_F32, 3, (int64_t[]){a, 2, 7}));
  put(s, O, "o", operand_of(DTYPE_F32, 5, (int64_t[]){1, 2, 3, 4, 5}));
  put(s, D, "d", operand_of(DTYPE_F64, 1, sized ? &a : &b));
  put(s, K, "k", operand_of(DTYPE_I32, 1, &a));
  put(s, L, "l", operand_of(DTYPE_I64, 1, &b));
  put(s, U, "u", operand_of(DTYPE_U8, 2, (int64_t[]){a, b}));
  put(s, J, "j", operand_of(DTYPE_I8, 2, (int64_t[]){b, c}));
  put(s, B, "b", operand_of(DTYPE_BOOL, 2, (int64_t[]){a, b}));
  put(s, H, "h", operand_of(DTYPE_F16, 2, (int64_t[]){a, b}));
  put(s, T, "t", operand_of(DTYPE_BF16, 2, (int64_t[]){b, c}));
  put(s, F, "f", operand_of(DTYPE_F32, 2, (int64_t[]){300, 20}));
  put(s, W, scope_at_top(g, "w"), operand_of(DTYPE_F32, 2, (int64_t[]){b, c}));
  put(s, A, scope_at_top(g, "a"), operand_scalar(DTYPE_F32));
  put(s, G, scope_at_top(g, "g"), operand_of(DTYPE_F16, 1, &c));
  put(s, M, scope_at_top(g, "m"), operand_of(DTYPE_F32, 2, (int64_t[]){g->rows, b}));
  put(s, C, scope_at_top(g, "c"), operand_scalar(DTYPE_I32));
  put(s, E, scope_at_top(g, "e"), operand_of(DTYPE_I64, 1, &b));
  put(s, N, scope_at_top(g, "z"), operand_of(DTYPE_BOOL, 1, &g->rows));
}

/* True of what any construct may pick: the long input takes the others' time. */
static bool offered(const scope *s, int at) { return s->values[at].text && at != F; }

static bool fits(const scope *s, int at, int elements, int least, int most) {
  const operand *v = &s->values[at];
  return offered(s, at) && operand_is(v, elements) && operand_has_axes(v, elements) && v->rank >= least &&
         v->rank <= most;
}

operand scope_use(scope *s, int at) {
  s->used[at] = true;
  s->size_used |= operand_sized_axes(&s->values[at]) > 0;
  return s->values[at];
}

static int fitting(const scope *s, int from, int elements, int least, int most) {
  int count = 0;
  for (int i = from; i < s->count; i++) count += fits(s, i, elements, least, most);
  return count;
}

operand scope_pick(scope *s, uint32_t number, int elements, int least, int most) {
  int from = number % 4 ? SOURCES : 0, count = fitting(s, from, elements, least, most);
  if (count == 0) count = fitting(s, 0, elements, least, most);
  int left = count ? (int)(number / 4 % (uint32_t)count) : 0;
  for (int i = s->count - 1; i >= 0; i--)
    if (fits(s, i, elements, least, most) && left-- == 0) return scope_use(s, i);
  internal_error("nothing of rank %d to %d to pick", least, most);
}

operand scope_pick_where(scope *s, uint32_t number, const operand *like,
                         bool (*good)(const operand *candidate, const operand *like),
                         operand otherwise) {
  uint32_t definitions = (uint32_t)(s->count - SOURCES), count = (uint32_t)s->count;
  uint32_t back = number / 4 % (number % 4 && definitions ? definitions : count);
  for (uint32_t i = 0; i < count; i++) {
    int at = (int)((2 * count - 1 - i - back) % count);
    if (offered(s, at) && good(&s->values[at], like)) return scope_use(s, at);
  }
  return otherwise;
}

void scope_define(generator *g, scope *s, const char *text, operand v) {
  if (s->count == MOST_VALUES || v.rank > MOST_RANK || operand_elements(&v) > MOST_ELEMENTS) return;
  v.text = arena_printf(g->arena, "v%d", s->count - SOURCES);
  if (dtype_is_float(v.element))
    v.from |= (source_set)1 << s->count;
  else
    v.from = 0;
  s->body = arena_printf(g->arena, "%s  %s = %s\n", s->body, v.text, text);
  s->values[s->count++] = v;
}

bool operand_broadcasts(const operand *x, const operand *like) {
  dtype common;
  if (!dtype_promote(x->element, like->element, &common)) return false;
  for (int i = 1; i <= x->rank && i <= like->rank; i++) {
    int64_t p = x->dims[x->rank - i], q = like->dims[like->rank - i];
    if (p != q && p != 1 && q != 1) return false;
  }
  return true;
}

operand operand_broadcast(const operand *x, const operand *y) {
  operand v = x->rank >= y->rank ? *x : *y;
  for (int i = 1; i <= v.rank; i++) {
    int64_t p = i <= x->rank ? x->dims[x->rank - i] : 1,
            q = i <= y->rank ? y->dims[y->rank - i] : 1;
    v.dims[v.rank - i] = p > q ? p : q;
  }
  dtype_promote(x->element, y->element, &v.element);
  v.from = x->from | y->from;
  return v;
}

bool operand_same_type(const operand *x, const operand *like) {
  return x->element == like->element && operand_same_shape(x, like);
}

operand scope_alike(scope *s, uint32_t number, const operand *x) {
  return scope_pick_where(s, number, x, operand_same_type, *x);
}

operand scope_partner(scope *s, uint32_t number, const operand *x) {
  operand half = {.text = dtype_is_float(x->element) ? "0.5" : "2", .element = x->element};
  return scope_pick_where(s, number, x, operand_broadcasts, half);
}

operand operand_without_axis(operand x, int axis) {
  for (int i = axis; i + 1 < x.rank; i++) x.dims[i] = x.dims[i + 1];
  x.rank--;
  return x;
}

bool operand_is_picture(const operand *x, const operand *like) {
  (void)like;
  return x->element == DTYPE_F32 && x->rank == 4 && x->dims[1] == 2 && x->dims[2] >= 4 &&
         x->dims[3] >= 5 && operand_sized_axes(x) <= 1;
}

/* ---- forms ----------------------------------------------------------------------------------- */

static operand shaped(operand x, form_shape shape) {
  int64_t elements = operand_elements(&x);
  switch (shape) {
    case LIKE: return x;
    case SCALAR: x.rank = 0; return x;
    case ROWS: return operand_without_axis(x, x.rank - 1);
    case COLUMNS: return operand_without_axis(x, 0);
    case FLAT: x.rank = 1, x.dims[0] = elements; return x;
    case PAIRS: x.rank = 1, x.dims[0] = 2 * elements; return x;
    case SQUARE: x.dims[0] = x.dims[1]; return x;
  }
  internal_error("shape %d", (int)shape);
}

void form_build(generator *g, scope *s, const uint32_t *n, const source_form *f) {
  operand x = scope_pick(s, n[2], f->elements, f->least, f->most), v = shaped(x, f->shape), y = x;
  if (strchr(f->text, '\n')) y.text = TEXT("v%d", s->count - SOURCES);
  else if (strstr(f->text, "$y")) y = scope_alike(s, n[3], &x);
  v.from = f->constant || !dtype_is_float(x.element) ? 0 : x.from | y.from;
  if (f->element != AS_X) v.element = (dtype)f->element;
  scope_define(g, s, scope_fill(g, f->text, &x, &y), v);
}
