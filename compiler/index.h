/* Index expressions: where in a tensor an element comes from, as a function of the variables of a
 * kernel's domain. An expression is linear over atoms; an atom is a variable, or the quotient or
 * remainder of an expression by a positive constant, rounded to minus infinity. Every expression
 * knows the range of its values, by which quotients, remainders and bounds simplify away.
 *
 * Expressions are in a normal form: equal text means equal values, and for the maps that views
 * make, the converse holds too. All are immutable and in arena memory. */
#ifndef INDEX_H
#define INDEX_H

#include "loop.h"

typedef struct index_expr index_expr;

typedef enum index_atom_kind { INDEX_VARIABLE, INDEX_QUOTIENT, INDEX_REMAINDER } index_atom_kind;

typedef struct index_atom {
  index_atom_kind kind;
  int variable;              /* its number in the domain */
  int64_t low, high;         /* the range of its values, both ends included */
  const index_expr *operand; /* of QUOTIENT, REMAINDER */
  int64_t divisor;
} index_atom;

typedef struct index_term {
  int64_t factor; /* not 0 */
  const index_atom *atom;
} index_term;

struct index_expr {
  int64_t constant;
  int64_t low, high;
  int term_count;
  const index_term *terms; /* in increasing order of their atoms, each atom once */
};

const index_expr *index_constant(arena *a, int64_t value);
const index_expr *index_variable(arena *a, int number, int64_t extent); /* in [0, extent) */
const index_expr *index_variable_within(arena *a, int number, int64_t low, int64_t high); /* both included */
const index_expr *index_add(arena *a, const index_expr *x, const index_expr *y);
const index_expr *index_scale(arena *a, const index_expr *x, int64_t factor);
const index_expr *index_quotient(arena *a, const index_expr *x, int64_t divisor);
const index_expr *index_remainder(arena *a, const index_expr *x, int64_t divisor);

int index_compare(const index_expr *x, const index_expr *y); /* a total order; 0: equal */
bool index_equal(const index_expr *x, const index_expr *y);
bool index_all_equal(const index_expr *const *x, const index_expr *const *y, int count);
bool index_is_constant(const index_expr *x, int64_t value);

/* True where the value changes with the variable, for all that the text says. */
bool index_depends(const index_expr *x, int variable);

/* True where the variable stands in no quotient or remainder; *factor is then its coefficient. */
bool index_linear(const index_expr *x, int variable, int64_t *factor);

/* Quotients and remainders in the expression, nested ones included: its price. */
int index_atoms(const index_expr *x);

/* Variables replaced by expressions; values[v] NULL keeps variable v. */
const index_expr *index_substitute(arena *a, const index_expr *x, const index_expr *const *values);

/* The value as an i64 scalar of the loop form; variables[v] is variable v. */
const loop_expr *index_loop(arena *a, const index_expr *x, const loop_expr *const *variables);

/* Position in row-major order, and back. */
const index_expr *index_flatten(arena *a, const tensor_type *type, const index_expr *const *at);
void index_unflatten(arena *a, const tensor_type *type, const index_expr *flat,
                     const index_expr **at);

/* True where the position, as a function of the given variables (numbers and extents), takes each
 * value of [0, count) exactly once. */
bool index_is_bijection(const index_expr *position, const int *variables, const int64_t *extents,
                        int variable_count, int64_t count);

/* ---- guards: 0 <= value < extent for each of some values ------------------------------------ */

typedef struct index_bound {
  const index_expr *value;
  int64_t extent;
} index_bound;

typedef struct index_guard {
  int count;
  index_bound *bounds; /* in increasing order, none provable from the ranges */
  bool never;          /* a bound is violated everywhere */
} index_guard;

void index_guard_add(arena *a, index_guard *guard, const index_expr *value, int64_t extent);
void index_guard_join(arena *a, index_guard *guard, const index_guard *more);
bool index_guard_equal(const index_guard *x, const index_guard *y);

#endif
