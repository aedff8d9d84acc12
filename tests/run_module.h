/* Modules run by the interpreter of the loop form, over planned memory. */
#ifndef RUN_MODULE_H
#define RUN_MODULE_H

#include "compare.h"
#include "module.h"

/* Memory of a model, and the context of a run. */
typedef struct module_memory {
  void *parameters, *constants, *state, *scratch;
  uint64_t seed, step;
  int64_t size; /* of bounded axes */
} module_memory;

module_memory *module_memory_new(arena *a, const module *m);

/* Runs the calls of an entry; inputs and outputs are dense arrays. Scratch starts as 0xff bytes. NULL,
 * or what was wrong, with the kernel's name. */
const char *run_entry(arena *a, const module *m, const module_entry *e, module_memory *memory,
                      void *const *inputs, void *const *outputs);

/* A program of one entry: its slots are those that the graph reads or updates. The initial values of
 * slots are zeros. */
program *program_of_graph(arena *a, graph *g);

/* The same of several, whose names and paths of slots differ. */
program *program_of_graphs(arena *a, int count, graph *const *graphs);

const target *test_target(arena *a);

/* Builds, runs and compares with the graph interpreter all outputs and updates, for inputs in [low,
 * high) and slots that are random too. NULL where they agree, else a message. */
const char *run_and_compare(arena *a, graph *g, double low, double high, tolerance t);

/* The same for a module that was built before from program_of_graph(g). */
const char *run_module_and_compare(arena *a, const module *m, const graph *g, double low,
                                   double high, tolerance t);

#endif
