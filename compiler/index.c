#include "index.h"

/* ---- order --------------------------------------------------------------------------------- */

static int compare_int(int64_t x, int64_t y) { return (x > y) - (x < y); }

static int compare_atoms(const index_atom *x, const index_atom *y) {
  if (x == y) return 0;
  int order = compare_int((int64_t)x->kind, (int64_t)y->kind);
  if (order) return order;
  if (x->kind == INDEX_VARIABLE) return compare_int(x->variable, y->variable);
  order = compare_int(x->divisor, y->divisor);
  return order ? order : index_compare(x->operand, y->operand);
}

int index_compare(const index_expr *x, const index_expr *y) {
  if (x == y) return 0;
  int order = compare_int(x->term_count, y->term_count);
  for (int i = 0; !order && i < x->term_count; i++) {
    order = compare_atoms(x->terms[i].atom, y->terms[i].atom);
    if (!order) order = compare_int(x->terms[i].factor, y->terms[i].factor);
  }
  return order ? order : compare_int(x->constant, y->constant);
}

bool index_equal(const index_expr *x, const index_expr *y) { return index_compare(x, y) == 0; }

bool index_all_equal(const index_expr *const *x, const index_expr *const *y, int count) {
  for (int i = 0; i < count; i++)
    if (!index_equal(x[i], y[i])) return false;
  return true;
}

bool index_is_constant(const index_expr *x, int64_t value) {
  return x->term_count == 0 && x->constant == value;
}

/* ---- construction -------------------------------------------------------------------------- */

static int64_t floor_div(int64_t x, int64_t y) { return x / y - (x % y < 0); }
static int64_t floor_mod(int64_t x, int64_t y) { return x - y * floor_div(x, y); }

/* Positions in tensors are far below the limits (type.h), so that sums of a few do not overflow;
 * a fault here is the compiler's. */
static int64_t checked_add(int64_t x, int64_t y) {
  int64_t r;
  if (__builtin_add_overflow(x, y, &r)) internal_error("an index overflows");
  return r;
}

static int64_t checked_mul(int64_t x, int64_t y) {
  int64_t r;
  if (__builtin_mul_overflow(x, y, &r)) internal_error("an index overflows");
  return r;
}

/* Takes over the terms, which are in order. */
static const index_expr *expr_new(arena *a, int64_t constant, int count, const index_term *terms) {
  index_expr *x = arena_new_of(a, index_expr);
  *x = (index_expr){constant, constant, constant, count, terms};
  for (int i = 0; i < count; i++) {
    int64_t low = checked_mul(terms[i].factor, terms[i].atom->low);
    int64_t high = checked_mul(terms[i].factor, terms[i].atom->high);
    x->low = checked_add(x->low, low < high ? low : high);
    x->high = checked_add(x->high, low < high ? high : low);
  }
  return x;
}

const index_expr *index_constant(arena *a, int64_t value) { return expr_new(a, value, 0, NULL); }

static const index_expr *of_atom(arena *a, const index_atom *atom) {
  if (atom->low == atom->high) return index_constant(a, atom->low);
  index_term *term = arena_new_of(a, index_term);
  *term = (index_term){1, atom};
  return expr_new(a, 0, 1, term);
}

const index_expr *index_variable_within(arena *a, int number, int64_t low, int64_t high) {
  index_atom *atom = arena_new_of(a, index_atom);
  *atom = (index_atom){.kind = INDEX_VARIABLE, .variable = number, .low = low, .high = high};
  return of_atom(a, atom);
}

const index_expr *index_variable(arena *a, int number, int64_t extent) {
  return index_variable_within(a, number, 0, extent - 1);
}

/* x + factor · y, term by term. */
static const index_expr *combine(arena *a, const index_expr *x, const index_expr *y,
                                 int64_t factor) {
  index_term *terms = arena_array_of(a, x->term_count + y->term_count, index_term);
  int count = 0, i = 0, k = 0;
  while (i < x->term_count || k < y->term_count) {
    int order = i == x->term_count   ? 1
                : k == y->term_count ? -1
                                     : compare_atoms(x->terms[i].atom, y->terms[k].atom);
    index_term t = order <= 0 ? x->terms[i] : (index_term){0, y->terms[k].atom};
    i += order <= 0;
    if (order >= 0) t.factor = checked_add(t.factor, checked_mul(factor, y->terms[k++].factor));
    if (t.factor != 0) terms[count++] = t;
  }
  return expr_new(a, checked_add(x->constant, checked_mul(factor, y->constant)), count, terms);
}

