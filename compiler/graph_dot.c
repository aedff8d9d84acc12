/* Draws graphs, a box for each operator. */
#include "graph_dot.h"

#include <string.h>

#include "build.h"
#include "dot.h"
#include "fuse.h"
#include "loop_body.h"
#include "op.h"
#include "pass.h"
#include "text_stream.h"

typedef struct scene scene;

/* A graph that is drawn: an entry's, or what a loop runs. */
struct scene {
  arena *arena;
  FILE *boxes, *edges;     /* all edges follow the boxes, so that these stand in their frames */
  const program *program;  /* NULL: the graph is a loop's */
  const graph *graph;
  const module_code *code; /* NULL: it is not fused */
  bool whole_kernels;      /* a kernel is one box */
  const char *name;        /* what the names of its boxes begin with */
  const int *uses;
  bool *splat;             /* by node id: one value, seen through views */
  bool *written_out;       /* of those: they are boxes */
  bool *framed;            /* by node id: it is a member of a kernel, in whose frame it is drawn */
  scene **bodies;          /* by node id, of loops */
};

/* ---- labels ---------------------------------------------------------------------------------- */

static const char *ints_text(arena *a, const node *n, int position) {
  int count;
  const int64_t *values = node_ints(n, position, &count);
  const char *text = "";
  for (int i = 0; i < count; i++)
    text = arena_printf(a, "%s%s%lld", text, i ? ", " : "", (long long)values[i]);
  return text;
}

static const char *splat_text(arena *a, const node *n) {
  double value = 0;
  node_is_splat(n, &value);
  return arena_printf(a, "%.6g", value);
}

/* "maximum(0, ·)": a point for each operand that an edge leads to. */
static const char *map_label(const scene *s, const node *n) {
  const char *list = "";
  bool constants = false;
  for (int i = 0; i < n->operand_count; i++) {
    bool splat = s->splat[n->operands[i]->id];
    list = arena_printf(s->arena, "%s%s%s", list, i ? ", " : "",
                        splat ? splat_text(s->arena, n->operands[i]) : "·");
    constants = constants || splat;
  }
  return constants ? arena_printf(s->arena, "%s(%s)", dot_operator(n), list) : dot_operator(n);
}

static const char *input_name(const graph *g, const node *n) {
  for (int i = 0; i < g->input_count; i++)
    if (g->inputs[i].node == n) return g->inputs[i].name;
  return "input";
}

/* Axes tell most of an operator's attributes, but those of a broadcast. */
static const char *operator_label(const scene *s, const node *n) {
  char name[32];
  for (int i = 0; n->op != OP_BROADCAST && i < n->attribute_count; i++) {
    op_attribute(n->op, i, name);
    if (!strcmp(name, "axes") || !strcmp(name, "axis"))
      return arena_printf(s->arena, "%s [%s]", dot_operator(n), ints_text(s->arena, n, i));
  }
  return dot_operator(n);
}

static const char *label_of(const scene *s, const node *n) {
  int carry;
  if (s->splat[n->id]) return splat_text(s->arena, n);
  switch (n->op) {
    case OP_MAP: return map_label(s, n);
    case OP_SLOT: return dot_slot_name(s->arena, s->program, node_text(n, 0), &carry);
    case OP_INPUT: return input_name(s->graph, n);
    default: return operator_label(s, n);
  }
}

/* ---- scenes ---------------------------------------------------------------------------------- */

/* Constants of one value are boxes where something else than a function reads them. */
static void find_splats(scene *s) {
  const graph *g = s->graph;
  for (int id = 0; id < g->node_count; id++) {
    double value;
    s->splat[id] = node_is_splat(g->nodes[id], &value);
  }
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (!s->uses[id] || n->op == OP_MAP || s->splat[id]) continue;
    for (int i = 0; i < n->operand_count; i++) s->written_out[n->operands[i]->id] = true;
  }
  for (int i = 0; i < g->output_count; i++) s->written_out[g->outputs[i].node->id] = true;
  for (int i = 0; i < g->update_count; i++) s->written_out[g->updates[i].node->id] = true;
}

