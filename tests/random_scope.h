/* What the constructs of random programs (random_source.h) work with: values with types that are
 * known as the text is written, the scopes of entries, and the tables of constructs. */
#ifndef RANDOM_SCOPE_H
#define RANDOM_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "type.h"

enum { MOST_ENTRIES = 3, MOST_VALUES = 60, MOST_RANK = 5, MOST_LAYERS = 4 };

/* What an entry can name: first these, then its own definitions. */
enum {
  X,
  Y,
  V,
  S,
  P,
  Q,
  R,
  O,
  D,
  K,
  L,
  U,
  J,
  B,
  H,
  T,
  F, /* inputs, the last one for long products alone */
  W,
  A,
  G,
  M,
  C,
  E,
  N, /* slots at top level: params, from M on states */
  NET,
  PAIR,
  PICTURE,
  CHAIN,
  TOWERS,
  LAYER, /* the first of MOST_LAYERS */
  SLOW = LAYER + MOST_LAYERS,
  METER,
  SOURCES /* instances, of no value themselves */
};

/* Declarations that a program gets where it names them. */
typedef enum helper {
  NO_HELPER,
  HELPER,
  BOTH,
  CENTRED,
  PARTS,
  TWICE,
  POWER,
  NOISY,
  RULED,
  TOWER,
  DRAWN,
  FANNED,
  GATED,
  FINAL,
  STEPPED,
  ALIGNED,
  ENCODING,
  DECODING,
  ADAPTED,
  STEADY,
  NAMED,
  NUMBERS,
  HELPERS
} helper;

/* Forms of the line that declares an entry. */
enum { PLAIN, TYPED_RESULTS, STATIC_SIZE, NEVER_TRAINING, NAMED_SIZE, LAST_EXPRESSION, HEADERS };

/* Of an axis whose extent is the entry's bounded size: this and the bound. */
enum { SIZED = 1 << 20 };

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
  int header; /* in which form the entry is declared */
  bool sized; /* inputs lead with the bounded size */
  bool size_used; /* by the block that is being built: an operand had it */
} scope;

/* An instance of a function of the library. */
typedef struct layer {
  const char *function; /* NULL: not yet chosen */
  operand input, output;
} layer;

typedef struct generator {
  arena *arena;
  const char *suffix;
  int64_t rows, columns, width, bound;
  const char *size; /* how entries declare the bounded size, "n <= 7" or "n = 4" */
  scope entries[MOST_ENTRIES];
  bool declared[SOURCES], helpers[HELPERS];
  layer layers[MOST_LAYERS];
} generator;

enum {
  REALS = 1 << DTYPE_F32 | 1 << DTYPE_F64,
  HALVES = 1 << DTYPE_F16 | 1 << DTYPE_BF16,
  FLOATS = REALS | HALVES,
  INTEGERS = 1 << DTYPE_I32 | 1 << DTYPE_I64 | 1 << DTYPE_U8 | 1 << DTYPE_I8,
  ARITHMETIC = FLOATS | INTEGERS,
  TRUTHS = 1 << DTYPE_BOOL,
  ANY = FLOATS | INTEGERS | TRUTHS,
  /* Beside element types: what is asked of axes. */
  FIRST_KNOWN = 1 << 16, /* the first has a known extent, where there is one */
  LAST_KNOWN = 1 << 17,
  ALL_KNOWN = 1 << 18,
  FIRST_SIZED = 1 << 19, /* the first has the bounded size, and no other */
  /* If one has it, that is the first. Draws number elements as at the bound, so they are others than
   * those of a fixed size elsewhere. */
  SIZE_LEADS = 1 << 20
};

/* ---- values ---------------------------------------------------------------------------------- */

