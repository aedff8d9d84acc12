/* Running error analysis (Wilkinson, "Rounding Errors in Algebraic Processes", 1963; Higham,
 * "Accuracy and Stability of Numerical Algorithms", 2002, sections 3.1 to 3.4) over a graph. */
#include "error_bound.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "axes.h"
#include "build.h"
#include "half.h"
#include "op.h"
#include "scalar.h"

typedef struct format {
  double unit, tiny, largest; /* the gap above 1, the error near 0, and the largest number */
} format;

/* Compiled code takes subnormal numbers as zeros, so that a result may be 0 up to the smallest normal number; but for
 * those of f16, which are normal ones of f32. */
static format format_of(dtype t) {
  switch (t) {
    case DTYPE_F64: return (format){DBL_EPSILON, DBL_MIN, DBL_MAX};
    case DTYPE_F32: return (format){0x1p-23, FLT_MIN, FLT_MAX};
    case DTYPE_F16: return (format){0x1p-10, 0x1p-24, 65504};
    case DTYPE_BF16: return (format){0x1p-7, FLT_MIN, 0x1.fep127};
    default: return (format){0, 0, INFINITY};
  }
}

/* What an elementwise function adds to the errors of its operands, in units of its result: half a
 * unit for a correctly rounded operation and as much again for the interpreter's own rounding,
 * where the result is f64; for the others what vector_math.h states, and one. Powers may have
 * become products (pass.h). Functions that are not named are exact. */
static const double units[SCALAR_COUNT] = {
    [SCALAR_ADD] = 1,  [SCALAR_SUB] = 1,     [SCALAR_MUL] = 1,  [SCALAR_DIV] = 1,
    [SCALAR_MOD] = 1,  [SCALAR_FMA] = 2,     [SCALAR_SQRT] = 1, [SCALAR_RSQRT] = 3,
    [SCALAR_EXP] = 3,  [SCALAR_EXPM1] = 4,   [SCALAR_LOG] = 3,  [SCALAR_LOG1P] = 4,
    [SCALAR_TANH] = 5, [SCALAR_SIGMOID] = 4, [SCALAR_SIN] = 4,  [SCALAR_COS] = 4,
    [SCALAR_POW] = 6};

/* ---- one operator ---------------------------------------------------------------------------- */

/* A node, its operands, and the result whose errors (zeros at first) a rule fills in. */
typedef struct step {
  const evaluation *evaluation;
  const node *node;
  const bounded *x;
  bounded y;
  int64_t count;
  format format; /* in which the operator computes: that of f32 for f16 and bf16 */
} step;

static bool is_real(const node *n) { return dtype_is_float(n->type.element); }

static double *reals_new(const step *s, const bounded *like) {
  return arena_array_of(s->evaluation->arena, (size_t)type_elements(&like->value->type), double);
}

static double value_at(const tensor *t, int64_t i) {
  return dtype_is_float(t->type.element) ? t->reals[i] : (double)t->ints[i];
}

/* The node's own evaluation on other reals than its operands' values, whatever their type; a NULL
 * keeps the operand's values. */
static double *on_reals(const step *s, double *const *reals) {
  const node *n = s->node;
  arena *a = s->evaluation->arena;
  node copy = *n;
  copy.type.element = DTYPE_F64;
  tensor *parts = arena_array_of(a, n->operand_count, tensor);
  const tensor **operands = arena_array_of(a, n->operand_count, const tensor *);
  for (int i = 0; i < n->operand_count; i++) {
    parts[i] = (tensor){.type = s->x[i].value->type, .reals = reals[i]};
    parts[i].type.element = DTYPE_F64;
    operands[i] = reals[i] ? &parts[i] : s->x[i].value;
  }
  tensor *result = tensor_new(a, &copy.type);
  op_definitions[n->op]->eval(s->evaluation, &copy, operands, result);
  return result->reals;
}

static double *errors_of(const step *s) {
  double *errors[1024];
  for (int i = 0; i < s->node->operand_count; i++) errors[i] = s->x[i].error;
  return on_reals(s, errors);
}

static double *ones(const step *s, const bounded *x) {
  double *result = reals_new(s, x);
  for (int64_t i = 0; i < type_elements(&x->value->type); i++) result[i] = 1;
  return result;
}

