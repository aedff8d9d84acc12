/* Fusion: which nodes become one kernel. */
#ifndef FUSE_H
#define FUSE_H

#include "contraction.h"
#include "graph.h"
#include "index.h"
#include "target.h"

enum {
  GROUP_BUFFERS = 16,    /* inputs and outputs of a kernel at most */
  FUSE_MOST_INPUTS = 12, /* that a node by itself may read */
};

typedef enum group_kind {
  GROUP_MAP,         /* one domain, any number of outputs */
  GROUP_ROW,         /* outer × inner, reductions over the inner axes */
  GROUP_CONTRACTION, /* one dot or conv, its heart, maps over the axes of its result, and sums of these */
  GROUP_OPAQUE,      /* one operator that writes its own kernel, as gather does */
  GROUP_CONSTANT,    /* one constant of several values */
  GROUP_LOOP         /* a loop at run time and its results: kernels of its own, turn by turn */
} group_kind;

/* True where a carry of a loop is zero before the first turn: then its memory is cleared, and the loop does not
 * read the operand. */
bool group_begins_as_zeros(const node *loop, int operand);

/* How a kernel reads or writes memory: element `position` (row-major) of a node at each point of
 * the domain. */
typedef struct group_access {
  node *node;
  bool store, guarded;
  const index_expr *position;
} group_access;

/* An operand of a contraction as a strided view of a stored node: the element at coordinates (v…)
 * (contraction_operand_index) lies at position base + Σ strides · v of the root's elements,
 * row-major. Stored nodes are their own root. */
typedef struct operand_root {
  node *root;
  int64_t base, strides[MAX_RANK];
} operand_root;

operand_root contraction_operand_root(arena *a, const node *heart, int side);

/* A kernel to be: its members are computed inside; its outputs are stored. Its domain has the outer
 * variables, from number 0, each point of which is a row, and behind them the inner ones, which its
 * reductions run over. What is no member of any group (views, splats, cheap maps) is computed
 * where it is read. */
typedef struct group {
  group_kind kind;
  int id;
  node **members;     /* ascending ids */
  int member_count;
  node **outputs;     /* members whose values others need */
  int output_count;
  node **inputs;      /* nodes outside that it loads, after looking through views */
  int input_count;
  int outer_rank, inner_rank;
  int64_t outer[MAX_RANK], inner[MAX_RANK];
  bool outer_bounded[MAX_RANK], inner_bounded[MAX_RANK]; /* up to a size that each call gives */

  /* By member: the index in it that a point of the domain has (NULL: none), and of reductions the
   * index at which their operand is read. */
  const index_expr *const **homes, *const **reduced;

  /* Of a contraction, whose outer and inner axes are those of its result, the covered ones inside:
   * the node, and how it is computed. The first inputs are the roots of its operands. */
  node *heart;
  contraction *contraction;         /* without buffers */
  operand_root operands[2];
  struct group *prologues[2];       /* maps that compute an operand when it is copied, in place of
                                       reading its root (group_of_operand); NULL: none */
  contraction_schedule schedule;    /* of a group that is complete */
  int partial_sums;                 /* the output that holds sums over some of the blocks that a
                                       reduced axis is cut into; -1: none does */

  /* Of a contraction, by outer variable: sums behind it run over it. They are outputs that nothing in the group
   * reads; what a task adds up is one part of them (group_output_parts). */
  bool summed[MAX_RANK];

  group_access *accesses;
  int access_count;
  int64_t operations; /* scalar operations, where an addition is one */
  int quotients;      /* quotients and remainders in accesses, guards and positions */
  bool context;       /* it reads seed and step, or the size of bounded axes */

  int64_t scratch_bytes; /* of a loop: what it needs beside inputs and outputs; set before order_groups */

  /* inout_output[i] ≥ 0: input i has the memory of that output; every load of the input has the
   * store's own index map and none follows the store. Set by order_groups. */
  int *inout_output;
} group;

/* How many runs of a graph, one after the other, find the same in a value: the turns of a loop in its invariants, the
 * calls of an entry that writes no slot in the slots. 1: the next may find another. */
typedef struct fuse_runs {
  double constants;     /* what depends on nothing */
  double slots;
  const double *inputs; /* by number; NULL: 1 each */
} fuse_runs;

typedef struct fusion {
  arena *arena;
  const graph *graph;
  const target *target;
  group **groups;
  int group_count;
  int *group_of;     /* by node id: the group that it is a member of; -1: none */
  bool *stored;      /* by node id: it needs memory of its own, whatever is merged */
  fuse_runs runs;
  node ***readers;   /* by node id: the members of groups that read it, ascending ids */
  int *reader_count;
} fusion;

