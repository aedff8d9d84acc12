/* Reads what graph_text.c prints. The first mistake ends the reading. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph_text.h"
#include "op.h"
#include "scalar.h"

typedef struct input_head {
  const char *name;
  int id;
  tensor_type type;
  location at;
} input_head;

typedef struct parser {
  arena *arena;
  diagnostics *diagnostics;
  const source *source;
  graph *graph;
  const char *next; /* the first character not yet read */
  int line;
  const char *line_start;
  bool failed;
  input_head *inputs; /* in the order of the head */
  int input_count;
  int depth;          /* of graphs within each other */
} parser;

enum { MOST_DEPTH = 32 };

static void skip_blanks(parser *p) {
  for (;; p->next++) {
    if (*p->next == '#') p->next += strcspn(p->next, "\n");
    if (*p->next == '\n') {
      p->line++;
      p->line_start = p->next + 1;
    } else if (*p->next != ' ' && *p->next != '\t' && *p->next != '\r') {
      return;
    }
  }
}

static location here(parser *p) {
  int column = (int)(p->next - p->line_start) + 1;
  return (location){.source = p->source, .line = p->line, .column = column, .end_line = p->line,
                    .end_column = column + 1};
}

static void fail(parser *p, const char *wanted) {
  skip_blanks(p);
  if (!p->failed) diag_error(p->diagnostics, here(p), "expected %s", wanted);
  p->failed = true;
}

static bool peek(parser *p, const char *token) {
  skip_blanks(p);
  return !p->failed && strncmp(p->next, token, strlen(token)) == 0;
}

static bool take(parser *p, const char *token) {
  if (!peek(p, token)) return false;
  p->next += strlen(token);
  return true;
}

static void expect(parser *p, const char *token) {
  if (!take(p, token)) fail(p, arena_printf(p->arena, "'%s'", token));
}

static const char *identifier(parser *p, const char *wanted) {
  skip_blanks(p);
  size_t length = 0;
  if (isalpha((unsigned char)*p->next) || *p->next == '_')
    while (isalnum((unsigned char)p->next[length]) || p->next[length] == '_') length++;
  if (p->failed || length == 0) {
    fail(p, wanted);
    return "";
  }
  const char *name = arena_text_n(p->arena, p->next, length);
  p->next += length;
  return name;
}

/* One character of a quoted text, behind a backslash. */
static char escaped(parser *p) {
  if (*p->next == 'x' && isxdigit((unsigned char)p->next[1]) &&
      isxdigit((unsigned char)p->next[2])) {
    char digits[3] = {p->next[1], p->next[2], 0};
    p->next += 3;
    return (char)strtol(digits, NULL, 16);
  }
  if (*p->next != '"' && *p->next != '\\') {
    fail(p, "'\"', '\\' or two hexadecimal digits behind 'x'");
    return 0;
  }
  return *p->next++;
}

static const char *quoted(parser *p) {
  expect(p, "\"");
  char *text = arena_alloc(p->arena, strcspn(p->next, "\n") + 1);
  size_t length = 0;
  while (!p->failed && *p->next != '"') {
    if (*p->next == 0 || *p->next == '\n') {
      fail(p, "'\"'");
    } else if (*p->next == '\\') {
      p->next++;
      text[length++] = escaped(p);
    } else {
      text[length++] = *p->next++;
    }
  }
  expect(p, "\"");
  return text;
}

static const char *name(parser *p) {
  return peek(p, "\"") ? quoted(p) : identifier(p, "a name");
}

static int64_t integer(parser *p, int64_t smallest, int64_t largest, const char *wanted) {
  skip_blanks(p);
  char *end = (char *)p->next;
  errno = 0;
  long long value = isdigit((unsigned char)*p->next) || *p->next == '-'
                        ? strtoll(p->next, &end, 10) : 0;
  if (p->failed || end == p->next || errno || value < smallest || value > largest) {
    fail(p, wanted);
    return 0;
  }
  p->next = end;
  return value;
}

/* Decimal, hexadecimal, inf or nan; nothing else that strtod knows. */
static double real(parser *p) {
  skip_blanks(p);
  const char *digits = p->next + (*p->next == '-');
  char *end = (char *)p->next;
  double value = 0;
  if (isdigit((unsigned char)*digits) || strncmp(digits, "inf", 3) == 0)
    value = strtod(p->next, &end);
  else if (strncmp(digits, "nan", 3) == 0)
    end = (char *)digits + 3, value = (double)NAN;
  if (p->failed || end == p->next) {
    fail(p, "a number");
    return 0;
  }
  p->next = end;
  return value;
}

static dim dimension(parser *p) {
  skip_blanks(p);
  dim d = {0};
  if (isalpha((unsigned char)*p->next)) {
    d.symbol = identifier(p, "a size");
    expect(p, "<=");
  }
  d.maximum = integer(p, 1, INT64_MAX, "an extent of at least 1");
  return d;
}

