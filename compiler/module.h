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
  REGION_CONTEXT,    /* the kernel argument is an i64[CONTEXT_WORDS] */
  REGION_TURN,       /* the turn, an i64, of the loop at depth `index` */
  REGION_CARRY       /* only in the plan of a loop's body: carry number `index` */
} region;

/* Words of the context; the size is that of the entry's bounded axes, which the caller gives. */
enum { CONTEXT_SEED, CONTEXT_STEP, CONTEXT_SIZE, CONTEXT_WORDS };

/* Where an argument of a kernel call lies. */
typedef struct placement {
  region region;
  int index;      /* of INPUT, OUTPUT, TURN, CARRY */
  int64_t offset; /* bytes, of the other regions; 64-byte aligned */
  const int64_t *moves; /* in a loop: bytes for each turn of the loops around, the outermost first */
  int move_count;
} placement;

typedef struct kernel_call {
  const loop_kernel *kernel;
  placement *arguments; /* one per kernel parameter */
  int number;           /* its place in module_calls */
} kernel_call;

typedef struct module_loop module_loop;

/* A call, or a loop; the other is NULL. */
typedef struct module_step {
  kernel_call *call;
  module_loop *loop;
  int planned; /* the step of the plan that it is a part of */
  const struct group *group; /* what it computes (fuse.h), for reports; NULL: it copies or clears */
} module_step;

typedef struct module_code {
  module_step *steps; /* in order */
  int count;
  const struct fusion *fusion; /* what it was made of (fuse.h), for reports */
} module_code;

/* A loop runs its body for the turns 0 to turns - 1, or, in reverse, turns - 1 to 0; before each turn its
 * condition, if there is one, after which the bool at `goes_on` tells whether to go on, or, in reverse, whether
 * to begin with this turn, after which it is asked no more. Turns that need nothing of each other may be shared out among tasks,
 * in which kernels run alone; each task needs a frame of scratch that no other one uses at the time, whose number moves places as
 * the turn of a loop at the next depth would. */
struct module_loop {
  int depth;     /* the number of loops around it */
  int64_t turns; /* 0: until the condition is false */
  int tasks;     /* as many as there are frames, at most 64; 0: one turn after the other, in one frame */
  int number;    /* of a loop with tasks: among those of the module */
  bool bounded;  /* as many turns as the size of the call, of which `turns` is the bound */
  bool reverse, conditional;
  module_code condition, body;
  placement goes_on;
  location at;   /* where the model asks for it */
};

typedef struct module_entry {
  const char *name;
  const graph *graph;   /* for names, types and provenance of inputs and outputs only */
  module_code code;
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
  const char *name; /* in C: the program's, unless that is none there (compile.h) */
  const target *target;
  const loop_kernel **kernels; /* unique up to names, in order of first call */
  int kernel_count;
  math_library *math;
  module_entry *entries;       /* entries[0] is "init" */
  int entry_count;
  module_code prepare;         /* calls only: packs what entries that write no slot read of slots, from PARAMETERS to
                                  CONSTANTS */
  module_slot *slots;          /* in the order of program.slots */
  int slot_count;
  int shared_loops;            /* those with tasks */
  int64_t parameter_bytes, constant_bytes, state_bytes, scratch_bytes;
  bool observed; /* entries tell an observer before each call of a kernel and after the last (c.h) */
} module;

/* The bounded size of an entry that its caller gives; maximum 0: it has none. */
dim module_size(const graph *g);

/* All calls of an entry, those in loops where they stand in its text. */
const kernel_call **module_calls(arena *a, const module_entry *e, int *count);

/* Fuses, orders, lowers and plans every entry of a program whose graphs are simplified. */
module *module_build(arena *a, const program *p, const target *t);

#endif
