/* The two checks of `dnn check`, and what they share: random inputs and slots in the
 * interpreter's values. */
#ifndef CHECK_H
#define CHECK_H

#include "dnn_rt.h"
#include "options.h"
#include "tensor.h"

/* Random numbers that are a function of a seed and a purpose. */
typedef struct random_numbers {
  uint32_t key[2];
  uint64_t drawn;
} random_numbers;

random_numbers random_new(uint64_t seed, uint64_t purpose);
double random_uniform(random_numbers *r);                            /* in (0, 1) */
double random_normal(random_numbers *r);                             /* Box and Muller, 1958 */
int64_t random_integer(random_numbers *r, int64_t low, int64_t high); /* both included */

/* Values for an entry's inputs: normal reals; positive ones up to 0.1 for scalars, which are
 * rates; integers by the options' ranges, else each by its uses as an index or class (input_range.h), else 0
 * to 9 for scalars and vectors, and any byte (or 0 to 255) for the rest. */
tensor **check_inputs(arena *a, const graph *entry, const options *o, random_numbers *r);

/* False with a diagnostic where --range names no input that takes integers. */
bool check_ranges(diagnostics *d, const program *p, const options *o);

/* The values of a program's slots. */
typedef struct slot_values {
  const program *program;
  tensor **values; /* in the order of program.slots */
} slot_values;

/* Slots as their initialisers give them. */
slot_values check_initial(arena *a, const program *p, uint64_t seed);

/* A tensor_of_slot over slot_values. */
const tensor *check_slot(void *slots, const char *path);

/* What was compared. */
typedef struct check_counts {
  int64_t gradients, directions;  /* by finite differences */
  int64_t calls, arrays, elements; /* of compiled code */
} check_counts;

/* The checks print their findings, count what they compare and return the number of failures. */

/* For every entry, every scalar output and every parameter on which it depends: the gradient times
 * a random direction against signed central differences, by the interpreter in double. What
 * stands under stop_gradient is held at its value. Where they differ, the elements' own differences
 * name the one that is furthest off; of a large parameter the direction is halved before, towards
 * the half that is further off. */
int check_gradients(arena *a, const program *p, const options *o, check_counts *counts);

/* The same for one entry from given slots. Without hold, stop_gradient makes gradients wrong, which
 * tests use. */
int check_entry_gradients(const graph *entry, const slot_values *slots, const options *o,
                          random_numbers *r, bool hold, check_counts *counts);

/* Compiled code against the interpreter, from random inputs: first values of all slots, then
 * every output and every slot after each of several calls of each entry. In f64 values agree to
 * 1e-9 of the array's size (the root of its mean square) and of themselves, in f32 to 1e-5, in f16
 * and bf16 to their last bit, and to the smallest normal number, below which compiled code has zeros. What rounding decides is not determined as far as that: a gradient that is
 * zero but for rounding, and the step of an optimiser that divides it by its size. So twice the
 * largest difference is allowed, too, that the interpreter shows there when each operation is
 * rounded to three, four and five bits fewer than its type has; an integer may differ where that
 * changes it. -1 after an error that has been printed. */
int check_model(arena *a, const program *p, const dnn_model *compiled, const options *o,
                bool real_f64, check_counts *counts);

/* Compiles the options' file for check_model. -1 after an error that has been printed or is in the
 * diagnostics. */
int check_compiled(arena *a, diagnostics *d, const options *o, bool real_f64,
                   check_counts *counts);

#endif