static tensor_type parse_type(parser *p) {
  tensor_type t = {0};
  location at = here(p);
  if (!dtype_parse(identifier(p, "an element type"), &t.element)) fail(p, "an element type");
  if (take(p, "[")) {
    do {
      if (t.rank == MAX_RANK) fail(p, "at most 8 axes");
      if (p->failed) return type_scalar(DTYPE_F32);
      t.dims[t.rank++] = dimension(p);
    } while (take(p, ","));
    expect(p, "]");
  }
  if (!p->failed && !type_check(&t)) {
    diag_error(p->diagnostics, at, "the type is too large");
    p->failed = true;
  }
  return t;
}

static int node_id(parser *p) {
  expect(p, "%");
  return (int)integer(p, 0, INT32_MAX - 1, "a node's number");
}

static node *operand(parser *p) {
  skip_blanks(p);
  location at = here(p);
  int id = node_id(p);
  if (p->failed) return NULL;
  if (id < p->graph->node_count) return p->graph->nodes[id];
  diag_error(p->diagnostics, at, "%%%d is not defined above", id);
  p->failed = true;
  return NULL;
}

static void parse_list(parser *p, attribute *list) {
  int64_t *ints = NULL;
  double *reals = NULL;
  expect(p, "[");
  while (!p->failed && !peek(p, "]")) {
    if (list->count > 0) expect(p, ",");
    if (list->count == INT32_MAX / 2) fail(p, "a shorter list");
    if (list->kind == ATTRIBUTE_INTS)
      arena_push(p->arena, ints, list->count) = integer(p, INT64_MIN, INT64_MAX, "an integer");
    else
      arena_push(p->arena, reals, list->count) = real(p);
  }
  expect(p, "]");
  if (list->kind == ATTRIBUTE_INTS)
    list->ints = ints;
  else
    list->reals = reals;
}

static const graph *parse_graph(parser *p, const char *name);

/* One "name=[…]" or "name=(…) {…}"; `seen` has a bit per position. */
static void parse_named(parser *p, op_code op, attribute *attributes, unsigned *seen) {
  const char *wanted = identifier(p, "an attribute or ':'");
  for (int i = 0; i < op_attribute_count(op) && !p->failed; i++) {
    char found[32];
    attribute_kind kind = op_attribute(op, i, found);
    bool unnamed = (kind == ATTRIBUTE_TEXT && i == 0) || kind == ATTRIBUTE_TYPE;
    if (unnamed || strcmp(found, wanted) != 0 || (*seen & 1u << i)) continue;
    *seen |= 1u << i;
    expect(p, "=");
    if (kind == ATTRIBUTE_GRAPH)
      attributes[i].graph = parse_graph(p, wanted);
    else if (kind == ATTRIBUTE_TEXT)
      attributes[i].text = quoted(p);
    else
      parse_list(p, &attributes[i]);
    return;
  }
  fail(p, arena_printf(p->arena, "an attribute of %s that did not come yet", op_infos[op].name));
}

/* Attributes, then ": type", which is also the value of an attribute of kind type. */
static void parse_attributes(parser *p, op_code op, attribute *attributes, tensor_type *type) {
  unsigned seen = 0;
  for (int i = 0; i < op_attribute_count(op); i++) {
    char ignored[32];
    attributes[i] = (attribute){.kind = op_attribute(op, i, ignored)};
    if (attributes[i].kind == ATTRIBUTE_TEXT) attributes[i].text = i == 0 ? quoted(p) : "";
    if (attributes[i].kind == ATTRIBUTE_TYPE) attributes[i].type = type;
  }
  while (!p->failed && !peek(p, ":")) parse_named(p, op, attributes, &seen);
  expect(p, ":");
  *type = parse_type(p);
}

static bool parse_operator(parser *p, op_code *op, scalar_function *f) {
  skip_blanks(p);
  location at = here(p);
  const char *text = identifier(p, "an operator");
  *f = (scalar_function)0;
  if (p->failed) return false;
  if (op_parse(text, op) && *op != OP_MAP && *op != OP_INPUT) return true;
  *op = OP_MAP;
  if (scalar_parse(text, f)) return true;
  diag_error(p->diagnostics, at, "no operator or function is called '%s'", text);
  p->failed = true;
  return false;
}

static void add_node(parser *p, op_code op, scalar_function f, int count, node **operands,
                     const attribute *attributes, const tensor_type *type) {
  graph *g = p->graph;
  node *n = graph_node(g, op, f, count, operands, op_attribute_count(op), attributes);
  if (n && !type_equal(&n->type, type))
    diag_error(p->diagnostics, g->at, "the type is %s, not %s", type_text(p->arena, &n->type),
               type_text(p->arena, type));
  p->failed = !n || !type_equal(&n->type, type);
}

