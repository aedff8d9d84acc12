/* The text of a graph, which parses back to the same graph:
 *
 *   entry train(image: u8[64, 28, 28], rate: f32) {
 *     %2 = slot "net.w": f32[784, 10]
 *     %3 = cast %0: f32[64, 28, 28]
 *     %9 = dot %3, %8 left_contract=[1] right_contract=[0]: f32[64, 10]
 *     %12 = exp %11: f32[64, 10]
 *     return loss = %40, accuracy = %41
 *     update "net.w" = %60
 *   }
 *
 *   %2 = loop %0, %1 turns=[7] carries=[1] sequences=[1] reverse=[0] body=(turn: i64, h: f32, x: f32) {
 *     %3 = add %1, %2: f32
 *     return h = %3
 *   }: f32
 *
 * A line holds: the node's number; the operator's name, or a map's function; the operands; the
 * attributes by name; the type. Inputs are numbered by their place in the head, unless the
 * head says so (image %7: f32). A type attribute is the type itself, so it is not printed; empty
 * lists are left out. The graphs of a loop stand behind their attribute's name; their nodes have numbers
 * of their own. Reals print with the fewest digits that read back exactly; inf, nan. */
#ifndef GRAPH_TEXT_H
#define GRAPH_TEXT_H

#include <stdio.h>

#include "graph.h"

void graph_print(FILE *out, const graph *g);

/* Reads one entry; NULL after errors, which stand in the diagnostics. The graph's own
 * diagnostics are those given here. Locations of nodes are those in the text. */
graph *graph_parse(arena *a, diagnostics *d, const source *text);

#endif
