/* What pictures in the language of Graphviz have in common: its program `dot` lays them out. */
#ifndef DOT_H
#define DOT_H

#include <stdio.h>

#include "program.h"

/* Boxes have the colour of their kind. */
typedef enum dot_kind {
  DOT_INPUT, DOT_OUTPUT, DOT_PARAMETER, DOT_STATE, DOT_CONSTANT, DOT_DRAW, DOT_MAP, DOT_VIEW,
  DOT_REDUCTION, DOT_CONTRACTION, DOT_OPAQUE, DOT_KINDS
} dot_kind;

/* p: NULL where the graph is what a loop runs, whose slots are carries. */
dot_kind dot_kind_of(const program *p, const node *n);
dot_kind dot_slot_kind(const program *p, const char *path);

void dot_begin(FILE *out, const char *name);
void dot_end(FILE *out);

/* Texts may hold anything: what is no character that can be shown becomes '?'. */
void dot_box(FILE *out, const char *name, const char *label, dot_kind k, const char *tooltip);

/* A box with rows below its title and what is printed small under it. */
void dot_table_begin(FILE *out, const char *name, const char *title, const char *about, dot_kind k,
                     const char *tooltip);
void dot_table_row(FILE *out, const char *text, dot_kind k);
void dot_table_end(FILE *out);

void dot_edge(FILE *out, const char *tail, const char *head, const char *label);
void dot_frame_begin(FILE *out, const char *name, const char *label, const char *color);
void dot_frame_end(FILE *out);

/* Of OP_MAP its function's. */
const char *dot_operator(const node *n);

/* "nn.dnn:39:11\nconv(x, w)" */
const char *dot_about(arena *a, const node *n);

/* "%12 at std/nn.dnn:39:11: conv(x, w)" */
const char *dot_tooltip(arena *a, const node *n);

/* Of a loop: "loop of 7 turns". */
const char *dot_loop_label(arena *a, const node *loop);

/* The path of a slot; of a carry its name, and its number, which is else -1. */
const char *dot_slot_name(arena *a, const program *p, const char *path, int *carry);

#endif