/* |value| + error; of values that are not finite 0 instead, where asked for. */
static double *magnitudes(const step *s, const bounded *x, bool only_finite) {
  double *result = reals_new(s, x);
  for (int64_t i = 0; i < type_elements(&x->value->type); i++) {
    result[i] = fabs(value_at(x->value, i)) + x->error[i];
    if (only_finite && !isfinite(value_at(x->value, i))) result[i] = 0;
  }
  return result;
}

static bool all_certain(const bounded *x) {
  for (int64_t i = 0; i < type_elements(&x->value->type); i++)
    if (!isfinite(x->error[i])) return false;
  return true;
}

static bool all_exact(const bounded *x) {
  for (int64_t i = 0; i < type_elements(&x->value->type); i++)
    if (x->error[i] > 0) return false;
  return true;
}

static bool all_finite(const bounded *x) {
  for (int64_t i = 0; i < type_elements(&x->value->type); i++)
    if (!isfinite(value_at(x->value, i))) return false;
  return true;
}

static void know_nothing(step *s) {
  for (int64_t i = 0; i < s->count; i++) s->y.error[i] = INFINITY;
}

/* ---- leaves and moves ------------------------------------------------------------------------ */

static void exact_rule(step *s) {
  for (int i = 0; i < s->node->operand_count; i++)
    if (!all_exact(&s->x[i])) know_nothing(s);
}

/* Constants are rounded to their type. */
static void constant_rule(step *s) {
  for (int64_t i = 0; is_real(s->node) && i < s->count; i++)
    if (isfinite(s->y.value->reals[i]))
      s->y.error[i] = s->format.unit / 2 * fabs(s->y.value->reals[i]);
}

static void moved_rule(step *s) { s->y.error = errors_of(s); }

static void gather_rule(step *s) {
  if (all_exact(&s->x[1])) s->y.error = on_reals(s, (double *[]){s->x[0].error, NULL});
  else know_nothing(s);
}

/* ---- elementwise functions ------------------------------------------------------------------- */

/* How far f moves when its operands move by their errors: at the corners of the box, which is exact
 * for functions that are monotone in each operand. INFINITY where it is not finite everywhere,
 * unless it is the same everywhere. */
static double spread_at_corners(scalar_function f, int count, const double *x, const double *e,
                                double value) {
  double spread = 0;
  bool same = true;
  for (int corner = 0; corner < 1 << count; corner++) {
    double at[3];
    for (int i = 0; i < count; i++) at[i] = x[i] + (corner >> i & 1 ? e[i] : -e[i]);
    double other = scalar_real(f, at), gap = fabs(other - value);
    same = same && (other == value || (isnan(other) && isnan(value)));
    spread = isnan(gap) ? INFINITY : fmax(spread, gap);
  }
  return same ? 0 : isfinite(value) ? spread : INFINITY;
}

/* True where rounding cannot move the quotient over an integer. */
static bool floor_is_certain(const format *f, const double *x, const double *e) {
  double quotient = x[0] / x[1];
  if (e[0] == 0 && e[1] == 0 && fma(floor(quotient), x[1], -x[0]) == 0) return true;
  if (!isfinite(quotient)) return false;
  double slack = spread_at_corners(SCALAR_DIV, 2, x, e, quotient) + 2 * f->unit * fabs(quotient);
  return fabs(x[1]) > e[1] && floor(quotient - slack) == floor(quotient + slack);
}

static bool crosses_zero(double x, double e) { return e > 0 && fabs(x) <= e; }

/* The sign of a zero is not kept by simplification, so that of 1 / 0 is not known. */
static double spread_of_division(const double *x, const double *e, double value) {
  if (crosses_zero(x[1], e[1]) || (x[1] == 0 && isinf(value))) return INFINITY;
  return spread_at_corners(SCALAR_DIV, 2, x, e, value);
}

static double spread_of_power(const double *x, const double *e, double value) {
  bool whole = e[1] == 0 && floor(x[1]) == x[1];
  bool root_of_infinity = isinf(x[0]) && x[0] < 0 && !whole; /* pass.h */
  if (root_of_infinity || (x[0] == 0 && isinf(value))) return INFINITY;
  if (x[0] - e[0] < 0 && (e[0] > 0 || e[1] > 0) && !whole) return INFINITY;
  if (crosses_zero(x[0], e[0]) && x[1] - e[1] < 0) return INFINITY;
  return spread_at_corners(SCALAR_POW, 2, x, e, value);
}

static double spread_of_wave(const double *x, const double *e, double value) {
  if (isnan(value)) return 0;
  return fabs(x[0]) > 1e6 ? 2 : fmin(2, e[0]);
}

