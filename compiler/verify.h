/* The verifier: what every pass may rely on. */
#ifndef VERIFY_H
#define VERIFY_H

#include "graph.h"

/* Checks that nodes stand at their ids, operands before users and in the same graph, kinds and
 * numbers of attributes are those of the operator's row, graphs among them verify, types are what the type rules say, inputs
 * are listed once each, outputs and updates are nodes of the graph and updates' paths
 * distinct, and that slots of one path have one type. NULL, or what is wrong first, in arena a. */
const char *graph_violation(const graph *g, arena *a);

/* An internal error where the graph does not verify; `after` says after what. */
void graph_verify(const graph *g, const char *after);

#endif
