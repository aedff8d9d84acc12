/* Values of the graph interpreter, which defines what a graph means: floats are computed in
 * double, integers and bool in int64 wrapped to their type. What a node of type f16 or bf16 computes
 * is rounded to it, once; f32 and f64 are not rounded. */
#ifndef TENSOR_H
#define TENSOR_H

#include "graph.h"

typedef struct tensor tensor;
struct tensor {
  tensor_type type;
  union {
    double *reals;  /* of floating types, row-major */
    int64_t *ints;  /* of integer types and bool */
  };
  tensor **results; /* of a loop: all of its results, of which this is the first; else NULL */
};

tensor *tensor_new(arena *a, const tensor_type *type); /* zeros */

/* The values of a tensor, without further results of a loop. */
tensor *tensor_copy(arena *a, const tensor *from);

/* Between tensors of one element type; offsets are row-major. */
void tensor_copy_element(const tensor *from, int64_t from_offset, tensor *to, int64_t to_offset);

/* What stop_gradient gave in one evaluation, in the order of computing, for others of the same graph and
 * results, in which it gives the same whatever it is given. */
typedef struct held_values {
  arena *arena;
  tensor **values;
  int count, next;
  bool known; /* false: they are noted */
} held_values;

/* What an evaluation depends on besides its inputs. */
typedef struct evaluation {
  arena *arena;
  uint64_t seed, step;
  bool rounds;   /* floats are rounded to their type after each operator, as a program of that
                  * type would; without it, what is computed is the meaning */
  int lost_bits; /* above 0: then rather to so many bits fewer than f32 and f64 have, with no limit
                  * of range, for estimates; and f16 and bf16, which are rounded only once a
                  * sum is complete, to half as many fewer */
  held_values *held; /* NULL: none */
  /* Called after each evaluation of a graph, of bodies of loops too, with the values of its nodes by id, NULL
   * where there is none, which live until it returns; NULL: nothing. */
  void (*evaluated)(void *context, const graph *g, const tensor *const *inputs, tensor *const *values);
  void *context;
} evaluation;

/* The value of a slot at the start of the entry; NULL where it is missing (an internal error). */
typedef const tensor *(*tensor_of_slot)(void *context, const char *path);

/* Evaluates every live node of the graph. inputs: one per graph input, of its type. Results: one
 * tensor per output and per update, in order, in e's arena. Bounded sizes stand at their maximum. */
void graph_eval(const evaluation *e, const graph *g, const tensor *const *inputs,
                tensor_of_slot slot, void *slot_context, tensor **outputs, tensor **updates);

/* Computes the values of some nodes of a graph. values: by node id, NULL where a value is not known;
 * those of the wanted nodes, and of what they need, are added. Inputs and slots must be known. */
void graph_eval_nodes(const evaluation *e, const graph *g, tensor **values, int count,
                      node *const *wanted);

/* Philox 4x32-10 (Salmon et al., 2011): four words from a counter and a key. */
void philox(uint32_t result[4], const uint32_t counter[4], const uint32_t key[2]);

/* Key of a draw: words 0 and 1 of Philox with key (seed low, seed high) and counter (site low,
 * site high, step low, step high). */
void philox_key(uint32_t key[2], uint64_t seed, uint64_t site, uint64_t step);

/* The pattern of one element: word (element mod 4) of Philox with the draw's key and counter
 * (element / 4 low, high, turn low, high). */
uint32_t philox_element(const uint32_t key[2], uint64_t element, uint64_t turn);

#endif
