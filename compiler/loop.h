/* The loop form: kernels as trees of loops over scalars and vectors. Backends know nothing else.
 *
 * A kernel reads and writes buffers that its caller passes; it owns no other memory than its
 * alloc statements. Arithmetic is exact to the bit: every operation rounds in its type, nothing
 * contracts, so that the interpreter (eval_loop.h) and compiled code agree.
 */
#ifndef LOOP_H
#define LOOP_H

#include "graph.h"

/* f16 and bf16 are loaded, stored, moved, and cast to f32 and from any type; nothing is computed with
 * them and no register holds them. */
typedef struct loop_type {
  dtype element;
  int lanes; /* 1: scalar; else a power of two, at most LOOP_MAX_LANES */
} loop_type;

enum { LOOP_MAX_LANES = 64 };

/* ---- what names refer to ------------------------------------------------------------------- */

typedef enum loop_access { LOOP_IN, LOOP_OUT, LOOP_INOUT } loop_access;

/* Memory with extents, dense and row-major: a parameter of a kernel or an alloc. */
typedef enum loop_space {
  LOOP_PARAMETER,
  LOOP_REG,   /* constant indices after unrolling; printed as named locals; element may be a vector */
  LOOP_LOCAL, /* an array of the running task, 64-byte aligned */
} loop_space;

typedef struct loop_buffer {
  const char *name;
  loop_space space;
  loop_access access;  /* of parameters */
  loop_type type;      /* lanes above 1 for LOOP_REG only */
  int rank;            /* 0 holds one element */
  int64_t extents[MAX_RANK];
} loop_buffer;

/* A loop variable or the name of a let; variables of loops are i64. */
typedef struct loop_variable {
  const char *name;
  loop_type type;
} loop_variable;

/* ---- expressions --------------------------------------------------------------------------- */

typedef enum loop_expr_kind {
  LOOP_CONSTANT,  /* one lane; integer or real by type */
  LOOP_VARIABLE,
  LOOP_LOAD,      /* buffer[index…]; lanes consecutive elements from there; masked off: 0 */
  LOOP_OP,        /* a row of scalar.def, lane by lane; operands have equal lanes */
  LOOP_CAST,      /* as build_cast; to type.element */
  LOOP_BITCAST,   /* between integer and floating types of one size */
  LOOP_SPLAT,     /* one lane to all */
  LOOP_RAMP,      /* operand 0 + lane · operand 1, both scalars of an integer type */
  LOOP_REDUCE,    /* all lanes to one by `function` (ADD, MUL, MAXIMUM, MINIMUM, AND, OR), as a
                     tree: the upper half onto the lower until one is left */
  LOOP_EXTRACT,   /* lane `lane` of operand 0 */
  LOOP_INSERT,    /* operand 0 with lane `lane` replaced by operand 1 */
  LOOP_SHUFFLE,   /* lane i is lane picks[i] of operand 0 followed by operand 1, vectors of one type */
  LOOP_CALL       /* a loop_function (vector_math.h): operands are its arguments */
} loop_expr_kind;

typedef struct loop_expr loop_expr;
typedef struct loop_function loop_function;
struct loop_expr {
  loop_expr_kind kind;
  loop_type type;
  scalar_function function;      /* of OP, REDUCE */
  int lane;                      /* of EXTRACT, INSERT */
  const int *picks;              /* of SHUFFLE: one per lane of the result */
  int64_t integer;               /* of CONSTANT */
  double real;
  const loop_variable *variable; /* of VARIABLE */
  const loop_buffer *buffer;     /* of LOAD */
  const loop_expr *mask;         /* of LOAD: bool of the same lanes, or NULL */
  const loop_function *callee;   /* of CALL */
  int operand_count;             /* of LOAD: the index, one i64 scalar per axis of the buffer */
  const loop_expr *const *operands;
};

/* ---- statements ---------------------------------------------------------------------------- */

typedef enum loop_stmt_kind {
  LOOP_FOR,
  LOOP_ALLOC,
  LOOP_LET,   /* defines a variable for the rest of the block */
  LOOP_STORE, /* buffer[index…] = value; lanes consecutive elements; where the mask is true */
  LOOP_FETCH, /* the line of buffer[index…] shall come to a cache, since it is read later: a hint that changes nothing.
                 The place may lie beyond the buffer, which is no register */
  LOOP_IF,
  LOOP_COMMENT /* one line of provenance */
} loop_stmt_kind;

typedef enum loop_for_kind {
  LOOP_SEQ,
  LOOP_UNROLL, /* bounds are constants; the body is repeated by loop_unroll before emission */
  LOOP_TASK    /* turns are independent and may run on any thread; outermost in a kernel, and the
                  only statement of its body */
} loop_for_kind;

typedef struct loop_stmt loop_stmt;
typedef struct loop_block {
  loop_stmt **statements;
  int count;
} loop_block;

struct loop_stmt {
  loop_stmt_kind kind;
  loop_for_kind for_kind;          /* of FOR */
  const loop_variable *variable;   /* of FOR, LET */
  const loop_expr *low, *high;     /* of FOR: i64 scalars; low included, high excluded */
  int64_t step;                    /* of FOR: above 0 */
  loop_buffer *buffer;             /* of ALLOC, STORE, FETCH */
  const loop_expr *const *index;   /* of STORE, FETCH: one i64 scalar per axis */
  const loop_expr *value;          /* of LET, STORE; of ALLOC: initial value of every element, or
                                      NULL for none */
  const loop_expr *mask;           /* of STORE, or NULL */
  const loop_expr *condition;      /* of IF: a bool scalar */
  loop_block body, otherwise;      /* of FOR, IF */
  int cache;                       /* of FETCH: 1 or 2 */
  const char *text;                /* of COMMENT */
};