static double spread_of_fma(const double *x, const double *e, const format *f, double value) {
  double product = fabs(x[0] * x[1]);
  double moved = fabs(x[0]) * e[1] + fabs(x[1]) * e[0] + e[0] * e[1] + e[2];
  if (!isfinite(value)) return e[0] == 0 && e[1] == 0 && e[2] == 0 ? 0 : INFINITY;
  return moved + f->unit * product + f->tiny;
}

static double spread(scalar_function f, int count, const format *own, const double *x,
                     const double *e, double value) {
  switch (f) {
    case SCALAR_STOP:
    case SCALAR_NEG:
    case SCALAR_ABS: return e[0];
    case SCALAR_MAXIMUM:
    case SCALAR_MINIMUM: return isnan(value) ? 0 : fmax(e[0], e[1]);
    case SCALAR_DIV: return spread_of_division(x, e, value);
    case SCALAR_FLOORDIV: return floor_is_certain(own, x, e) ? 0 : INFINITY;
    case SCALAR_MOD:
      if (e[0] == 0 && e[1] == 0) return 0;
      return floor_is_certain(own, x, e) ? e[0] + fabs(floor(x[0] / x[1])) * e[1] : INFINITY;
    case SCALAR_FMA: return spread_of_fma(x, e, own, value);
    case SCALAR_POW: return spread_of_power(x, e, value);
    case SCALAR_SIN:
    case SCALAR_COS: return spread_of_wave(x, e, value);
    case SCALAR_RSQRT: return x[0] == 0 ? INFINITY : spread_at_corners(f, count, x, e, value);
    case SCALAR_SIGN:
    case SCALAR_FLOOR: return spread_at_corners(f, count, x, e, value) == 0 ? 0 : INFINITY;
    default: return spread_at_corners(f, count, x, e, value);
  }
}

static bool comparison_is_certain(const double *x, const double *e) {
  return (e[0] == 0 && e[1] == 0) || isnan(x[0]) || isnan(x[1]) || fabs(x[0] - x[1]) > e[0] + e[1];
}

/* The error of an element whose operands have the errors e, none of them INFINITY. */
static double map_error(const step *s, const double *x, const double *e, double value) {
  scalar_function f = s->node->function;
  const format operand = format_of(s->x[0].value->type.element);
  if (scalar_infos[f].kind == SCALAR_KIND_COMPARE)
    return comparison_is_certain(x, e) ? 0 : INFINITY;
  if (scalar_infos[f].kind == SCALAR_KIND_TEST) return 0;
  double moved = spread(f, s->node->operand_count, &operand, x, e, value);
  if (!isfinite(value)) return isfinite(moved) ? 0 : INFINITY;
  return moved + units[f] * (s->format.unit * (fabs(value) + moved) + s->format.tiny);
}

/* What is not chosen counts only where the choice is not certain. */
static void select_rule(step *s) {
  for (int64_t i = 0; i < s->count; i++) {
    const bounded *chosen = &s->x[s->x[0].value->ints[i] ? 1 : 2];
    const bounded *other = &s->x[s->x[0].value->ints[i] ? 2 : 1];
    double gap = fabs(value_at(other->value, i) - value_at(chosen->value, i));
    bool alike =
        gap == 0 || (isnan(value_at(other->value, i)) && isnan(value_at(chosen->value, i)));
    s->y.error[i] = chosen->error[i];
    if (s->x[0].error[i] > 0)
      s->y.error[i] =
          fmax(chosen->error[i], alike                               ? other->error[i]
                                 : isfinite(gap) && is_real(s->node) ? gap + other->error[i]
                                                                     : INFINITY);
  }
}

static void map_rule(step *s) {
  const node *n = s->node;
  if (n->function == SCALAR_SELECT) {
    select_rule(s);
    return;
  }
  bool real = dtype_is_float(s->x[0].value->type.element);
  for (int64_t i = 0; i < s->count; i++) {
    double x[3] = {0}, e[3] = {0}, most = 0;
    for (int k = 0; k < n->operand_count; k++) {
      x[k] = value_at(s->x[k].value, i);
      e[k] = s->x[k].error[i];
      most = fmax(most, e[k]);
    }
    if (most == INFINITY || !real) s->y.error[i] = most > 0 ? INFINITY : 0;
    else s->y.error[i] = map_error(s, x, e, value_at(s->y.value, i));
  }
}

