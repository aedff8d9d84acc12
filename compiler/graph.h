/* The graph: one pure dataflow program over tensors per entry. Nodes are immutable and live in an
 * arena; operands always have smaller ids than their users. */
#ifndef GRAPH_H
#define GRAPH_H

#include "diag.h"
#include "type.h"

/* Operators: enum values OP_xxx from the rows of ops.def. */
typedef enum op_code {
#define OP(code, ...) OP_##code,
#include "ops.def"
#undef OP
  OP_COUNT
} op_code;

/* Elementwise functions: enum values SCALAR_xxx from the rows of scalar.def. */
typedef enum scalar_function {
#define SCALAR(code, ...) SCALAR_##code,
#include "scalar.def"
#undef SCALAR
  SCALAR_COUNT
} scalar_function;

typedef enum attribute_kind {
  ATTRIBUTE_INTS,  /* list of int64 */
  ATTRIBUTE_REALS, /* list of double */
  ATTRIBUTE_TEXT,  /* a name */
  ATTRIBUTE_TYPE,  /* a tensor type */
  ATTRIBUTE_GRAPH  /* a graph: what a loop runs */
} attribute_kind;

typedef struct graph graph;

/* One attribute of a node; which kind and meaning it has, its operator's row says by position. */
typedef struct attribute {
  attribute_kind kind;
  int count;
  union {
    const int64_t *ints;
    const double *reals;
    const char *text;
    const tensor_type *type;
    const graph *graph; /* complete, and of the same arena or one that outlives it; NULL: none */
  };
} attribute;

typedef struct node node;
struct node {
  int id;                   /* index in graph.nodes */
  op_code op;
  scalar_function function; /* of OP_MAP */
  tensor_type type;
  int operand_count, attribute_count;
  node *const *operands;
  const attribute *attributes;
  location at;              /* where the model's text asks for it */
};

typedef enum slot_kind { SLOT_PARAM, SLOT_STATE, SLOT_KINDS } slot_kind;

/* A parameter or state of the model, known by its path. */
typedef struct slot {
  const char *path;
  slot_kind kind;
  tensor_type type;
  location at;
} slot;

typedef struct graph_value {
  const char *name; /* input, output or slot path */
  node *node;
} graph_value;

/* Decides what stands for a node that was just made but is not yet in the graph: an earlier node,
 * or the node itself, added with graph_append. So interning and rewriting happen as nodes are
 * made (rewrite.h). */
typedef struct graph_rewriter graph_rewriter;
struct graph_rewriter {
  node *(*settle)(graph_rewriter *r, graph *g, node *made);
};

struct graph {
  arena *arena;
  diagnostics *diagnostics; /* NULL: a violated constraint is an internal error */
  location at;              /* given to new nodes */
  const char *name;
  node **nodes;
  int node_count;
  graph_value *inputs;      /* OP_INPUT nodes, in the order of the entry's arguments */
  int input_count;
  graph_value *outputs;
  int output_count;
  graph_value *updates;     /* slot path and its new value; paths are distinct */
  int update_count;
  graph_rewriter *rewriter; /* NULL: every node is added as it is made */
};

graph *graph_new(arena *a, diagnostics *d, const char *name);

/* Adds a node after its operator's type rule accepted operands and attributes. Where a constraint
 * is violated the message, which cites the constraint's number, goes to graph.diagnostics at
 * graph.at and the result is NULL. An operand that is NULL gives NULL without a message, so that
 * one mistake is reported once. Operand and attribute arrays are copied. */
node *graph_node(graph *g, op_code op, scalar_function function, int operand_count,
                 node *const *operands, int attribute_count, const attribute *attributes);

/* For rewriters: adds a node that graph_node made, and gives it its id. */
node *graph_append(graph *g, node *made);

node *graph_add_input(graph *g, const char *name, const tensor_type *type);
void graph_add_output(graph *g, const char *name, node *value);

/* The input that the node is, and the first output that gives its value; -1: there is none. */
int graph_input_number(const graph *g, const node *n);
int graph_output_number(const graph *g, const node *n);
void graph_set_update(graph *g, const char *path, node *value); /* replaces an earlier one */

/* Attributes by position. */
const int64_t *node_ints(const node *n, int position, int *count);
int64_t node_int(const node *n, int position);
const char *node_text(const node *n, int position);
const graph *node_graph(const node *n, int position);

/* True where the node is a constant (seen through broadcast and reshape) of one value. */
bool node_is_splat(const node *n, double *value);

/* Number of uses of each node by live nodes, outputs and updates; indexed by id; 0 marks dead
 * nodes. */
int *graph_uses(const graph *g, arena *a);

#endif
