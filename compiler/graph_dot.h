/* Pictures of graphs and of fused programs, in the language of Graphviz. */
#ifndef GRAPH_DOT_H
#define GRAPH_DOT_H

#include <stdio.h>

#include "compile.h"

/* Draws an entry of a program, or, of NULL, all but "init", as it is at a stage; false with
 * diagnostics where it cannot be compiled so far.
 *
 * At "elaborate", and after the pass of a name (pass.h): a box for each operator, input, output, slot
 * and new value of a slot, and an edge for each value with its type. Constants of one value stand in
 * the boxes of the functions that read them. A loop is a frame around what it runs. Boxes carry their
 * number in the graph and their place in the model's text as a tooltip.
 *
 * At "fuse" with a frame around each kernel: its name, place and words of the model. What is computed
 * where it is read stands in the frames of all kernels that read it, and views at the edges; slots and
 * numbers that are given stand beside each kernel that reads them. Copies are not drawn.
 *
 * At "kernels" with one box for each kernel, which lists the slots and numbers that it reads and
 * writes. */
bool graph_dot(FILE *out, program *p, diagnostics *d, const compile_options *options, const char *stage,
               const char *entry);

bool graph_dot_is_stage(const char *stage);
const char *graph_dot_stages(arena *a); /* all, with commas */

#endif