/* The node's values where its operand's are moved by their errors, down or up. */
static const tensor *shifted(const step *s, double sign) {
  tensor *x = tensor_new(s->evaluation->arena, &s->x[0].value->type);
  tensor *y = tensor_new(s->evaluation->arena, &s->node->type);
  for (int64_t i = 0; i < s->count; i++)
    x->reals[i] = s->x[0].value->reals[i] + sign * s->x[0].error[i];
  op_definitions[s->node->op]->eval(s->evaluation, s->node, (const tensor *[]){x}, y);
  return y;
}

static void cast_rule(step *s) {
  bool from_real = dtype_is_float(s->x[0].value->type.element);
  const tensor *down = from_real ? shifted(s, -1) : NULL, *up = from_real ? shifted(s, 1) : NULL;
  for (int64_t i = 0; i < s->count; i++) {
    double e = s->x[0].error[i], value = value_at(s->y.value, i);
    bool jumps = from_real && !is_real(s->node) &&
                 (down->ints[i] != up->ints[i] || crosses_zero(value_at(s->x[0].value, i), e));
    if (e == INFINITY || jumps || (e > 0 && !from_real)) s->y.error[i] = INFINITY;
    else if (is_real(s->node) && isfinite(value))
      s->y.error[i] = e + s->format.unit * fabs(value) + s->format.tiny;
  }
}

/* ---- sums ------------------------------------------------------------------------------------ */

/* Of sums in any order: what the operands' errors make, the sum of finite magnitudes, and the number of
 * terms. A value that is not finite is certain where the errors are finite, and no part overflows. */
static void sum_errors(step *s, const double *moved, const double *magnitude, const double *terms) {
  for (int64_t i = 0; i < s->count; i++) {
    double value = value_at(s->y.value, i), *e = &s->y.error[i];
    *e = moved[i];
    if (!is_real(s->node)) *e = moved[i] == 0 ? 0 : INFINITY;
    else if (!isfinite(value)) *e = isfinite(moved[i]) ? 0 : INFINITY;
    else *e += terms[i] * (s->format.unit * magnitude[i] + s->format.tiny);
    if (is_real(s->node) && magnitude[i] > s->format.largest) *e = INFINITY;
  }
}

static void sum_rule(step *s) {
  double *magnitude = magnitudes(s, &s->x[0], true);
  sum_errors(s, errors_of(s), on_reals(s, &magnitude), on_reals(s, (double *[]){ones(s, s->x)}));
}

/* What comes from the tensor or an update moves as that does. */
static void scatter_rule(step *s) {
  if (all_exact(&s->x[1])) s->y.error = on_reals(s, (double *[]){s->x[0].error, NULL, s->x[2].error});
  else know_nothing(s);
}

static void scatter_add_rule(step *s) {
  const bounded *updates = &s->x[1];
  if (!all_exact(&s->x[0])) {
    know_nothing(s);
    return;
  }
  sum_errors(s, on_reals(s, (double *[]){NULL, updates->error}),
             on_reals(s, (double *[]){NULL, magnitudes(s, updates, true)}),
             on_reals(s, (double *[]){NULL, ones(s, updates)}));
}

/* |x| y' + x' |y| + x' y', with x' and y' the errors. What a convolution's padding makes of an
 * infinity is not defined. */
static void contraction_rule(step *s) {
  const bounded *x = &s->x[0], *y = &s->x[1];
  bool finite = all_finite(x) && all_finite(y);
  if (!all_certain(x) || !all_certain(y) || (s->node->op == OP_CONV && !finite)) {
    know_nothing(s);
    return;
  }
  double *left = magnitudes(s, x, true), *right = magnitudes(s, y, true);
  double *exact_left = magnitudes(s, &(bounded){x->value, reals_new(s, x)}, true);
  double *moved = on_reals(s, (double *[]){exact_left, y->error});
  double *by_left = on_reals(s, (double *[]){x->error, right});
  for (int64_t i = 0; i < s->count; i++) moved[i] += by_left[i];
  sum_errors(s, moved, on_reals(s, (double *[]){left, right}),
             on_reals(s, (double *[]){ones(s, x), ones(s, y)}));
}

/* ---- other reductions ------------------------------------------------------------------------ */

/* The extent of a running result's axis. */
static double longest_line(const step *s) {
  return (double)s->node->type.dims[node_int(s->node, 0)].maximum;
}

