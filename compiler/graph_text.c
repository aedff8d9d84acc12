/* Prints a graph; graph_parse.c reads it back. */
#include "graph_text.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "op.h"
#include "scalar.h"

static void print_quoted(FILE *out, const char *text) {
  fputc('"', out);
  for (const char *c = text; *c; c++) {
    if (*c == '"' || *c == '\\')
      fprintf(out, "\\%c", *c);
    else if (iscntrl((unsigned char)*c))
      fprintf(out, "\\x%02x", (unsigned char)*c);
    else
      fputc(*c, out);
  }
  fputc('"', out);
}

/* An identifier as it is, anything else quoted. */
static void print_name(FILE *out, const char *name) {
  bool plain = isalpha((unsigned char)name[0]) || name[0] == '_';
  for (const char *c = name; *c; c++) plain = plain && (isalnum((unsigned char)*c) || *c == '_');
  if (plain)
    fputs(name, out);
  else
    print_quoted(out, name);
}

static void print_type(FILE *out, const tensor_type *t) {
  fputs(dtype_name(t->element), out);
  for (int i = 0; i < t->rank; i++) {
    fputs(i == 0 ? "[" : ", ", out);
    if (t->dims[i].symbol) fprintf(out, "%s <= ", t->dims[i].symbol);
    fprintf(out, "%lld%s", (long long)t->dims[i].maximum, i == t->rank - 1 ? "]" : "");
  }
}

/* The fewest digits that read back as the same number. */
static void print_real(FILE *out, double x) {
  char text[40];
  if (isnan(x)) {
    fputs("nan", out);
    return;
  }
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, x);
    if (strtod(text, NULL) == x) break;
  }
  fputs(text, out);
}

/* Lists by name unless empty; a text as it is, behind other attributes by name unless empty; a type not at all, since it is the result's. */
static void print_attribute(FILE *out, const node *n, int position) {
  const attribute *value = &n->attributes[position];
  char name[32];
  op_attribute(n->op, position, name);
  if (value->kind == ATTRIBUTE_TEXT && (position == 0 || *value->text)) {
    fprintf(out, position == 0 ? " " : " %s=", name);
    print_quoted(out, value->text);
  }
  if (value->kind == ATTRIBUTE_TEXT || value->kind == ATTRIBUTE_TYPE || value->count == 0) return;
  fprintf(out, " %s=[", name);
  for (int i = 0; i < value->count; i++) {
    if (i > 0) fputs(", ", out);
    if (value->kind == ATTRIBUTE_INTS)
      fprintf(out, "%lld", (long long)value->ints[i]);
    else
      print_real(out, value->reals[i]);
  }
  fputc(']', out);
}

static void print_graph(FILE *out, const graph *g, int depth);

/* name=(…) { … }, in a node that stands at this depth. */
static void print_graph_attribute(FILE *out, const node *n, int position, int depth) {
  const graph *g = n->attributes[position].graph;
  char name[32];
  op_attribute(n->op, position, name);
  if (!g) return;
  fprintf(out, " %s=", name);
  print_graph(out, g, depth);
}

static void print_node(FILE *out, const node *n, int depth) {
  fprintf(out, "%*s%%%d = %s", 2 * depth, "", n->id,
          n->op == OP_MAP ? scalar_infos[n->function].name : op_infos[n->op].name);
  for (int i = 0; i < n->operand_count; i++)
    fprintf(out, "%s%%%d", i ? ", " : " ", n->operands[i]->id);
  for (int i = 0; i < n->attribute_count; i++) {
    if (n->attributes[i].kind == ATTRIBUTE_GRAPH)
      print_graph_attribute(out, n, i, depth);
    else
      print_attribute(out, n, i);
  }
  fputs(": ", out);
  print_type(out, &n->type);
  fputc('\n', out);
}

static void print_inputs(FILE *out, const graph *g) {
  fputc('(', out);
  for (int i = 0; i < g->input_count; i++) {
    if (i > 0) fputs(", ", out);
    print_name(out, g->inputs[i].name);
    if (g->inputs[i].node->id != i) fprintf(out, " %%%d", g->inputs[i].node->id);
    fputs(": ", out);
    print_type(out, &g->inputs[i].node->type);
  }
  fputc(')', out);
}

/* What stands behind a graph's name, up to its closing brace; nodes one level deeper. */
static void print_graph(FILE *out, const graph *g, int depth) {
  int inner = 2 * (depth + 1);
  print_inputs(out, g);
  fputs(" {\n", out);
  for (int id = 0; id < g->node_count; id++)
    if (g->nodes[id]->op != OP_INPUT) print_node(out, g->nodes[id], depth + 1);
  for (int i = 0; i < g->output_count; i++) {
    if (i > 0)
      fputs(", ", out);
    else
      fprintf(out, "%*sreturn ", inner, "");
    print_name(out, g->outputs[i].name);
    fprintf(out, " = %%%d", g->outputs[i].node->id);
  }
  if (g->output_count > 0) fputc('\n', out);
  for (int i = 0; i < g->update_count; i++) {
    fprintf(out, "%*supdate ", inner, "");
    print_quoted(out, g->updates[i].name);
    fprintf(out, " = %%%d\n", g->updates[i].node->id);
  }
  fprintf(out, "%*s}", 2 * depth, "");
}

void graph_print(FILE *out, const graph *g) {
  fputs("entry ", out);
  print_name(out, g->name);
  print_graph(out, g, 0);
  fputc('\n', out);
}