static scene *scene_new(const scene *like, const program *p, const graph *g, const module_code *code,
                        const char *name) {
  arena *a = like->arena;
  scene *s = arena_new_of(a, scene);
  *s = *like;
  s->program = p;
  s->graph = g;
  s->code = code;
  s->name = name;
  s->uses = graph_uses(g, a);
  s->splat = arena_array_of(a, g->node_count, bool);
  s->written_out = arena_array_of(a, g->node_count, bool);
  s->framed = arena_array_of(a, g->node_count, bool);
  s->bodies = arena_array_of(a, g->node_count, scene *);
  find_splats(s);
  for (int i = 0; code && i < code->count; i++) {
    const group *kernel = code->steps[i].call ? code->steps[i].group : NULL;
    for (int k = 0; kernel && k < kernel->member_count; k++) s->framed[kernel->members[k]->id] = true;
  }
  return s;
}

/* ---- names of boxes -------------------------------------------------------------------------- */

enum { NO_KERNEL = -1 };

/* A parameter, state or number of an entry: it has a box beside each kernel that reads it. */
static bool is_beside(const scene *s, const node *n) {
  return s->program && (n->op == OP_SLOT || (n->op == OP_INPUT && n->type.rank == 0));
}

/* True where each kernel that reads the node has a box of its own for it. */
static bool is_repeated(const scene *s, const node *n) {
  if (!s->code || s->code->fusion->group_of[n->id] >= 0) return false;
  return n->op != OP_SLOT && n->op != OP_INPUT ? true : is_beside(s, n);
}

static const char *box_name(const scene *s, const node *n, int kernel) {
  if (s->whole_kernels && s->framed[n->id])
    return arena_printf(s->arena, "%s.k%d", s->name, s->code->fusion->group_of[n->id]);
  if (kernel == NO_KERNEL || !is_repeated(s, n))
    return arena_printf(s->arena, "%s.%d", s->name, n->id);
  return arena_printf(s->arena, "%s.k%d.%d", s->name, kernel, n->id);
}

/* What computes a value: a result of a loop is a carry after its last turn, or a stack. */
static const char *tail_of(const scene *s, const node *n, int kernel) {
  if (n->op != OP_LOOP && n->op != OP_RESULT) return box_name(s, n, kernel);
  const node *loop = n->op == OP_RESULT ? n->operands[0] : n;
  const char *inner = s->bodies[loop->id]->name;
  int number = result_number(n), carries = loop_shape_of(loop).carries;
  return number < carries ? arena_printf(s->arena, "%s.update%d", inner, number)
                          : arena_printf(s->arena, "%s.output%d", inner, number - carries);
}

/* A view that no kernel stores: it stands at the edges of its readers. */
static bool is_at_edge(const scene *s, const node *n) {
  return s->code && op_has(n->op, VIEW) && n->operand_count == 1 &&
         s->code->fusion->group_of[n->id] < 0 && !s->splat[n->id];
}

static bool is_box(const scene *s, const node *n) {
  if (n->op == OP_LOOP || n->op == OP_RESULT || is_at_edge(s, n)) return false;
  return !s->splat[n->id] || s->written_out[n->id];
}

/* ---- boxes and edges ------------------------------------------------------------------------- */

/* From a value, as the kernel reads it, with its type and the views of it. */
static void draw_edge(const scene *s, const node *value, int kernel, const char *head) {
  const char *views = "";
  for (; is_at_edge(s, value); value = value->operands[0])
    views = arena_printf(s->arena, "\n%s%s", label_of(s, value), views);
  if (!is_box(s, value) && value->op != OP_LOOP && value->op != OP_RESULT) return;
  dot_edge(s->edges, tail_of(s, value, kernel), head,
           arena_printf(s->arena, "%s%s", type_text(s->arena, &value->type), views));
}

static void draw_node(const scene *s, const node *n, int kernel) {
  const char *name = box_name(s, n, kernel);
  dot_box(s->boxes, name, label_of(s, n), dot_kind_of(s->program, n), dot_tooltip(s->arena, n));
  for (int i = 0; i < n->operand_count && !s->splat[n->id]; i++)
    draw_edge(s, n->operands[i], kernel, name);
}

