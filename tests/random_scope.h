/* What the constructs of random programs (random_source.h) work with: values with types that are
 * known as the text is written, the scopes of entries, and the tables of constructs. */
#ifndef RANDOM_SCOPE_H
#define RANDOM_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "type.h"

enum { MOST_ENTRIES = 3, MOST_VALUES = 60, MOST_RANK = 4 };

/* What an entry can name: first these, then its own definitions. */
enum {
  X,
  Y,
  V,
  S,
  P,
  Q,
  D,
  K,
  L,
  U,
  B,
  H,
  T, /* inputs */
  W,
  M,
  C, /* slots at top level */
  NET,
  PAIR,
  PICTURE,
  SLOW,
  SOURCES /* instances, of no value themselves */
};

typedef uint64_t source_set;

typedef struct operand {
  const char *text;
  dtype element;
  int rank;
  int64_t dims[MOST_RANK];
  source_set from; /* what it depends on such that a derivative exists */
} operand;

typedef struct scope {
  operand values[MOST_VALUES];
  bool used[MOST_VALUES];
  int count;
  const char *body, *tail; /* statements; those that update slots */
  bool minimized, updated[SOURCES];
} scope;

typedef struct generator {
  arena *arena;
  const char *suffix;
  int64_t rows, columns, width;
  scope entries[MOST_ENTRIES];
  bool declared[SOURCES];
  bool function; /* the helper function is called */
} generator;

enum {
  REALS = 1 << DTYPE_F32 | 1 << DTYPE_F64,
  HALVES = 1 << DTYPE_F16 | 1 << DTYPE_BF16,
  INTEGERS = 1 << DTYPE_I32 | 1 << DTYPE_I64 | 1 << DTYPE_U8,
  TRUTHS = 1 << DTYPE_BOOL,
  ANY = REALS | INTEGERS | TRUTHS
};

/* ---- values ---------------------------------------------------------------------------------- */

bool operand_is(const operand *v, int elements);
operand operand_of(dtype element, int rank, const int64_t *dims);
operand operand_scalar(dtype element);
int64_t operand_elements(const operand *v);
/* The last extent; 0 of a scalar. */
int64_t operand_last(const operand *v);
bool operand_same_shape(const operand *x, const operand *y);
operand operand_without_axis(operand x, int axis);
/* True where the value is real and NumPy broadcasts it with `like`. */
bool operand_broadcasts(const operand *x, const operand *like);
/* What arithmetic on two reals gives. */
operand operand_broadcast(const operand *x, const operand *y);
/* True of f32[n, 2, h, w] that a filter of the inputs fits. */
bool operand_is_picture(const operand *x, const operand *like);
/* Its extents, and its type, as text. */
const char *operand_sizes(generator *g, const operand *v);
const char *operand_type(generator *g, const operand *v);

/* ---- scopes ---------------------------------------------------------------------------------- */

#define TEXT(...) arena_printf(g->arena, __VA_ARGS__)

/* An entry with nothing but the sources. */
void scope_open(generator *g, scope *s);
/* A name at top level, with the suffix. */
const char *scope_at_top(generator *g, const char *name);
const char *scope_list(arena *a, int count, const int64_t *items);
/* A source or definition, which is then used. */
operand scope_use(scope *s, int at);
/* A value of one of the element types and a rank from least to most; number 0 is the latest. The
 * inputs hold one of every kind that is asked for. */
operand scope_pick(scope *s, uint32_t number, int elements, int least, int most);
/* One that satisfies a condition, from the latest on behind number; `otherwise` where there is
 * none. */
operand scope_pick_where(scope *s, uint32_t number, const operand *like,
                         bool (*good)(const operand *candidate, const operand *like),
                         operand otherwise);
/* What broadcasts with x, else a number. */
operand scope_partner(generator *g, scope *s, uint32_t number, const operand *x);
/* A definition of the entry. What is too large is left out. */
void scope_define(generator *g, scope *s, const char *text, operand v);

/* ---- constructs ------------------------------------------------------------------------------ */

/* The numbers of a block: 0 which construct, 1 which of its forms, from 2 on operands and options,
 * the last one which entry. */
typedef struct construct {
  const char *name; /* NULL ends a table */
  void (*build)(generator *g, scope *s, const uint32_t *n);
} construct;

extern const construct tensor_constructs[];  /* random_tensors.c */
extern const construct network_constructs[]; /* random_networks.c */

#endif