/* Partial products may overflow, or vanish, though the whole does not. */
static void prod_rule(step *s) {
  const bounded *x = &s->x[0];
  double *upper = magnitudes(s, x, true), *lower = reals_new(s, x);
  double *above = reals_new(s, x), *below = reals_new(s, x);
  int64_t operands = type_elements(&x->value->type);
  for (int64_t i = 0; i < operands; i++) {
    double size = fabs(value_at(x->value, i));
    lower[i] = isfinite(size) ? size : 0;
    above[i] = fmax(1, upper[i]);
    below[i] = lower[i] > 0 ? fmin(1, lower[i]) : 1;
  }
  const double *most = on_reals(s, &above), *least = on_reals(s, &below);
  const double *wide = on_reals(s, &upper), *narrow = on_reals(s, &lower);
  double terms = s->node->op == OP_PROD ? (double)operands / (double)s->count : longest_line(s);
  bool certain = all_certain(x), exact = all_exact(x);
  for (int64_t i = 0; i < s->count; i++) {
    double *e = &s->y.error[i];
    bool fits = most[i] <= s->format.largest, shrinks = least[i] < s->format.tiny / s->format.unit;
    if (!is_real(s->node)) *e = exact ? 0 : INFINITY;
    else if (!certain || !fits) *e = INFINITY;
    else if (!isfinite(s->y.value->reals[i])) *e = shrinks ? INFINITY : 0;
    else *e = wide[i] - narrow[i] + terms * (s->format.unit * wide[i] + s->format.tiny * most[i]);
  }
}

/* The recurrence of the magnitudes with errors, less that without; and two roundings in each step,
 * which the later factors magnify no more than the magnitudes themselves. */
static void recurrence_rule(step *s) {
  const bounded *x = s->x;
  double *exact[2], *wide[2];
  for (int i = 0; i < 2; i++) {
    exact[i] = magnitudes(s, &(bounded){x[i].value, reals_new(s, &x[i])}, false);
    wide[i] = magnitudes(s, &x[i], false);
  }
  const double *narrow = on_reals(s, exact), *upper = on_reals(s, wide);
  const double *growth = on_reals(s, (double *[]){wide[0], ones(s, &x[1])});
  for (int64_t i = 0; i < s->count; i++) {
    double own = 2 * longest_line(s) * s->format.unit * upper[i] + s->format.tiny * growth[i];
    s->y.error[i] = upper[i] - narrow[i] + own;
    if (upper[i] > s->format.largest) s->y.error[i] = INFINITY;
    if (!is_real(s->node)) s->y.error[i] = all_exact(&x[0]) && all_exact(&x[1]) ? 0 : INFINITY;
  }
}

static double *largest_over_axes(const step *s, double *reals) {
  node largest = *s->node;
  step copy = *s;
  largest.op = OP_MAX;
  copy.node = &largest;
  return on_reals(&copy, &reals);
}

/* The largest error of all. */
static void extremum_rule(step *s) {
  s->y.error = largest_over_axes(s, s->x[0].error);
  for (int64_t i = 0; i < s->count; i++) {
    bool finite = isfinite(value_at(s->y.value, i));
    if (!is_real(s->node) && s->y.error[i] > 0) s->y.error[i] = INFINITY;
    else if (!finite && isfinite(s->y.error[i])) s->y.error[i] = 0;
  }
}

/* Where the reduction puts the operand's element at `index`. */
static int64_t reduced_offset(const node *n, const int64_t *index) {
  int count, rank = n->operands[0]->type.rank;
  const int64_t *axes = node_ints(n, 0, &count);
  int64_t kept[MAX_RANK], at[MAX_RANK];
  int kept_count = axes_others(rank, axes, count, NULL, 0, kept);
  for (int i = 0; i < kept_count; i++) at[i] = index[kept[i]];
  return axes_offset(&n->type, at);
}

/* Certain where only one element's interval reaches that of the extremum. */
static void place_rule(step *s) {
  const bounded *x = &s->x[0];
  if (all_exact(x)) return;
  if (!all_certain(x) || !all_finite(x)) {
    know_nothing(s);
    return;
  }
  double sign = s->node->op == OP_ARGMAX ? 1 : -1;
  double *low = reals_new(s, x), *rivals = reals_new(s, &s->y);
  for (int64_t i = 0; i < type_elements(&x->value->type); i++)
    low[i] = sign * value_at(x->value, i) - x->error[i];
  const double *best = largest_over_axes(s, low);
  int64_t index[MAX_RANK] = {0}, i = 0;
  do {
    int64_t at = reduced_offset(s->node, index);
    rivals[at] += low[i] + 2 * x->error[i] >= best[at];
    i++;
  } while (axes_next(&x->value->type, index));
  for (int64_t k = 0; k < s->count; k++) s->y.error[k] = rivals[k] > 1 ? INFINITY : 0;
}