static void draw_results(const scene *s) {
  const graph *g = s->graph;
  for (int i = 0; i < g->output_count; i++) {
    const char *name = arena_printf(s->arena, "%s.output%d", s->name, i);
    dot_box(s->boxes, name, g->outputs[i].name, DOT_OUTPUT, NULL);
    draw_edge(s, g->outputs[i].node, NO_KERNEL, name);
  }
  for (int i = 0; i < g->update_count; i++) {
    const char *name = arena_printf(s->arena, "%s.update%d", s->name, i), *path = g->updates[i].name;
    int carry;
    if (s->whole_kernels && s->program && s->framed[g->updates[i].node->id]) continue;
    const char *label = dot_slot_name(s->arena, s->program, path, &carry);
    dot_box(s->boxes, name, arena_printf(s->arena, "new %s", label), dot_slot_kind(s->program, path),
            NULL);
    draw_edge(s, g->updates[i].node, NO_KERNEL, name);
  }
}

/* ---- kernels --------------------------------------------------------------------------------- */

/* Adds to the needed nodes those that they are computed from where they are read. */
static void close_needed(const scene *s, bool *needed) {
  for (int id = s->graph->node_count - 1; id >= 0; id--) {
    const node *n = s->graph->nodes[id];
    if (!needed[id] || s->splat[id] || s->code->fusion->group_of[id] >= 0) continue;
    for (int i = 0; i < n->operand_count; i++) needed[n->operands[i]->id] = true;
  }
}

static bool *needed_by(const scene *s, const group *kernel) {
  bool *needed = arena_array_of(s->arena, s->graph->node_count, bool);
  for (int i = 0; i < kernel->member_count; i++)
    for (int k = 0; k < kernel->members[i]->operand_count; k++)
      needed[kernel->members[i]->operands[k]->id] = true;
  close_needed(s, needed);
  return needed;
}

/* A kernel as a frame around its operators. */
static void draw_frame(const scene *s, const module_step *step) {
  const group *g = step->group;
  const bool *needed = needed_by(s, g);
  const char *about = dot_about(s->arena, group_main(g));
  dot_frame_begin(s->boxes, arena_printf(s->arena, "cluster.%s.k%d", s->name, g->id),
                  arena_printf(s->arena, "%s\n%s", step->call->kernel->name, about), "#f7f7f0");
  for (int i = 0; i < g->member_count; i++) draw_node(s, g->members[i], g->id);
  for (int beside = 0; beside < 2; beside++) {
    for (int id = 0; id < s->graph->node_count; id++) {
      const node *n = s->graph->nodes[id];
      if (needed[id] && is_box(s, n) && is_repeated(s, n) && is_beside(s, n) == (beside > 0))
        draw_node(s, n, g->id);
    }
    if (!beside) dot_frame_end(s->boxes);
  }
}

static const graph_value *update_of(const scene *s, const char *path) {
  for (int i = 0; i < s->graph->update_count; i++)
    if (strcmp(s->graph->updates[i].name, path) == 0) return &s->graph->updates[i];
  return NULL;
}

static bool computes(const group *g, const node *n) { return group_output(g, n) >= 0; }

static void draw_row(const scene *s, const char *verb, const char *name, const tensor_type *type,
                     dot_kind kind) {
  dot_table_row(s->boxes, arena_printf(s->arena, "%s %s: %s", verb, name, type_text(s->arena, type)), kind);
}

/* The parameters, states and numbers that the kernel reads and writes. */
static void draw_rows(const scene *s, const group *g) {
  for (int i = 0; i < g->input_count; i++) {
    const node *n = g->inputs[i];
    const graph_value *update = n->op == OP_SLOT ? update_of(s, node_text(n, 0)) : NULL;
    if (is_beside(s, n))
      draw_row(s, update && computes(g, update->node) ? "updates" : "reads", label_of(s, n), &n->type,
               dot_kind_of(s->program, n));
  }
  for (int i = 0; i < s->graph->update_count; i++) {
    const graph_value *update = &s->graph->updates[i];
    bool read = false;
    for (int k = 0; k < g->input_count; k++)
      read = read || (g->inputs[k]->op == OP_SLOT && !strcmp(node_text(g->inputs[k], 0), update->name));
    if (s->program && computes(g, update->node) && !read)
      draw_row(s, "writes", update->name, &update->node->type, dot_slot_kind(s->program, update->name));
  }
}