/* Runs that find the same in an input, a slot, or what is computed. */
double fuse_runs_alike(const fuse_runs *runs, const graph *g, const node *n);

/* Groups the nodes of an interned graph. Deterministic. */
fusion *fuse(arena *a, const graph *g, const target *t, fuse_runs runs);

/* ---- one group (fuse_form.c) ---------------------------------------------------------------- */

/* The group of these members (ascending ids): domain, homes, accesses; NULL where they cannot be
 * one kernel. */
group *group_form(arena *a, const fusion *f, node *const *members, int member_count);

/* Maps as they compute the elements of a contraction's operand: the domain has the operand's axes, and
 * nothing is stored. NULL where that cannot be. */
group *group_of_operand(arena *a, const fusion *f, node *const *members, int member_count,
                        node *operand);

/* Finds accesses, inputs and operations anew from the homes; false where they do not fit. */
bool group_survey(arena *a, const fusion *f, group *g);

/* ---- groups with a contraction (fuse_product.c) ---------------------------------------------- */

/* Finds the group's contraction, if it has one; false where there is something else than maps and sums beside
 * it, or what it multiplies. */
bool group_take_heart(arena *a, const fusion *f, group *g);

/* Ways of cutting an axis of a heart's result so that slices of it meet in one tile. */
typedef struct group_cut {
  int axis;       /* of the contraction */
  int64_t inside; /* contraction_cover */
} group_cut;

/* The contraction's group with the maps of another group, which have one output, as the prologue of
 * the operand whose root that is; NULL where that cannot be. *cycles is what it takes longer. */
group *group_absorb(arena *a, const fusion *f, const group *product, const group *maps,
                    double *cycles);

/* Those that the slices among some nodes suggest, at most `most`. */
int group_cuts(const group *g, node *const *nodes, int count, group_cut *cuts, int most);

/* An index at one part of the covered axis, of which there is one. */
const index_expr *const *group_part(arena *a, const group *g, const index_expr *const *at, int rank,
                                    int64_t part);

/* Chooses the schedule of a contraction's group that is complete, and where its partial sums lie: the
 * heart becomes an output where no other can hold them. */
void group_complete(const fusion *f, group *g);

/* True where an output is a sum of what follows from a contraction. */
bool group_is_sum(const group *g, const node *output);

/* How many parts of an output the kernel of a complete group writes, one after the other, which are then to be added up: of
 * such a sum as many as the schedule has for the axes that are summed; of any other one. */
int64_t group_output_parts(const group *g, const node *output);

/* True where sums behind a contraction cost less than a kernel of their own: their terms lie side by side in vectors, and
 * each task, of which shared axes make many, adds up several. */
bool group_may_sum(const fusion *f, const group *g);

/* True where an operand is packed, and the input is among what its elements are made of. */
bool group_packs(const group *g, int side, const node *input);

/* True where the kernel itself reads the input: not only what packs an operand for it. */
bool group_loads(const group *g, const node *input);

/* What the kernel mainly is, after which reports name it: its heart, its first reduction, its first output. */
const node *group_main(const group *g);

/* The number of a node among members, inputs or outputs; -1: it is none. */
int group_member(const group *g, const node *n);
int group_input(const group *g, const node *n);
int group_output(const group *g, const node *n);

/* True where the group computes the node: members, and what belongs to no group. */
bool group_computes(const fusion *f, const group *g, const node *n);

/* ---- what a group does (fuse_cost.c) ----------------------------------------------------------- */

/* Scalar operations for one element of the node, where an addition is one. */
int group_weight(const node *n);

/* How often an element at this index is computed: once for each value of the variables in it. Bounded,
 * so that sums of operations do not overflow. */
int64_t group_repetitions(const group *g, const index_expr *const *at, int rank);

/* Estimated cycles. */
double group_cost(const fusion *f, const group *g);

/* How many elements of an input or output it touches in memory, at most: of one of which each point of the
 * domain reads an element, no more than there are points. May exceed the node's. */
int64_t group_elements_read(const group *g, const node *input);
int64_t group_elements_written(const group *g, const node *output);

/* The node whose memory holds an operand of an opaque operator or a loop: reshapes move nothing. */
node *group_root(node *operand);

/* True where the kernel only reads the input where it stores the output. Loads that follow the
 * store there are none: lowering stores an output that overwrites an input in the last pass. */
bool group_reads_in_place(const group *g, const node *input, const node *output);

#endif
