/* Functions of the compiler: what the library cannot write in the language. */
#ifndef NATIVE_H
#define NATIVE_H

#include "elaborator.h"

/* A call of a native function. Statics by position and by name are apart: the native takes those
 * by name with native_option. So are arguments: those by name come last, and native_named takes
 * them. */
typedef struct native_call {
  const struct native *native;
  location at;
  const ast *site;         /* of the call; NULL: none of its own */
  const char *label;       /* "uniform_0": the place of a draw */
  argument_list statics;
  argument_list arguments; /* by position */
  argument_list named;     /* by name */
} native_call;

typedef value native_function(elaborator *e, const native_call *c);

typedef struct native {
  const char *name;
  int least, most;         /* arguments in parentheses */
  int least_statics, most_statics; /* by position */
  const char *options;     /* names that brackets may hold, separated by blanks */
  native_function *call;
  int code;                /* what distinguishes rows of one function */
  const char *names;       /* of arguments that parentheses may hold by name, as `options` */
} native;

const native *native_find(const char *name);
void native_names(arena *a, const char ***names, int *count);

/* Checks the counts and names of the arguments and calls. */
value native_apply(elaborator *e, const native_call *c);

/* The value of an option, or poison with *given false. */
value native_option(const native_call *c, const char *name, bool *given);

/* The value of an argument by name, or poison with *given false. */
value native_named(const native_call *c, const char *name, bool *given);

/* An option that is an integer or a truth value; the default where it is not given. False after an
 * error. */
bool native_integer_option(elaborator *e, const native_call *c, const char *name, int64_t *out);
bool native_truth_option(elaborator *e, const native_call *c, const char *name, bool *out);

/* Argument i as a tensor. NULL after an error. */
node *native_tensor(elaborator *e, const native_call *c, int i);

/* The axis counted from the front. False after an error where there is no such axis. */
bool native_axis_of(elaborator *e, const native_call *c, int rank, int64_t *axis);

/* Axes in brackets, tuples spliced, negative ones counted from the end, without repetition. None
 * given: `fallback` is taken (MAX_RANK: all). False after an error. */
bool native_axes(elaborator *e, const native_call *c, int rank, int fallback, int *count,
                 int64_t axes[MAX_RANK]);

/* Sizes in brackets, tuples spliced, as the shape of a type. False after an error. */
bool native_sizes(elaborator *e, const native_call *c, tensor_type *sizes);

/* One integer that stands for each of count axes, or a tuple of one for each. False after an
 * error. */
bool native_each(elaborator *e, location at, value v, const char *what, int count, int64_t *out);

/* The type of a fill or a draw: sizes in brackets; else `like`, where not NULL; else, in an initial
 * value, the declared type's sizes; else a scalar. False after an error. */
bool native_result_type(elaborator *e, const native_call *c, dtype element,
                        const tensor_type *like, tensor_type *type);

/* Reports draws at different places whose sites hash alike: they would draw the same numbers. */
void native_check_sites(elaborator *e);

/* Rows of the table, by family. The last has no name. */
extern const native native_elementwise[], native_shapes[], native_reductions[], native_random[],
    native_calculus[], native_slots[], native_axis[];

#endif