/* One edge from each box, with the types of all that comes from it. */
static void draw_inputs(const scene *s, const group *g, const char *name) {
  const char **tails = arena_array_of(s->arena, g->input_count, const char *);
  for (int i = 0; i < g->input_count; i++)
    tails[i] = is_beside(s, g->inputs[i]) ? "" : tail_of(s, g->inputs[i], g->id);
  for (int i = 0; i < g->input_count; i++) {
    const char *types = "";
    for (int k = 0; *tails[i] && k < g->input_count; k++) {
      if (strcmp(tails[k], tails[i])) continue;
      if (k < i) break;
      types = arena_printf(s->arena, "%s%s%s", types, k > i ? "\n" : "",
                           type_text(s->arena, &g->inputs[k]->type));
    }
    if (*types) dot_edge(s->edges, tails[i], name, types);
  }
}

/* A kernel as one box. */
static void draw_box(const scene *s, const module_step *step) {
  const group *g = step->group;
  const node *n = group_main(g);
  const char *name = box_name(s, n, g->id);
  dot_table_begin(s->boxes, name, step->call->kernel->name, dot_about(s->arena, n),
                  dot_kind_of(s->program, n), dot_tooltip(s->arena, n));
  draw_rows(s, g);
  dot_table_end(s->boxes);
  draw_inputs(s, g, name);
}

/* ---- loops ----------------------------------------------------------------------------------- */

static void draw_scene(scene *s);

static const module_loop *made_loop(const scene *s, const node *n) {
  for (int i = 0; s->code && i < s->code->count; i++)
    if (s->code->steps[i].loop && s->code->steps[i].group->members[0] == n)
      return s->code->steps[i].loop;
  return NULL;
}

/* To the carries that the loop's graph reads, dashed from turn to turn, and to its inputs. */
static void draw_operands(const scene *s, const node *n, const scene *inner) {
  const graph *g = inner->graph;
  for (int id = 0; id < g->node_count; id++) {
    const node *read = g->nodes[id];
    if (read->op != OP_SLOT || !inner->uses[id]) continue;
    int carry;
    dot_slot_name(s->arena, NULL, node_text(read, 0), &carry);
    const char *head = box_name(inner, read, NO_KERNEL);
    draw_edge(s, n->operands[carry], NO_KERNEL, head);
    fprintf(s->edges, "  \"%s.update%d\" -> \"%s\" [style=dashed constraint=false]\n",
            s->bodies[n->id]->name, carry, head);
  }
  for (int i = 1; i < g->input_count; i++) /* behind the turn */
    if (inner->uses[g->inputs[i].node->id])
      draw_edge(s, n->operands[loop_shape_of(n).carries + i - 1], NO_KERNEL,
                box_name(inner, g->inputs[i].node, NO_KERNEL));
}

static scene *inner_scene(const scene *s, const node *n, bool condition) {
  const module_loop *made = made_loop(s, n);
  const module_code *code = !made ? NULL : condition ? &made->condition : &made->body;
  loop_shape shape = loop_shape_of(n);
  const graph *g = code ? code->fusion->graph : loop_body_graph(s->arena, &shape, condition);
  return scene_new(s, NULL, g, code,
                   arena_printf(s->arena, "%s.%s%d", s->name, condition ? "while" : "loop", n->id));
}

