/* One program run in every way: the graph interpreter, the loop interpreter and compiled C. */
#ifndef DIFFERENTIAL_H
#define DIFFERENTIAL_H

#include "module.h"
#include "program.h"
#include "target.h"

/* A planted fault: in the loops, which both the interpreter and the C have, or in the C alone. */
typedef enum differential_fault { NO_FAULT, FAULT_IN_LOOPS, FAULT_IN_C } differential_fault;

/* What is compared beside the graph interpreter. */
typedef enum differential_ways { LOOPS = 1, COMPILED = 2, ALL_WAYS = 3 } differential_ways;

/* How much a comparison with the graph interpreter says, over all elements of results. */
typedef struct differential_counts {
  int64_t elements, unknown; /* unknown: no bound is known, so that anything passes */
  int64_t loose; /* the bound is wider than 1e-9 (f64), 1e-3 (f32) or 0.1 of max(1, |value|) */
} differential_counts;

typedef struct differential {
  const target *target;
  uint64_t seed;       /* of inputs */
  int rounds;          /* each calls every entry once, in order, and keeps what it updates */
  double low, high;    /* reals among the inputs lie in [low, high) */
  double least, most;  /* and integers */
  bool random_slots;   /* they start random in [-1, 1); else with the program's initial values */
  bool special_inputs; /* NaN, infinities, denormals, extremes among the inputs */
  differential_ways ways;
  const char *compiler;     /* of the C; NULL: "cc" */
  const char *const *flags; /* its flags, after the target's; ends with NULL; NULL: "-O1" */
  double relative; /* above 0: this bound, of |value| + the root of the mean square, instead of
                    * the propagated ones */
  differential_fault fault;
  differential_counts *counts; /* added to; NULL: not wanted */
  /* The program again, with the number i, fixed_size(bound, i), in the place of bounded sizes. Entries that
   * have one are called with each, and mean what that program means. None: they are called at
   * the bound. */
  program *const *fixed;
  int fixed_count;
  int64_t (*fixed_size)(int64_t bound, int which);
} differential;

/* Compiles a program whose graphs have seen no pass, runs its entries in rounds, and compares: the
 * loops with the graph interpreter, element by element within its bounds (error_bound.h), and the
 * C, with one thread and with several, with the loops to the bit (any NaN is any NaN), or with the
 * graph interpreter where loops are left out. Each call starts from the values that the last one
 * left. NULL where all agree, else what does not: "loops: ENTRY: output y: …", "C, one thread: …",
 * "dnnc: …", "cc: …". */
const char *differential_check(arena *a, program *p, const differential *how);

/* Runs a check in a child process, which may crash or hang ("ended by signal 11"); its message is
 * copied into a. */
const char *differential_apart(arena *a, const char *(*check)(arena *a, void *context),
                               void *context);

/* Counts that a child process can add to; never freed. */
differential_counts *differential_counts_new(void);

/* True where two messages tell of one kind of failure: the same way. */
bool differential_alike(const char *x, const char *y);

/* The targets that DIFF_TARGET names, or all four levels: those that this processor runs; the
 * others are told on standard output. Ends with NULL. */
const target **differential_targets(arena *a);

/* One of them for each number, in turn. */
const target *differential_target(const target *const *targets, size_t number);

/* An integer of the environment. */
int64_t differential_number(const char *name, int64_t otherwise);

#endif
