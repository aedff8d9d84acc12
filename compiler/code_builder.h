/* The code of one graph in the making; shared by code.c (kernels, steps, the plan), code_pack.c (what is
 * packed in front of loops, and by prepare) and code_place.c (where all of it lies in the end). */
#ifndef CODE_BUILDER_H
#define CODE_BUILDER_H

#include "build.h"
#include "lower.h"
#include "module.h"
#include "order.h"
#include "plan.h"

/* An argument of a call that is no value of the plan: seed and step. */
enum { CONTEXT = -1 };

typedef struct builder builder;

/* An operand that the turns of a loop have packed, before the first of them. */
typedef struct packing {
  const loop_kernel *kernel;
  int *inputs;    /* of the loop's body, of which it is packed */
  int input_count;
  int further;    /* what packs it for the runs of the graph around, where it is the same in all of them: a number among
                     that loop's, or a step of prepare; -1: it is not */
} packing;

/* A loop whose turns are planned. Values are those of the builder around it. */
typedef struct planned_loop {
  const node *node;
  loop_shape shape;
  builder *body, *condition; /* condition NULL: none */
  int *operands, *results;   /* values; results by number: where carries live, and stacks */
  int tasks;                 /* that share out the turns; 0: one follows the other */
  int frame;                 /* the value in which the turns have their scratch, in a frame for each task; -1: they need none */
  int64_t goes_on;           /* of the frame: where the condition puts its outcome */
  packing *packings;
  int packing_count;
  int *packed;               /* values, by packing */
} planned_loop;

/* A call whose arguments are values of the plan, or a loop. */
typedef struct planned_step {
  const loop_kernel *kernel; /* NULL: a loop */
  int *arguments;
  int argument_count;
  const planned_loop *loop;
  const group *group; /* NULL: a copy, or zeros */
  int planned; /* the step of the plan that it is a part of */
} planned_step;

struct builder {
  arena *arena;
  module *module;
  const graph *graph;
  builder *outer;           /* of the graph that has the loop; NULL: an entry */
  planned_loop *loop;       /* whose body or condition this is; NULL: an entry */
  int depth;                /* loops around */
  fuse_runs runs;
  fusion *fusion;
  planned_loop **loops;     /* by group; NULL: none */
  order *order;
  plan plan;
  int *value_of;            /* by node id: where the node's value lies; -1: nowhere */
  int *aside;               /* by update: where the slot that it takes over was set aside */
  int *packed;              /* by packing of the loop, or step of prepare: the value of what it packs; -1: none yet */
  int packed_count;
  planned_step *steps;      /* of the plan's steps that are no joins */
  int step_count;
};

/* The module's kernel that equals the given one, which is named and added where there is none. */
const loop_kernel *code_settle_kernel(arena *a, module *m, loop_kernel *k, const char *words);

void code_add_argument(builder *b, planned_step *c, int value);

/* Of a body the slots are its carries, whose paths end with their numbers. */
placement code_slot_place(const builder *b, const char *path);

/* ---- code_pack.c ------------------------------------------------------------------------------- */

/* The value of a group's operand as the loop around or prepare packs it, or as it is packed in front of the group's kernel,
 * which is to be called next. */
int code_pack(builder *b, lowering *l, const group *g, int side);

/* The node whose value a loop's turns take as an input that is not the turn. */
const node *code_outside_of(const planned_loop *l, int input);

/* Leaves what stays the same in the turns of the loop around b too, or in the calls of the entry, to that or to prepare. */
void code_pack_further(builder *b, planned_loop *l);

/* Bytes of what a kernel packs that does nothing else. */
int64_t code_packed_bytes(const loop_kernel *k);

/* Packs before the first turn of a loop, whose step of the plan that is. */
void code_call_packings(builder *b, planned_loop *l, plan_step *s);

/* Bytes of scratch of one turn, its condition with it. */
int64_t code_frame_bytes(const planned_loop *l);

/* ---- code_place.c ------------------------------------------------------------------------------ */

/* The calls and loops of a graph whose plan is complete, with that of what is around it. */
module_code code_places(const builder *b);

#endif