/* Certain along lines whose elements lie apart. */
static void order_rule(step *s) {
  const bounded *x = &s->x[0];
  if (all_exact(x)) return;
  int64_t axis = node_int(s->node, 0), count = s->node->type.dims[axis].maximum;
  axes_split lines = axes_around(&x->value->type, axis);
  for (int64_t line = 0; line < lines.outer * lines.inner; line++) {
    int64_t outer = line / lines.inner, inner = line % lines.inner;
    bool apart = true;
    for (int64_t i = 0; i < lines.extent * lines.extent && apart; i++) {
      int64_t one = (outer * lines.extent + i / lines.extent) * lines.inner + inner;
      int64_t other = (outer * lines.extent + i % lines.extent) * lines.inner + inner;
      double reach = x->error[one] + x->error[other];
      double gap = fabs(value_at(x->value, one) - value_at(x->value, other));
      apart = one == other ? isfinite(reach) : reach == 0 || gap > reach;
    }
    for (int64_t i = 0; i < count; i++)
      s->y.error[(outer * count + i) * lines.inner + inner] = apart ? 0 : INFINITY;
  }
}

/* ---- graphs ---------------------------------------------------------------------------------- */

static void (*const rules[OP_COUNT])(step *s) = {[OP_CONSTANT] = constant_rule,
                                                 [OP_IOTA] = exact_rule,
                                                 [OP_KEY] = exact_rule,
                                                 [OP_BITS] = exact_rule,
                                                 [OP_MAP] = map_rule,
                                                 [OP_CAST] = cast_rule,
                                                 [OP_RESHAPE] = moved_rule,
                                                 [OP_TRANSPOSE] = moved_rule,
                                                 [OP_BROADCAST] = moved_rule,
                                                 [OP_SLICE] = moved_rule,
                                                 [OP_PAD] = moved_rule,
                                                 [OP_REVERSE] = moved_rule,
                                                 [OP_CONCAT] = moved_rule,
                                                 [OP_RULE] = moved_rule,
                                                 [OP_WINDOW] = moved_rule,
                                                 [OP_SUM] = sum_rule,
                                                 [OP_PROD] = prod_rule,
                                                 [OP_CUMSUM] = sum_rule,
                                                 [OP_CUMPROD] = prod_rule,
                                                 [OP_RECURRENCE] = recurrence_rule,
                                                 [OP_MAX] = extremum_rule,
                                                 [OP_MIN] = extremum_rule,
                                                 [OP_ARGMAX] = place_rule,
                                                 [OP_ARGMIN] = place_rule,
                                                 [OP_ARGSORT] = order_rule,
                                                 [OP_GATHER] = gather_rule,
                                                 [OP_SCATTER] = scatter_rule,
                                                 [OP_SCATTER_ADD] = scatter_add_rule,
                                                 [OP_DOT] = contraction_rule,
                                                 [OP_CONV] = contraction_rule};

bool bounded_rounds(scalar_function f) { return units[f] > 0; }

bool bounded_covers(op_code op) {
  return op == OP_INPUT || op == OP_SLOT || op_has(op, LOOP) || rules[op];
}

bounded bounded_exact(arena *a, const tensor *value) {
  return (bounded){value, arena_array_of(a, (size_t)type_elements(&value->type), double)};
}

/* Beyond the largest number nothing is known; a sum that is not a number neither. */
static void forget_overflow(step *s) {
  for (int64_t i = 0; i < s->count; i++) {
    double *e = &s->y.error[i], value = value_at(s->y.value, i);
    if (isnan(*e) || (isfinite(value) && fabs(value) + *e > s->format.largest)) *e = INFINITY;
  }
}

/* True where rounding to the operands' type changes nothing. */
static bool moves_only(const node *n) {
  return op_has(n->op, VIEW) || n->op == OP_GATHER || n->op == OP_MAX || n->op == OP_MIN ||
         n->op == OP_CONSTANT || n->op == OP_IOTA ||
         (n->op == OP_MAP && units[n->function] == 0 && n->function != SCALAR_FLOORDIV);
}

