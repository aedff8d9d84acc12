#include "random_scope.h"

#include <string.h>

#include "tensor.h"

enum { MOST_ELEMENTS = 1500 };

/* ---- values -----------------------------------------------------------------------------------
 */

bool operand_is(const operand *v, int elements) { return elements >> v->element & 1; }

operand operand_of(dtype element, int rank, const int64_t *dims) {
  operand v = {.element = element, .rank = rank};
  for (int i = 0; i < rank; i++) v.dims[i] = dims[i];
  return v;
}

operand operand_scalar(dtype element) { return operand_of(element, 0, NULL); }

int64_t operand_elements(const operand *v) {
  int64_t count = 1;
  for (int i = 0; i < v->rank; i++) count *= v->dims[i];
  return count;
}

int64_t operand_last(const operand *v) { return v->rank ? v->dims[v->rank - 1] : 0; }

bool operand_same_shape(const operand *x, const operand *y) {
  return x->rank == y->rank && memcmp(x->dims, y->dims, (size_t)x->rank * sizeof *x->dims) == 0;
}

const char *scope_list(arena *a, int count, const int64_t *items) {
  const char *text = "";
  for (int i = 0; i < count; i++)
    text = arena_printf(a, "%s%s%lld", text, i ? ", " : "", (long long)items[i]);
  return text;
}

const char *operand_sizes(generator *g, const operand *v) {
  return scope_list(g->arena, v->rank, v->dims);
}

const char *operand_type(generator *g, const operand *v) {
  if (v->rank == 0) return dtype_name(v->element);
  return arena_printf(g->arena, "%s[%s]", dtype_name(v->element), operand_sizes(g, v));
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

void scope_open(generator *g, scope *s) {
  const int64_t a = g->rows, b = g->columns, c = g->width;
  *s = (scope){.count = SOURCES, .body = "", .tail = ""};
  put(s, X, "x", operand_of(DTYPE_F32, 2, (int64_t[]){a, b}));
  put(s, Y, "y", operand_of(DTYPE_F32, 2, (int64_t[]){b, c}));
  put(s, V, "v", operand_of(DTYPE_F32, 1, &b));
  put(s, S, "s", operand_scalar(DTYPE_F32));
  put(s, P, "p", operand_of(DTYPE_F32, 4, (int64_t[]){2, 2, 5, 6}));
  put(s, Q, "q", operand_of(DTYPE_F32, 4, (int64_t[]){4, 2, 2, 3}));
  put(s, D, "d", operand_of(DTYPE_F64, 1, &b));
  put(s, K, "k", operand_of(DTYPE_I32, 1, &a));
  put(s, L, "l", operand_of(DTYPE_I64, 1, &b));
  put(s, U, "u", operand_of(DTYPE_U8, 2, (int64_t[]){a, b}));
  put(s, B, "b", operand_of(DTYPE_BOOL, 2, (int64_t[]){a, b}));
  put(s, H, "h", operand_of(DTYPE_F16, 1, &b));
  put(s, T, "t", operand_of(DTYPE_BF16, 1, &c));
  put(s, W, scope_at_top(g, "w"), operand_of(DTYPE_F32, 2, (int64_t[]){b, c}));
  put(s, M, scope_at_top(g, "m"), operand_of(DTYPE_F32, 2, (int64_t[]){a, b}));
  put(s, C, scope_at_top(g, "c"), operand_scalar(DTYPE_I32));
}

static bool fits(const operand *v, int elements, int least, int most) {
  return v->text && operand_is(v, elements) && v->rank >= least && v->rank <= most;
}

operand scope_use(scope *s, int at) {
  s->used[at] = true;
  return s->values[at];
}

operand scope_pick(scope *s, uint32_t number, int elements, int least, int most) {
  int fitting = 0;
  for (int i = 0; i < s->count; i++) fitting += fits(&s->values[i], elements, least, most);
  int left = fitting ? (int)(number % (uint32_t)fitting) : 0;
  for (int i = s->count - 1; i >= 0; i--)
    if (fits(&s->values[i], elements, least, most) && left-- == 0) return scope_use(s, i);
  internal_error("nothing of rank %d to %d to pick", least, most);
}

operand scope_pick_where(scope *s, uint32_t number, const operand *like,
                         bool (*good)(const operand *candidate, const operand *like),
                         operand otherwise) {
  for (int i = 0; i < s->count; i++) {
    int at = (int)(((uint32_t)(s->count - 1 - i) + s->count - number % (uint32_t)s->count) %
                   (uint32_t)s->count);
    if (s->values[at].text && good(&s->values[at], like)) return scope_use(s, at);
  }
  return otherwise;
}

void scope_define(generator *g, scope *s, const char *text, operand v) {
  if (s->count == MOST_VALUES || v.rank > MOST_RANK || operand_elements(&v) > MOST_ELEMENTS) return;
  v.text = arena_printf(g->arena, "v%d", s->count - SOURCES);
  if (dtype_is_float(v.element)) v.from |= (source_set)1 << s->count;
  else v.from = 0;
  s->body = arena_printf(g->arena, "%s  %s = %s\n", s->body, v.text, text);
  s->values[s->count++] = v;
}

bool operand_broadcasts(const operand *x, const operand *like) {
  if (!operand_is(x, REALS)) return false;
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
  v.element = x->element == DTYPE_F64 || y->element == DTYPE_F64 ? DTYPE_F64 : DTYPE_F32;
  v.from = x->from | y->from;
  return v;
}

operand scope_partner(generator *g, scope *s, uint32_t number, const operand *x) {
  operand half = {.text = TEXT("0.5"), .element = x->element};
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
         x->dims[3] >= 5;
}
