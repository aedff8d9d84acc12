/* Fusion: which nodes become one kernel. */
#ifndef FUSE_H
#define FUSE_H

#include "graph.h"
#include "target.h"

typedef enum group_kind {
  GROUP_MAP,         /* one domain, any number of outputs */
  GROUP_ROW,         /* outer × inner, reductions over the inner axes */
  GROUP_CONTRACTION  /* one dot or conv */
} group_kind;

/* A kernel to be: its members are computed inside; its outputs are stored. */
typedef struct group {
  group_kind kind;
  int id;
  node **members;     /* ascending ids; views and constants may belong to several groups */
  int member_count;
  node **outputs;     /* members whose values others need */
  int output_count;
  node **inputs;      /* nodes outside that it loads, after looking through views */
  int input_count;
  int outer_rank, inner_rank;
  int64_t outer[MAX_RANK], inner[MAX_RANK];
  /* inout_output[i] ≥ 0: input i has the memory of that output; every load of the input has the
   * store's own index map and none follows the store. */
  int *inout_output;
} group;

typedef struct fusion {
  graph *graph;
  group **groups;
  int group_count;
  int *group_of; /* by node id: the group that stores or computes it; -1: none */
} fusion;

/* Groups the nodes of an interned graph. Deterministic. */
fusion *fuse(arena *a, graph *g, const target *t);

#endif
