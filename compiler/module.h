/* A module: everything that a backend needs to write a model, without tensor operators. */
#ifndef MODULE_H
#define MODULE_H

#include "loop.h"
#include "vector_math.h"
#include "program.h"
#include "target.h"

typedef enum region {
  REGION_INPUT,      /* index: the entry's argument */
  REGION_OUTPUT,
  REGION_PARAMETERS, /* offset in bytes */
  REGION_CONSTANTS,
  REGION_STATE,
  REGION_SCRATCH,
  REGION_CONTEXT     /* seed and step: the kernel argument is an i64[2] of them */
} region;

/* Where an argument of a kernel call lies. */
typedef struct placement {
  region region;
  int index;      /* of INPUT, OUTPUT */
  int64_t offset; /* bytes, of the other regions; 64-byte aligned */
} placement;

typedef struct kernel_call {
  const loop_kernel *kernel;
  placement *arguments; /* one per kernel parameter */
} kernel_call;

typedef struct module_entry {
  const char *name;
  const graph *graph;   /* for names, types and provenance of inputs and outputs only */
  kernel_call *calls;   /* in order */
  int call_count;
  bool writes;
  struct plan *plan;     /* of its memory (plan.h), for reports */
  int64_t scratch_bound; /* bytes of scratch that no order of the kernels could do without */
} module_entry;

typedef struct module_slot {
  const slot *slot;
  placement place;      /* in PARAMETERS or STATE */
} module_slot;

typedef struct module {
  const program *program;
  const target *target;
  const loop_kernel **kernels; /* unique up to names, in order of first call */
  int kernel_count;
  math_library *math;
  module_entry *entries;       /* entries[0] is "init" */
  int entry_count;
  module_slot *slots;          /* in the order of program.slots */
  int slot_count;
  int64_t parameter_bytes, constant_bytes, state_bytes, scratch_bytes;
} module;

/* Fuses, orders, lowers and plans every entry of a program whose graphs are simplified. */
module *module_build(arena *a, const program *p, const target *t);

#endif
