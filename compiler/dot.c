#include "dot.h"

#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "op.h"
#include "scalar.h"

/* ---- kinds ----------------------------------------------------------------------------------- */

static const struct {
  const char *color, *style;
} looks[DOT_KINDS] = {
    [DOT_INPUT] = {"#bfdcf5", "filled,rounded"},   [DOT_OUTPUT] = {"#c3e6c0", "filled,rounded"},
    [DOT_PARAMETER] = {"#ffdf80", "filled,rounded"}, [DOT_STATE] = {"#fff2c4", "filled,rounded"},
    [DOT_CONSTANT] = {"#e6e6e6", "filled"},        [DOT_DRAW] = {"#f5cfe4", "filled"},
    [DOT_MAP] = {"#ffffff", "filled"},             [DOT_VIEW] = {"#f4f4f4", "filled,dashed"},
    [DOT_REDUCTION] = {"#d8d0f0", "filled"},       [DOT_CONTRACTION] = {"#f5a97f", "filled"},
    [DOT_OPAQUE] = {"#a9dcd6", "filled"},
};

dot_kind dot_slot_kind(const program *p, const char *path) {
  const slot *found = p ? program_slot(p, path) : NULL;
  return found && found->kind == SLOT_PARAM ? DOT_PARAMETER : DOT_STATE;
}