/* The inputs whose numbers come next. */
static void add_inputs(parser *p) {
  for (int i = 0; i < p->input_count && !p->failed; i++) {
    if (p->inputs[i].id != p->graph->node_count) continue;
    p->graph->at = p->inputs[i].at;
    p->failed = !graph_add_input(p->graph, p->inputs[i].name, &p->inputs[i].type);
    i = -1;
  }
}

static void parse_node(parser *p) {
  location at = here(p);
  int id = node_id(p), count = 0;
  if (!p->failed && id != p->graph->node_count) {
    diag_error(p->diagnostics, at, "%%%d stands where %%%d is next", id, p->graph->node_count);
    p->failed = true;
  }
  expect(p, "=");
  op_code op;
  scalar_function f;
  if (!parse_operator(p, &op, &f)) return;
  node **operands = NULL;
  if (peek(p, "%")) {
    do arena_push(p->arena, operands, count) = operand(p);
    while (take(p, ","));
  }
  attribute attributes[8];
  ensure(op_attribute_count(op) <= 8);
  tensor_type type;
  parse_attributes(p, op, attributes, &type);
  p->graph->at = at;
  if (!p->failed) add_node(p, op, f, count, operands, attributes, &type);
  if (!p->failed) add_inputs(p);
}

static void parse_inputs(parser *p) {
  expect(p, "(");
  while (!p->failed && !peek(p, ")")) {
    if (p->input_count > 0) expect(p, ",");
    skip_blanks(p);
    input_head head = {.at = here(p), .name = name(p), .id = p->input_count};
    if (peek(p, "%")) head.id = node_id(p);
    expect(p, ":");
    head.type = parse_type(p);
    arena_push(p->arena, p->inputs, p->input_count) = head;
  }
  expect(p, ")");
}

/* Puts the inputs, which were added by their numbers, in the order of the head. */
static void order_inputs(parser *p) {
  for (int i = 0; i < p->input_count && !p->failed; i++) {
    node *n = p->inputs[i].id < p->graph->node_count ? p->graph->nodes[p->inputs[i].id] : NULL;
    bool own = n && n->op == OP_INPUT && strcmp(node_text(n, 0), p->inputs[i].name) == 0 &&
               type_equal(&n->type, &p->inputs[i].type);
    for (int k = 0; k < i; k++) own = own && p->inputs[k].id != p->inputs[i].id;
    if (own) {
      p->graph->inputs[i] = (graph_value){node_text(n, 0), n};
    } else {
      diag_error(p->diagnostics, p->inputs[i].at, "the number of this input is not its own");
      p->failed = true;
    }
  }
}

static void parse_return(parser *p) {
  do {
    const char *output = name(p);
    expect(p, "=");
    node *value = operand(p);
    if (value) graph_add_output(p->graph, output, value);
  } while (take(p, ","));
}

static void parse_update(parser *p) {
  skip_blanks(p);
  location at = here(p);
  const char *path = quoted(p);
  expect(p, "=");
  node *value = operand(p);
  if (!value) return;
  int before = p->graph->update_count;
  graph_set_update(p->graph, path, value);
  if (p->graph->update_count > before) return;
  diag_error(p->diagnostics, at, "\"%s\" is updated twice", path);
  p->failed = true;
}

/* From the inputs to the closing brace. */
static graph *parse_whole(parser *p, const char *name_of_graph) {
  p->graph = graph_new(p->arena, p->diagnostics, name_of_graph);
  p->inputs = NULL;
  p->input_count = 0;
  parse_inputs(p);
  expect(p, "{");
  add_inputs(p);
  while (peek(p, "%")) parse_node(p);
  order_inputs(p);
  if (take(p, "return")) parse_return(p);
  while (take(p, "update")) parse_update(p);
  expect(p, "}");
  return p->graph;
}

/* A graph within a node. */
static const graph *parse_graph(parser *p, const char *attribute_name) {
  parser around = *p;
  if (++p->depth > MOST_DEPTH) fail(p, "fewer graphs within each other");
  graph *g = p->failed ? NULL : parse_whole(p, attribute_name);
  p->graph = around.graph;
  p->inputs = around.inputs;
  p->input_count = around.input_count;
  p->depth--;
  return g;
}

graph *graph_parse(arena *a, diagnostics *d, const source *text) {
  parser p = {.arena = a, .diagnostics = d, .source = text, .next = text->text, .line = 1,
              .line_start = text->text};
  expect(&p, "entry");
  parse_whole(&p, name(&p));
  skip_blanks(&p);
  if (!p.failed && *p.next) fail(&p, "the end of the text");
  p.graph->at = (location){0};
  return p.failed ? NULL : p.graph;
}