static int64_t factor_of(const index_expr *x, const index_atom *atom) {
  for (int i = 0; i < x->term_count; i++)
    if (compare_atoms(x->terms[i].atom, atom) == 0) return x->terms[i].factor;
  return 0;
}

/* c·k·(x / k) + c·(x mod k) is c·x: what a split and a merge of axes leave behind. */
static const index_expr *recombined(arena *a, const index_expr *x) {
  for (int i = 0; i < x->term_count; i++) {
    const index_term *t = &x->terms[i];
    if (t->atom->kind != INDEX_REMAINDER) continue;
    const index_expr *quotient = index_quotient(a, t->atom->operand, t->atom->divisor);
    int64_t scale = checked_mul(t->factor, t->atom->divisor);
    bool all = quotient->term_count > 0;
    for (int k = 0; all && k < quotient->term_count; k++)
      all = factor_of(x, quotient->terms[k].atom) == checked_mul(scale, quotient->terms[k].factor);
    if (!all) continue;
    const index_expr *rest = combine(a, x, quotient, -scale);
    rest = combine(a, rest, of_atom(a, t->atom), -t->factor);
    return recombined(a, combine(a, rest, t->atom->operand, t->factor));
  }
  return x;
}

const index_expr *index_add(arena *a, const index_expr *x, const index_expr *y) {
  return recombined(a, combine(a, x, y, 1));
}

const index_expr *index_scale(arena *a, const index_expr *x, int64_t factor) {
  if (factor == 1) return x;
  return combine(a, index_constant(a, 0), x, factor);
}

/* ---- quotients and remainders -------------------------------------------------------------- */

/* x = divisor · whole + rest, where the rest has no multiples of the divisor left. */
static void split_multiples(arena *a, const index_expr *x, int64_t divisor,
                            const index_expr **whole, const index_expr **rest) {
  index_term *wholes = arena_array_of(a, x->term_count, index_term);
  index_term *rests = arena_array_of(a, x->term_count, index_term);
  int whole_count = 0, rest_count = 0;
  for (int i = 0; i < x->term_count; i++) {
    index_term t = x->terms[i];
    int64_t multiple = floor_div(t.factor, divisor), remainder = floor_mod(t.factor, divisor);
    if (remainder != 0 && t.factor < 0) multiple = 0, remainder = t.factor; /* keep -v as it is */
    if (multiple != 0) wholes[whole_count++] = (index_term){multiple, t.atom};
    if (remainder != 0) rests[rest_count++] = (index_term){remainder, t.atom};
  }
  *whole = expr_new(a, floor_div(x->constant, divisor), whole_count, wholes);
  *rest = expr_new(a, floor_mod(x->constant, divisor), rest_count, rests);
}

static int64_t gcd(int64_t x, int64_t y) {
  x = x < 0 ? -x : x;
  while (y) {
    int64_t r = x % y;
    x = y;
    y = r;
  }
  return x;
}

/* x = common · reduced + small, where common divides the divisor and small lies in [0, common): then
 * x / divisor is reduced / (divisor / common). Returns the largest common that some term offers. */
static int64_t reduce_fraction(arena *a, const index_expr *x, int64_t divisor,
                               const index_expr **reduced, const index_expr **small) {
  int64_t best = 1;
  *reduced = x;
  *small = index_constant(a, 0);
  for (int i = 0; i < x->term_count; i++) {
    const index_expr *whole, *rest;
    int64_t common = gcd(x->terms[i].factor, divisor);
    if (common <= best) continue;
    split_multiples(a, x, common, &whole, &rest);
    if (rest->low < 0 || rest->high >= common) continue;
    best = common;
    *reduced = whole;
    *small = rest;
  }
  return best;
}