/* f16 and bf16: the interpreter rounds its value, and compiled code what it computed in f32. */
static void round_to_half(step *s, tensor *value) {
  const dtype element = s->node->type.element;
  s->format = format_of(element);
  for (int64_t i = 0; i < s->count; i++) {
    double *e = &s->y.error[i], exact = value->reals[i];
    if (isfinite(exact) && fabs(exact) + *e > s->format.largest) *e = INFINITY;
    value->reals[i] = half_round(element, exact);
    if (!isfinite(exact) || *e == INFINITY || moves_only(s->node)) continue;
    bool same = *e == 0 && s->node->op == OP_MAP; /* floordiv: one value, rounded alike */
    if (!same) *e += s->format.unit * (fabs(exact) + *e) + s->format.tiny;
  }
}

/* What no arithmetic sees comes through as it is. */
static bool keeps_subnormals(const node *n) {
  if (n->op == OP_MAP)
    return n->function == SCALAR_STOP || n->function == SCALAR_NEG || n->function == SCALAR_ABS ||
           n->function == SCALAR_SELECT;
  return rules[n->op] == moved_rule || rules[n->op] == gather_rule || rules[n->op] == scatter_rule;
}

/* An operand as arithmetic sees it: what is subnormal, or may be, is perhaps a zero. */
static bounded flushed(arena *a, const bounded *x) {
  const dtype element = x->value->type.element;
  const double least = element == DTYPE_F64 ? DBL_MIN : FLT_MIN;
  bounded seen = bounded_exact(a, x->value);
  for (int64_t i = 0; i < type_elements(&x->value->type); i++) {
    double size = fabs(value_at(x->value, i)), error = x->error[i];
    bool may_vanish = dtype_is_float(element) && size > 0 && size - error < least;
    seen.error[i] = may_vanish ? fmax(error, size) : error;
  }
  return seen;
}

static bounded computed(const evaluation *e, const node *n, const bounded *values) {
  arena *a = e->arena;
  bounded *x = arena_array_of(a, n->operand_count, bounded);
  const tensor **operands = arena_array_of(a, n->operand_count, const tensor *);
  for (int i = 0; i < n->operand_count; i++) {
    x[i] = values[n->operands[i]->id];
    operands[i] = x[i].value;
    if (!keeps_subnormals(n)) x[i] = flushed(a, &x[i]);
  }
  tensor *value = tensor_new(a, &n->type);
  op_definitions[n->op]->eval(e, n, operands, value);
  dtype element = n->type.element;
  step s = {e,
            n,
            x,
            bounded_exact(a, value),
            type_elements(&n->type),
            format_of(half_is(element) ? DTYPE_F32 : element)};
  if (!rules[n->op]) internal_error("%s has no error bound", op_infos[n->op].name);
  rules[n->op](&s);
  if (half_is(element)) round_to_half(&s, value);
  forget_overflow(&s);
  return s.y;
}

/* ---- graphs ----------------------------------------------------------------------------------- */

static void walk(const evaluation *e, const graph *g, const bounded *inputs,
                 tensor_of_slot slot_value, void *slot_context, bounded *outputs, bounded *updates);

/* A value of part number `part` of another, of which `of` elements are one. */
static bounded part_of(arena *a, const bounded *whole, const tensor_type *type, int64_t part) {
  tensor *value = tensor_new(a, type);
  bounded b = bounded_exact(a, value);
  int64_t count = type_elements(type);
  for (int64_t i = 0; i < count; i++) {
    tensor_copy_element(whole->value, part * count + i, value, i);
    b.error[i] = whole->error[part * count + i];
  }
  return b;
}

static void put_part(bounded *whole, int64_t part, const bounded *b) {
  int64_t count = type_elements(&b->value->type);
  for (int64_t i = 0; i < count; i++) {
    tensor_copy_element(b->value, i, (tensor *)whole->value, part * count + i);
    whole->error[part * count + i] = b->error[i];
  }
}

/* What body and condition are given in a turn. */
static bounded *turn_inputs(const evaluation *e, const loop_shape *s, int64_t turn,
                            const bounded *operands, const bounded *results) {
  bounded *inputs = arena_array_of(e->arena, s->body->input_count, bounded);
  tensor_type scalar = type_scalar(DTYPE_I64);
  tensor *number = tensor_new(e->arena, &scalar);
  number->ints[0] = turn;
  inputs[0] = bounded_exact(e->arena, number);
  for (int i = 1; i < s->body->input_count; i++) {
    const tensor_type *type = &s->body->inputs[i].node->type;
    bool carry = i <= s->carries, sequence = !carry && i <= s->carries + s->sequences;
    inputs[i] = part_of(e->arena, carry ? &results[i - 1] : &operands[i - 1], type,
                        sequence ? turn : 0);
  }
  return inputs;
}