static void draw_loop(const scene *s, const node *n) {
  scene *body = s->bodies[n->id] = inner_scene(s, n, false);
  dot_frame_begin(s->boxes, arena_printf(s->arena, "cluster.%s", body->name),
                  dot_loop_label(s->arena, n), "#eef5ff");
  draw_scene(body);
  if (loop_shape_of(n).condition) {
    scene *condition = inner_scene(s, n, true);
    dot_frame_begin(s->boxes, arena_printf(s->arena, "cluster.%s", condition->name), "while", "#fff4ec");
    draw_scene(condition);
    dot_frame_end(s->boxes);
    draw_operands(s, n, condition);
  }
  dot_frame_end(s->boxes);
  draw_operands(s, n, body);
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* What is drawn outside of kernels. Nodes that belong to kernels are in it too. */
static const bool *needed_outside(const scene *s) {
  const graph *g = s->graph;
  bool *needed = arena_array_of(s->arena, g->node_count, bool);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    bool joins = s->code && s->code->fusion->group_of[id] >= 0 && !s->framed[id];
    if (s->uses[id] && (!s->code || joins)) {
      needed[id] = true;
      for (int i = 0; i < n->operand_count; i++) needed[n->operands[i]->id] = true;
    }
  }
  for (int i = 0; i < g->output_count; i++) needed[g->outputs[i].node->id] = true;
  for (int i = 0; i < g->update_count; i++) needed[g->updates[i].node->id] = true;
  if (s->code) close_needed(s, needed);
  for (int i = 0; i < g->input_count; i++)
    if (!is_repeated(s, g->inputs[i].node) || !s->uses[g->inputs[i].node->id])
      needed[g->inputs[i].node->id] = s->program || s->uses[g->inputs[i].node->id];
  for (int id = 0; id < g->node_count; id++)
    if (g->nodes[id]->op == OP_SLOT && !is_repeated(s, g->nodes[id]) && s->uses[id]) needed[id] = true;
  return needed;
}

static void draw_scene(scene *s) {
  const graph *g = s->graph;
  const bool *needed = needed_outside(s);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (n->op == OP_LOOP && s->uses[id]) draw_loop(s, n);
    else if (needed[id] && is_box(s, n) && !s->framed[id]) draw_node(s, n, NO_KERNEL);
  }
  for (int i = 0; s->code && i < s->code->count; i++) {
    const module_step *step = &s->code->steps[i];
    if (!step->group || !step->call) continue;
    if (s->whole_kernels) draw_box(s, step);
    else draw_frame(s, step);
  }
  draw_results(s);
}

static void draw_program(FILE *out, const program *p, const module *m, bool whole_kernels,
                         const char *entry) {
  arena *a = arena_new();
  text_stream edges;
  text_stream_open(&edges, a);
  const scene picture = {.arena = a, .boxes = out, .edges = edges.out, .whole_kernels = whole_kernels};
  dot_begin(out, p->name);
  for (int i = 0; i <= p->entry_count; i++) {
    const graph *g = i ? p->entries[i - 1] : p->initial;
    if (entry ? strcmp(g->name, entry) != 0 : i == 0) continue;
    dot_frame_begin(out, arena_printf(a, "cluster.e%d", i), g->name, "#ffffff");
    draw_scene(scene_new(&picture, p, g, m ? &m->entries[i].code : NULL, arena_printf(a, "e%d", i)));
    dot_frame_end(out);
  }
  fputs(text_stream_close(&edges), out);
  dot_end(out);
  arena_free(a);
}

static const char elaborated[] = "elaborate", fused[] = "fuse", kernels[] = "kernels";

const char *graph_dot_stages(arena *a) {
  const char *list = elaborated;
  for (int i = 0; i < graph_pass_count; i++) list = arena_printf(a, "%s, %s", list, graph_passes[i].name);
  return arena_printf(a, "%s, %s, %s", list, fused, kernels);
}

static bool is_after_fusion(const char *stage) {
  return strcmp(stage, fused) == 0 || strcmp(stage, kernels) == 0;
}

bool graph_dot_is_stage(const char *stage) {
  return strcmp(stage, elaborated) == 0 || pass_is(stage) || is_after_fusion(stage);
}

bool graph_dot(FILE *out, program *p, diagnostics *d, const compile_options *options, const char *stage,
               const char *entry) {
  const module *m = NULL;
  if (is_after_fusion(stage)) {
    m = compile_module(p, d, options);
    if (!m) return false;
  } else if (strcmp(stage, elaborated) != 0 && !compile_passes(p, d, options, stage)) {
    return false;
  }
  draw_program(out, p, m, strcmp(stage, kernels) == 0, entry);
  return true;
}