typedef struct loop_kernel {
  const char *name;                /* unique in a module, a C identifier */
  loop_buffer **parameters;
  int parameter_count;
  loop_block body;
  const char *provenance;          /* the model's line and what it computes; several lines allowed */
} loop_kernel;

/* A pure function of vectors, for the mathematics that own code computes: lets, then a result. Its
 * name carries element and lanes: "exp_f32x8". */
struct loop_function {
  const char *name;
  loop_type type;                  /* of the result */
  int parameter_count;
  const loop_variable *const *parameters;
  loop_block body;                 /* LET statements only */
  const loop_expr *result;
};

/* ---- builders (loop.c): all in arena memory, simplifying constants and neutral elements of
 *      integer arithmetic as they go, so that index expressions print short ------------------- */

loop_type loop_scalar(dtype element);
loop_type loop_vector(dtype element, int lanes);

const loop_expr *loop_int(arena *a, int64_t value);                       /* i64 */
/* A real is rounded to f32; of f16 and bf16 it is a value already. An integer is wrapped. */
const loop_expr *loop_constant(arena *a, dtype element, double real, int64_t integer);
const loop_expr *loop_var(arena *a, const loop_variable *v);
const loop_expr *loop_op(arena *a, scalar_function f, const loop_expr *x, const loop_expr *y,
                         const loop_expr *z);                             /* NULL where unused */
const loop_expr *loop_add(arena *a, const loop_expr *x, const loop_expr *y);
const loop_expr *loop_mul(arena *a, const loop_expr *x, const loop_expr *y);
const loop_expr *loop_fma(arena *a, const loop_expr *x, const loop_expr *y, const loop_expr *z);
const loop_expr *loop_select(arena *a, const loop_expr *c, const loop_expr *x, const loop_expr *y);
const loop_expr *loop_cast(arena *a, const loop_expr *x, dtype element);
const loop_expr *loop_bitcast(arena *a, const loop_expr *x, dtype element);
const loop_expr *loop_splat(arena *a, const loop_expr *x, int lanes);     /* x itself for 1 lane */
const loop_expr *loop_ramp(arena *a, const loop_expr *base, const loop_expr *step, int lanes);
const loop_expr *loop_reduce(arena *a, scalar_function f, const loop_expr *x);
const loop_expr *loop_extract(arena *a, const loop_expr *x, int lane);
const loop_expr *loop_insert(arena *a, const loop_expr *x, int lane, const loop_expr *value);
const loop_expr *loop_shuffle(arena *a, const loop_expr *x, const loop_expr *y, int lanes,
                              const int *picks);                          /* copies picks */
const loop_expr *loop_load(arena *a, const loop_buffer *b, const loop_expr *const *index, int lanes,
                           const loop_expr *mask);
const loop_expr *loop_call(arena *a, const loop_function *f, const loop_expr *const *arguments);

/* True where the expression is a constant integer. */
bool loop_is_int(const loop_expr *x, int64_t *value);

loop_variable *loop_variable_new(arena *a, const char *name, loop_type type);
loop_buffer *loop_buffer_new(arena *a, const char *name, loop_space space, loop_type type, int rank,
                             const int64_t *extents);
int64_t loop_buffer_elements(const loop_buffer *b); /* of its type, which may be a vector */

void loop_append(arena *a, loop_block *block, loop_stmt *s);
void loop_append_all(arena *a, loop_block *block, const loop_block *more);
/* Appends a for over [low, high) and returns it; fill its body. */
loop_stmt *loop_for(arena *a, loop_block *block, loop_for_kind kind, const loop_variable *v,
                    const loop_expr *low, const loop_expr *high, int64_t step);
void loop_alloc(arena *a, loop_block *block, loop_buffer *b, const loop_expr *initial);
/* Appends a let and returns the variable as an expression. */
const loop_expr *loop_let(arena *a, loop_block *block, const char *name, const loop_expr *value);
void loop_store(arena *a, loop_block *block, loop_buffer *b, const loop_expr *const *index,
                const loop_expr *value, const loop_expr *mask);
void loop_fetch(arena *a, loop_block *block, int cache, loop_buffer *b, const loop_expr *const *index);
loop_stmt *loop_if(arena *a, loop_block *block, const loop_expr *condition);
void loop_comment(arena *a, loop_block *block, const char *text);

/* The loop over the kernel's tasks; NULL: it has none. */
const loop_stmt *loop_tasks(const loop_kernel *k);

loop_kernel *loop_kernel_new(arena *a, const char *name);
void loop_add_parameter(arena *a, loop_kernel *k, loop_buffer *b, loop_access access);

/* The kernel with every LOOP_UNROLL replaced by its turns, variables by constants; register
 * indices must then be constant (an internal error otherwise). */
loop_kernel *loop_unroll(arena *a, const loop_kernel *k);

/* Checks types, scopes, lanes, index counts, task position, and that bounds of unrolled loops and
 * register indices will be constants; a message or NULL. A kernel that passes runs, unrolls and
 * prints without internal errors. */
const char *loop_verify(arena *a, const loop_kernel *k);

/* True where two kernels are equal up to the names of kernel, buffers and variables. */
bool loop_equal(const loop_kernel *a, const loop_kernel *b);

#endif
