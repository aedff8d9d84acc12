/* Bodies of loops at run time under construction. A body is a graph of its own: what it reads of
 * the graphs around it becomes an input, when it is read. Which of these are carried is known at the
 * end: those whose name, or slot, has another value then. */
#ifndef DSL_LOOP_H
#define DSL_LOOP_H

#include "elaborator.h"

/* A value that the body takes from outside, as one input. */
typedef struct loop_leaf {
  node *outside, *inside; /* its value before the loop, and in a turn */
  node *next;             /* its value after a turn; NULL or `inside`: the same in all turns */
  bool named;             /* stands for one name or slot: not for others with this value */
} loop_leaf;

/* A slot that the body reads or updates: what the slot's record said before. */
typedef struct loop_slot {
  slot_record *slot;
  const graph *graph;
  node *current, *first;
  bool written;
  location written_at;
  int leaf;
} loop_slot;

typedef struct loop_body loop_body;
struct loop_body {
  loop_body *enclosing;
  graph *outer, *graph;
  int64_t turns;          /* 0: not known */
  node *turn;             /* i64; NULL: there are none */
  loop_leaf *leaves;
  int leaf_count;
  loop_slot *slots;
  int slot_count;
  loop_leaf *sequences;   /* `inside` is one turn's part */
  int sequence_count;
};

/* From open to close, nodes are built in the body. The body of a derivative rule has no turns: what it
 * draws has the turn of the graph around it. */
enum { LOOP_NONE = -1 };
void loop_open(elaborator *e, loop_body *body, int64_t turns);
void loop_close(elaborator *e);

/* True where the graph under construction is the innermost body. */
bool loop_is_open(const elaborator *e);

/* A new input of the body that stands for a value of the graph around it; its number among the
 * leaves. */
int loop_add_leaf(elaborator *e, loop_body *body, const char *name, node *outside, bool named);

/* One turn's part of a sequence; NULL after an error. */
node *loop_add_sequence(elaborator *e, loop_body *body, const char *name, node *outside);

/* The value with every tensor of a graph around the one under construction as a tensor of this one. */
value loop_import(elaborator *e, const char *name, value v);

/* What a slot is worth in a body that reads it for the first time. */
void loop_take_slot(elaborator *e, slot_record *s);

/* The turn that draws in the graph under construction have: a number over all loops around them. */
node *loop_draw_turn(elaborator *e);

/* The graph of the entry, or of the initial values, in which all loops lie. */
const graph *loop_root(const elaborator *e);

#endif
