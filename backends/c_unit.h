/* Inside of the C backend: one source file in the making. */
#ifndef C_UNIT_H
#define C_UNIT_H

#include "loop.h"
#include "target.h"
#include "writer.h"

/* The type of a value in a C local. A truth is the result of a comparison: one lane is an int,
 * several are a vector of signed integers, as wide as what was compared, all bits set where true. */
typedef struct c_type {
  dtype element; /* of a truth: BOOL for one lane, else I8, I32 or I64 */
  int lanes;
  bool truth;
} c_type;

typedef struct c_known {
  uint32_t hash;
  const char *name;
} c_known;

/* Definitions are made where they are first asked for, after those that they need, so that a file
 * holds what it uses and nothing else. */
typedef struct c_unit {
  arena *arena;
  const target *target;
  bool shares_kernels; /* with other sources of the same library: they are hidden, not static */
  writer types, helpers, kernels;
  c_known *known; /* types and helpers that are defined */
  int known_count;
} c_unit;

c_unit c_unit_new(arena *a, const target *t);

/* True the first time that the name is given. */
bool c_first_use(c_unit *u, const char *name);

/* ---- types (c_type.c) ---- */

c_type c_scalar(dtype element);
c_type c_vector(dtype element, int lanes);
c_type c_truth(dtype compared, int lanes); /* of a comparison of values of this type */

/* The type that holds a loop value in a local; of a bool vector: a truth of 32-bit lanes. */
c_type c_type_of(loop_type t);

const char *c_suffix(c_unit *u, c_type t);      /* "f32x8", "i32": in names of helpers */
const char *c_spelling(c_unit *u, c_type t);    /* "f32x8", "int32_t"; defines vector types */
const char *c_element(dtype element);           /* as stored: "float", "uint8_t" */
const char *c_memory(c_unit *u, c_type t);      /* a vector type for unaligned access */
dtype c_bits(dtype element); /* the signed integer type of the same size; of f16 and bf16, i32 */
const char *c_unsigned(c_unit *u, c_type t);    /* the unsigned type of an integer type's size */

/* ---- helpers (c_helper.c, c_convert.c, c_half.c): each makes sure of a function and gives its name ---- */

const char *c_helper_op(c_unit *u, scalar_function f, c_type t); /* "maximum_f32x8" */
const char *c_helper_multiply_words(c_unit *u, c_type t); /* (x, y), i64: their low 32 bits, unsigned */
const char *c_helper_select(c_unit *u, c_type t);   /* (mask as wide as t, x, y) */
const char *c_helper_splat(c_unit *u, c_type t);
const char *c_helper_ramp(c_unit *u, c_type t);
const char *c_helper_insert(c_unit *u, c_type t);   /* (vector, lane, value) */
const char *c_helper_reduce(c_unit *u, scalar_function f, c_type t);
const char *c_helper_load(c_unit *u, c_type t);     /* (pointer); of a truth: from bytes */
const char *c_helper_store(c_unit *u, c_type t);    /* (pointer, value) */
const char *c_helper_load_masked(c_unit *u, c_type t);  /* (pointer, mask as wide as t) */
const char *c_helper_store_masked(c_unit *u, c_type t); /* (pointer, value, mask) */
const char *c_helper_cast(c_unit *u, c_type from, c_type to); /* to integers saturating */
void c_half_cast(c_unit *u, const char *name, c_type from, c_type to); /* from or to f16 or bf16 */
const char *c_helper_bits(c_unit *u, c_type from, c_type to); /* one lane */

/* A list over the lanes: "x[0] + y[0], x[1] + y[1]" of "x[#] + y[#]". */
const char *c_lanes(arena *a, int lanes, const char *pattern);

/* "4, 5, 6, 7": count numbers from first on. */
const char *c_numbers(arena *a, int first, int count);

/* Begins an inline function of the unit; definitions that it needs must be there already. */
void c_inline(c_unit *u, const char *result, const char *name, const char *parameters);

/* ---- expressions (c_expr.c) ---- */

/* What is known of a name in a function's body. */
typedef struct c_name {
  const void *key;  /* loop_variable or loop_buffer */
  const char *text; /* of a register buffer: of its first part, "acc" of "acc_3" */
  uint32_t hash;    /* of the text */
  c_type type;
  bool index;       /* made of loop variables and constants: its arithmetic does not overflow */
  bool natural;     /* not negative */
} c_name;

/* A function's body in the making. */
typedef struct c_body {
  c_unit *unit;
  writer *out;
  c_name *names; /* those in scope, innermost last */
  int name_count;
  const void **used; /* variables and buffers that are needed: a set, open addressing */
  size_t used_capacity;
  int used_count;
} c_body;

/* Text with what is around it left to know: how tightly it binds, and its type. */
typedef struct c_term {
  const char *text;
  int precedence;
  c_type type;
  bool index, natural;
} c_term;

c_term c_expression(c_body *b, const loop_expr *x);

/* The text, in parentheses where it binds less tightly than `precedence`. */
const char *c_inside(const c_body *b, c_term t, int precedence);

/* A truth of lanes as wide as the element type. */
const char *c_mask(c_body *b, const loop_expr *mask, dtype element);

/* "&a[i * 784 + k]" and "a[i * 784 + k]". */
const char *c_address(c_body *b, const loop_buffer *buffer, const loop_expr *const *index);
const char *c_place(c_body *b, const loop_buffer *buffer, const loop_expr *const *index);

/* Brings a name into scope, changed where it would hide or be another one's. */
const c_name *c_declare(c_body *b, const void *key, const char *wish, c_type type);

/* Makes sure of a function of vector mathematics. */
void c_function(c_unit *u, const loop_function *f);

/* ---- kernels (c_kernel.c): calls of those that have tasks pass threads as their first argument ---- */

void c_kernel(c_unit *u, const loop_kernel *k);

/* Declares a kernel that another source of the library defines. */
void c_declare_kernel(c_unit *u, const loop_kernel *k);

/* The whole file: the head, then types, helpers, kernels and the given rest. */
bool c_unit_write(const c_unit *u, FILE *out, const char *head, const char *rest);

/* The check that the compiler has what the target needs, without which it shall see nothing else:
 * c_unit_write ends what this begins. */
void c_write_target_check(writer *w, const target *t);

/* runtime/dnn_abi.h, made by the build (tools/embed_text.sh). */
extern const char dnn_abi_text[];

#endif