static const index_expr *new_atom(arena *a, index_atom_kind kind, const index_expr *operand,
                                  int64_t divisor) {
  index_atom *atom = arena_new_of(a, index_atom);
  *atom = (index_atom){.kind = kind, .operand = operand, .divisor = divisor, .high = divisor - 1};
  if (kind == INDEX_QUOTIENT) {
    atom->low = floor_div(operand->low, divisor);
    atom->high = floor_div(operand->high, divisor);
  }
  return of_atom(a, atom);
}

/* The atom of which the expression consists; NULL where there is more to it. */
static const index_atom *only_atom(const index_expr *x, index_atom_kind kind) {
  bool single = x->term_count == 1 && x->constant == 0 && x->terms[0].factor == 1;
  return single && x->terms[0].atom->kind == kind ? x->terms[0].atom : NULL;
}

const index_expr *index_quotient(arena *a, const index_expr *x, int64_t divisor) {
  ensure(divisor > 0);
  const index_expr *whole, *rest, *reduced, *small;
  if (divisor == 1) return x;
  split_multiples(a, x, divisor, &whole, &rest);
  if (floor_div(rest->low, divisor) == floor_div(rest->high, divisor))
    return index_add(a, whole, index_constant(a, floor_div(rest->low, divisor)));
  int64_t common = reduce_fraction(a, rest, divisor, &reduced, &small);
  if (common > 1) return index_add(a, whole, index_quotient(a, reduced, divisor / common));
  const index_atom *inner = only_atom(rest, INDEX_QUOTIENT);
  int64_t both;
  if (inner && !__builtin_mul_overflow(inner->divisor, divisor, &both))
    return index_add(a, whole, index_quotient(a, inner->operand, both));
  return index_add(a, whole, new_atom(a, INDEX_QUOTIENT, rest, divisor));
}

const index_expr *index_remainder(arena *a, const index_expr *x, int64_t divisor) {
  ensure(divisor > 0);
  const index_expr *whole, *rest, *reduced, *small;
  split_multiples(a, x, divisor, &whole, &rest);
  int64_t quotient = floor_div(rest->low, divisor);
  if (quotient == floor_div(rest->high, divisor))
    return index_add(a, rest, index_constant(a, -checked_mul(quotient, divisor)));
  int64_t common = reduce_fraction(a, rest, divisor, &reduced, &small);
  if (common > 1)
    return index_add(a, index_scale(a, index_remainder(a, reduced, divisor / common), common),
                     small);
  return new_atom(a, INDEX_REMAINDER, rest, divisor);
}

/* ---- questions ----------------------------------------------------------------------------- */

bool index_depends(const index_expr *x, int variable) {
  for (int i = 0; i < x->term_count; i++) {
    const index_atom *atom = x->terms[i].atom;
    if (atom->kind == INDEX_VARIABLE ? atom->variable == variable
                                     : index_depends(atom->operand, variable))
      return true;
  }
  return false;
}

bool index_linear(const index_expr *x, int variable, int64_t *factor) {
  *factor = 0;
  for (int i = 0; i < x->term_count; i++) {
    const index_atom *atom = x->terms[i].atom;
    if (atom->kind != INDEX_VARIABLE) {
      if (index_depends(atom->operand, variable)) return false;
    } else if (atom->variable == variable) {
      *factor = x->terms[i].factor;
    }
  }
  return true;
}

int index_atoms(const index_expr *x) {
  int count = 0;
  for (int i = 0; i < x->term_count; i++)
    if (x->terms[i].atom->kind != INDEX_VARIABLE)
      count += 1 + index_atoms(x->terms[i].atom->operand);
  return count;
}

bool index_is_bijection(const index_expr *position, const int *variables, const int64_t *extents,
                        int variable_count, int64_t count) {
  bool used[2 * MAX_RANK] = {false};
  int64_t next = 1;
  int left = position->term_count;
  ensure(variable_count <= 2 * MAX_RANK);
  if (position->constant != 0) return false;
  for (bool found = true; found;) {
    found = false;
    for (int v = 0; v < variable_count && !found; v++) {
      int64_t factor;
      if (used[v] || extents[v] == 1 || !index_linear(position, variables[v], &factor)) continue;
      if (factor != next) continue;
      found = used[v] = true;
      next = checked_mul(next, extents[v]);
      left--;
    }
  }
  for (int v = 0; v < variable_count; v++)
    if (!used[v] && extents[v] != 1) return false;
  return left == 0 && next == count;
}

