/* The operation by which a kernel made values that are not finite of others that are. */
#ifndef ORIGIN_H
#define ORIGIN_H

#include "observe.h"

typedef struct origin {
  const node *node;          /* NULL: computed one operation after the other, all is finite */
  const tensor *value;       /* of the node */
  int64_t element;           /* the first that is not finite */
  const tensor **operands;   /* of the node; one that was not computed is NULL */
  bool from_outside;         /* what is not finite in its operands was read by the kernel */
  const node *not_a_number;  /* the node that made NaN of the first one's infinity; or NULL */
  const node *loop;          /* in a turn of which it is; or NULL */
  int64_t turn;
} origin;

/* Evaluates what a step of an entry's plan computes, from the kernel's own inputs and rounded as the
 * kernel rounds, and follows what is at least so far from finite back to where it began. */
origin origin_find(arena *a, const module_entry *entry, const capture *inputs, uint64_t seed,
                   uint64_t step, finiteness least);

/* Adds it to the diagnostics: "log of 0 gives -inf" at its place in the model, and the ranges of its
 * operands. */
void origin_report(arena *a, diagnostics *d, const origin *o);

#endif