static bounded *results_new(const evaluation *e, const loop_shape *s, const bounded *operands) {
  bounded *results = arena_array_of(e->arena, s->body->output_count, bounded);
  for (int i = 0; i < s->body->output_count; i++) {
    tensor_type type = s->body->outputs[i].node->type;
    if (i >= s->carries) {
      memmove(type.dims + 1, type.dims, (size_t)type.rank * sizeof *type.dims);
      type.dims[0] = dim_fixed(s->turns);
      type.rank++;
    }
    results[i] = bounded_exact(e->arena, tensor_new(e->arena, &type));
    if (i < s->carries) put_part(&results[i], 0, &operands[i]);
  }
  return results;
}

static void know_no_result(const loop_shape *s, bounded *results) {
  for (int i = 0; i < s->body->output_count; i++)
    for (int64_t k = 0; k < type_elements(&results[i].value->type); k++)
      results[i].error[k] = INFINITY;
}

/* Where it is not certain how many turns there are, nothing is known. */
static bounded *loop_results(const evaluation *e, const node *n, const bounded *operands) {
  loop_shape s = loop_shape_of(n);
  bounded *results = results_new(e, &s, operands);
  bool certain = true, asks = s.condition != NULL;
  for (int64_t k = 0; s.turns == 0 || k < s.turns; k++) {
    int64_t turn = s.reverse ? s.turns - 1 - k : k;
    bounded *inputs = turn_inputs(e, &s, turn, operands, results), goes_on;
    if (asks) {
      walk(e, s.condition, inputs, NULL, NULL, &goes_on, NULL);
      certain = certain && goes_on.error[0] == 0;
      const bool holds = goes_on.value->ints[0];
      if (!holds && !s.reverse) break;
      if (!holds) continue;
      asks = !s.reverse;
    }
    bounded *outputs = arena_array_of(e->arena, s.body->output_count, bounded);
    walk(e, s.body, inputs, NULL, NULL, outputs, NULL);
    for (int i = 0; i < s.body->output_count; i++)
      put_part(&results[i], i < s.carries ? 0 : turn, &outputs[i]);
  }
  if (!certain) know_no_result(&s, results);
  return results;
}

static bounded *computed_loop(const evaluation *e, const node *n, const bounded *values) {
  bounded *operands = arena_array_of(e->arena, n->operand_count, bounded);
  for (int i = 0; i < n->operand_count; i++) operands[i] = values[n->operands[i]->id];
  return loop_results(e, n, operands);
}

static bounded input_of(const graph *g, const bounded *inputs, const node *n) {
  int i = 0;
  while (g->inputs[i].node != n) i++;
  return inputs[i];
}

static void walk(const evaluation *e, const graph *g, const bounded *inputs,
                 tensor_of_slot slot_value, void *slot_context, bounded *outputs,
                 bounded *updates) {
  bounded *values = arena_array_of(e->arena, g->node_count, bounded);
  bounded **loops = arena_array_of(e->arena, g->node_count, bounded *);
  const int *uses = graph_uses(g, e->arena);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (uses[id] == 0) continue;
    if (n->op == OP_LOOP) loops[id] = computed_loop(e, n, values);
    if (n->op == OP_INPUT) values[id] = input_of(g, inputs, n);
    else if (n->op == OP_SLOT)
      values[id] = bounded_exact(e->arena, slot_value(slot_context, node_text(n, 0)));
    else if (op_has(n->op, LOOP))
      values[id] = loops[n->op == OP_LOOP ? id : n->operands[0]->id][result_number(n)];
    else values[id] = computed(e, n, values);
  }
  for (int i = 0; i < g->output_count; i++) outputs[i] = values[g->outputs[i].node->id];
  for (int i = 0; i < g->update_count; i++) updates[i] = values[g->updates[i].node->id];
}

void bounded_eval(const evaluation *e, const graph *g, const tensor *const *inputs,
                  tensor_of_slot slot_value, void *slot_context, bounded *outputs,
                  bounded *updates) {
  bounded *exact = arena_array_of(e->arena, g->input_count, bounded);
  for (int i = 0; i < g->input_count; i++) exact[i] = bounded_exact(e->arena, inputs[i]);
  walk(e, g, exact, slot_value, slot_context, outputs, updates);
}