dot_kind dot_kind_of(const program *p, const node *n) {
  double value;
  if (n->op == OP_INPUT) return DOT_INPUT;
  if (n->op == OP_SLOT) return dot_slot_kind(p, node_text(n, 0));
  if (n->op == OP_KEY || n->op == OP_BITS) return DOT_DRAW;
  if (op_has(n->op, LEAF) || node_is_splat(n, &value)) return DOT_CONSTANT;
  if (op_has(n->op, VIEW)) return DOT_VIEW;
  if (op_has(n->op, REDUCTION)) return DOT_REDUCTION;
  if (op_has(n->op, CONTRACTION)) return DOT_CONTRACTION;
  return op_has(n->op, OPAQUE) ? DOT_OPAQUE : DOT_MAP;
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* Prints what may stand in a picture; `special` prints the characters that mean something there, and
 * is false for others. */
static void print_text(FILE *out, const char *text, bool (*special)(FILE *out, char c)) {
  const int length = (int)strlen(text);
  for (int i = 0; i < length;) {
    int bytes = diag_character(text + i, length - i);
    if (special(out, text[i])) bytes = 1;
    else if (bytes) fwrite(text + i, 1, (size_t)bytes, out);
    else putc('?', out);
    i += bytes ? bytes : 1;
  }
}

static bool special_in_quotes(FILE *out, char c) {
  if (c == '\n') fputs("\\n", out);
  else if (c == '&') fputs("&amp;", out);
  else if (c == '"' || c == '\\') fprintf(out, "\\%c", c);
  else return false;
  return true;
}

static bool special_in_html(FILE *out, char c) {
  static const char specials[] = "&<>\"\n";
  static const char *const forms[] = {"&amp;", "&lt;", "&gt;", "&quot;", "<br/>"};
  const char *found = c ? strchr(specials, c) : NULL;
  if (found) fputs(forms[found - specials], out);
  return found;
}

static void print_quoted(FILE *out, const char *text) {
  putc('"', out);
  print_text(out, text, special_in_quotes);
  putc('"', out);
}

static void print_html(FILE *out, const char *text) { print_text(out, text, special_in_html); }

static void print_attribute(FILE *out, const char *name, const char *text) {
  fprintf(out, " %s=", name);
  print_quoted(out, text);
}

const char *dot_operator(const node *n) {
  return n->op == OP_MAP ? scalar_infos[n->function].name : op_infos[n->op].name;
}

const char *dot_about(arena *a, const node *n) {
  if (!n->at.source) return "";
  const char *place = diag_place(a, n->at), *slash = strrchr(place, '/');
  return arena_printf(a, "%s\n%s", slash ? slash + 1 : place, diag_words(a, n->at, 40));
}

const char *dot_tooltip(arena *a, const node *n) {
  const char *number = arena_printf(a, "%%%d", n->id);
  if (!n->at.source) return number;
  return arena_printf(a, "%s at %s: %s", number, diag_place(a, n->at), diag_words(a, n->at, 60));
}

const char *dot_loop_label(arena *a, const node *loop) {
  loop_shape s = loop_shape_of(loop);
  if (!s.turns) return "loop";
  return arena_printf(a, "loop of %lld turns%s", (long long)s.turns,
                      s.reverse ? ", the last first" : "");
}

const char *dot_slot_name(arena *a, const program *p, const char *path, int *carry) {
  const char *blank = p ? NULL : strrchr(path, ' ');
  *carry = blank ? atoi(blank + 1) : -1;
  return blank ? arena_text_n(a, path, (size_t)(blank - path)) : path;
}

/* ---- elements -------------------------------------------------------------------------------- */

void dot_begin(FILE *out, const char *name) {
  fputs("digraph ", out);
  print_quoted(out, name);
  fputs(" {\n"
        "  graph [fontname=\"Helvetica\" fontsize=10 color=\"#c0c0b0\" ranksep=0.3 nodesep=0.2]\n"
        "  node [shape=box fontname=\"Helvetica\" fontsize=11 height=0.3 margin=\"0.1,0.04\"]\n"
        "  edge [fontname=\"Helvetica\" fontsize=8 fontcolor=\"#505050\" color=\"#707070\" "
        "arrowsize=0.6]\n",
        out);
}

void dot_end(FILE *out) { fputs("}\n", out); }

void dot_box(FILE *out, const char *name, const char *label, dot_kind k, const char *tooltip) {
  fputs("  ", out);
  print_quoted(out, name);
  fprintf(out, " [fillcolor=\"%s\" style=\"%s\"", looks[k].color, looks[k].style);
  print_attribute(out, "label", label);
  if (tooltip) print_attribute(out, "tooltip", tooltip);
  fputs("]\n", out);
}

void dot_table_begin(FILE *out, const char *name, const char *title, const char *about, dot_kind k,
                     const char *tooltip) {
  static const char table[] = "<table border=\"0\" cellspacing=\"0\"";
  fputs("  ", out);
  print_quoted(out, name);
  fputs(" [shape=plain", out);
  print_attribute(out, "tooltip", tooltip);
  fprintf(out, " label=<%s cellborder=\"1\" cellpadding=\"4\"><tr><td bgcolor=\"%s\">%s><tr><td>", table,
          looks[k].color, table);
  print_html(out, title);
  fputs("</td></tr><tr><td><font point-size=\"8\" color=\"#404040\">", out);
  print_html(out, about);
  fputs("</font></td></tr></table></td></tr>", out);
}

void dot_table_row(FILE *out, const char *text, dot_kind k) {
  fprintf(out, "<tr><td align=\"left\" bgcolor=\"%s\"><font point-size=\"9\">", looks[k].color);
  print_html(out, text);
  fputs("</font></td></tr>", out);
}

void dot_table_end(FILE *out) { fputs("</table>>]\n", out); }

void dot_edge(FILE *out, const char *tail, const char *head, const char *label) {
  fputs("  ", out);
  print_quoted(out, tail);
  fputs(" -> ", out);
  print_quoted(out, head);
  fputs(" [label=", out);
  print_quoted(out, label);
  fputs("]\n", out);
}

void dot_frame_begin(FILE *out, const char *name, const char *label, const char *color) {
  fputs("  subgraph ", out);
  print_quoted(out, name);
  fprintf(out, " { labeljust=l bgcolor=\"%s\"", color);
  print_attribute(out, "label", label);
  putc('\n', out);
}

void dot_frame_end(FILE *out) { fputs("  }\n", out); }