/* ---- use ----------------------------------------------------------------------------------- */

static const index_expr *substitute_atom(arena *a, const index_atom *atom,
                                         const index_expr *const *values) {
  if (atom->kind == INDEX_VARIABLE)
    return values[atom->variable] ? values[atom->variable] : of_atom(a, atom);
  const index_expr *operand = index_substitute(a, atom->operand, values);
  return atom->kind == INDEX_QUOTIENT ? index_quotient(a, operand, atom->divisor)
                                      : index_remainder(a, operand, atom->divisor);
}

const index_expr *index_substitute(arena *a, const index_expr *x, const index_expr *const *values) {
  const index_expr *r = index_constant(a, x->constant);
  for (int i = 0; i < x->term_count; i++)
    r = index_add(a, r, index_scale(a, substitute_atom(a, x->terms[i].atom, values),
                                    x->terms[i].factor));
  return r;
}

static const loop_expr *loop_of_atom(arena *a, const index_atom *atom,
                                     const loop_expr *const *variables) {
  if (atom->kind == INDEX_VARIABLE) return variables[atom->variable];
  scalar_function f = atom->kind == INDEX_QUOTIENT ? SCALAR_FLOORDIV : SCALAR_MOD;
  return loop_op(a, f, index_loop(a, atom->operand, variables), loop_int(a, atom->divisor), NULL);
}

const loop_expr *index_loop(arena *a, const index_expr *x, const loop_expr *const *variables) {
  const loop_expr *sum = NULL;
  for (int i = 0; i < x->term_count; i++) {
    const loop_expr *atom = loop_of_atom(a, x->terms[i].atom, variables);
    const loop_expr *term = loop_mul(a, atom, loop_int(a, x->terms[i].factor));
    sum = sum ? loop_add(a, sum, term) : term;
  }
  const loop_expr *constant = loop_int(a, x->constant);
  return sum ? loop_add(a, sum, constant) : constant;
}

const index_expr *index_flatten(arena *a, const tensor_type *type, const index_expr *const *at) {
  int64_t strides[MAX_RANK];
  type_strides(type, strides);
  const index_expr *flat = index_constant(a, 0);
  for (int i = 0; i < type->rank; i++) flat = index_add(a, flat, index_scale(a, at[i], strides[i]));
  return flat;
}

void index_unflatten(arena *a, const tensor_type *type, const index_expr *flat,
                     const index_expr **at) {
  int64_t strides[MAX_RANK];
  type_strides(type, strides);
  for (int i = 0; i < type->rank; i++) {
    const index_expr *above = index_quotient(a, flat, strides[i]);
    at[i] = i == 0 ? above : index_remainder(a, above, type->dims[i].maximum);
  }
}

/* ---- guards -------------------------------------------------------------------------------- */

static int compare_bounds(const index_bound *x, const index_bound *y) {
  int order = index_compare(x->value, y->value);
  return order ? order : compare_int(x->extent, y->extent);
}

void index_guard_add(arena *a, index_guard *guard, const index_expr *value, int64_t extent) {
  if (value->low >= 0 && value->high < extent) return;
  if (value->high < 0 || value->low >= extent) guard->never = true;
  const index_bound bound = {value, extent};
  int place = 0;
  while (place < guard->count && compare_bounds(&guard->bounds[place], &bound) < 0) place++;
  if (place < guard->count && compare_bounds(&guard->bounds[place], &bound) == 0) return;
  index_bound *bounds = arena_array_of(a, guard->count + 1, index_bound);
  for (int i = 0; i <= guard->count; i++)
    bounds[i] = i < place ? guard->bounds[i] : i == place ? bound : guard->bounds[i - 1];
  guard->bounds = bounds;
  guard->count++;
}

void index_guard_join(arena *a, index_guard *guard, const index_guard *more) {
  for (int i = 0; i < more->count; i++)
    index_guard_add(a, guard, more->bounds[i].value, more->bounds[i].extent);
}

bool index_guard_equal(const index_guard *x, const index_guard *y) {
  if (x->count != y->count) return false;
  for (int i = 0; i < x->count; i++)
    if (compare_bounds(&x->bounds[i], &y->bounds[i]) != 0) return false;
  return true;
}