bool operand_is(const operand *v, int elements);
bool operand_has_axes(const operand *v, int asked);
/* Axes with the bounded size, by bits; and one without it, from number on, -1 where there is none. */
uint32_t operand_sized_axes(const operand *v);
int operand_known_axis(const operand *v, uint32_t number);
operand operand_of(dtype element, int rank, const int64_t *dims);
operand operand_scalar(dtype element);
int64_t operand_elements(const operand *v);
/* The last extent; 0 of a scalar. */
int64_t operand_last(const operand *v);
bool operand_same_shape(const operand *x, const operand *y);
operand operand_without_axis(operand x, int axis);
/* True where NumPy broadcasts the two, and their element types go together. */
bool operand_broadcasts(const operand *x, const operand *like);
bool operand_same_type(const operand *x, const operand *like);
/* What arithmetic on the two gives. */
operand operand_broadcast(const operand *x, const operand *y);
/* True of f32[n, 2, h, w] that a filter of the inputs fits. */
bool operand_is_picture(const operand *x, const operand *like);
/* Its extents, and its type, as text. */
const char *operand_sizes(generator *g, const operand *v);
const char *operand_type(generator *g, const operand *v);

/* ---- scopes ---------------------------------------------------------------------------------- */

#define TEXT(...) arena_printf(g->arena, __VA_ARGS__)

/* A text with $x and $y the texts of two operands, $s the sizes of x, $d its first extent, $n its
 * last, $f the suffix of names at top level, and $a, $b, $c the extents of the inputs. */
const char *scope_fill(generator *g, const char *text, const operand *x, const operand *y);

/* An entry with nothing but the sources. */
void scope_open(generator *g, scope *s, bool sized);
/* A name at top level, with the suffix. */
const char *scope_at_top(generator *g, const char *name);
const char *scope_list(arena *a, int count, const int64_t *items);
/* A source or definition, which is then used. */
operand scope_use(scope *s, int at);
/* A value of one of the element types and a rank from least to most, thrice in four a definition
 * where one fits; number 0 is the latest. The inputs hold one of every kind that is asked for. */
operand scope_pick(scope *s, uint32_t number, int elements, int least, int most);
/* One that satisfies a condition, from the latest on behind number; `otherwise` where there is
 * none. */
operand scope_pick_where(scope *s, uint32_t number, const operand *like,
                         bool (*good)(const operand *candidate, const operand *like),
                         operand otherwise);
/* One of x's type, x itself where there is no other. */
operand scope_alike(scope *s, uint32_t number, const operand *x);
/* What broadcasts with x, else a number. */
operand scope_partner(scope *s, uint32_t number, const operand *x);
/* A definition of the entry. What is too large is left out. */
void scope_define(generator *g, scope *s, const char *text, operand v);

/* ---- constructs ------------------------------------------------------------------------------ */

/* The shape of a result, from that of an operand x. */
typedef enum form_shape {
  LIKE, /* x's */
  SCALAR,
  ROWS,    /* without the last axis */
  COLUMNS, /* without the first */
  FLAT,    /* one axis */
  PAIRS,   /* one axis, of twice the elements */
  SQUARE,  /* both axes as the last */
} form_shape;

/* An expression with an operand $x of one of the element types and a rank from least to most, and
 * perhaps $y of x's type. Where statements follow it, $y is the name that it defines. */
typedef struct source_form {
  const char *text;
  int elements, least, most;
  form_shape shape;
  int element;   /* of the result, or AS_X */
  bool constant; /* it has no derivative */
} source_form;
enum { AS_X = -1 };

/* The numbers of a block: 0 which construct, 1 which of its forms, from 2 on operands and options,
 * the last one which entry. All forms of all constructs occur equally often. */
typedef struct construct {
  const char *name; /* NULL ends a table */
  int forms;
  void (*build)(generator *g, scope *s, const uint32_t *n); /* NULL: one of the table's */
  const source_form *table;
} construct;

#define FORMS(table) ((int)(sizeof(table) / sizeof *(table)))
/* Defines what the form makes of operands that the numbers choose. */
void form_build(generator *g, scope *s, const uint32_t *n, const source_form *f);

extern const construct elementwise_constructs[]; /* random_elementwise.c */
extern const construct tensor_constructs[];      /* random_tensors.c */
extern const construct function_constructs[];    /* random_functions.c */
extern const construct network_constructs[];     /* random_networks.c */
extern const construct training_constructs[];    /* random_training.c */
enum { SIZE_CONSTRUCTS = 7 };
extern const construct size_constructs[SIZE_CONSTRUCTS + 1]; /* random_sizes.c */

#endif
