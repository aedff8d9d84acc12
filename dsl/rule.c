#include "rule.h"

#include <string.h>

#include "build.h"
#include "grad.h"
#include "gradient.h"
#include "loop.h"
#include "op.h"
#include "operate.h"
#include "rewrite.h"
#include "slots.h"
#include "statement.h"

void rule_note(elaborator *e, const ast *n) {
  frame *f = e->frame;
  const ast *root = f->lexical->root;
  const ast *name = n->parameters.count == 1 ? n->parameters.items[0] : NULL;
  if (!f->body || root->kind != AST_FUNCTION || !root->has_parameters || f->scope->turn)
    elaborator_error(e, n->at, "`derivative` belongs into the body of a function with parameters, "
                     "outside of loops at run time");
  else if (!name || name->type || name->value)
    elaborator_error(e, n->at, "`derivative` takes one name, for the gradient of the function's value");
  else if (f->derivative)
    elaborator_error(e, n->at, "a second `derivative` in this body; the first is at %s",
                     diag_place(e->arena, f->derivative->at));
  else f->derivative = n;
}

/* --- arguments ------------------------------------------------------------------------------ */

/* The floating tensors among the arguments, and the gradients that are given for them. */
typedef struct rule {
  const ast *at;
  node **arguments, **gradients;
  int argument_count, gradient_count;
} rule;

static void add_arguments(elaborator *e, value v, rule *r) {
  v = gradient_leaves(e, v);
  if (value_is(v, VALUE_TUPLE))
    for (int i = 0; i < v.tuple->count; i++) add_arguments(e, v.tuple->items[i], r);
  else if (value_is(v, VALUE_TENSOR) && dtype_is_float(v.node->type.element))
    arena_push(e->arena, r->arguments, r->argument_count) = v.node;
}

/* Takes the gradients of the leaves of one argument; of a number known at compile time each is that
 * number. False with an error. */
static bool take_gradients(elaborator *e, const char *name, value of, value given, rule *r) {
  of = gradient_leaves(e, of);
  given = gradient_leaves(e, given);
  if (value_is_poison(given)) return false;
  if (value_is(of, VALUE_TUPLE)) {
    const tuple *t = of.tuple, *g = value_is(given, VALUE_TUPLE) ? given.tuple : NULL;
    if (!value_is(given, VALUE_NUMBER) && (!g || g->count != t->count)) {
      elaborator_error(e, r->at->at, "the gradient of `%s` is a tuple of %d, not %s", name, t->count,
                       value_words(e->arena, given));
      return false;
    }
    for (int i = 0; i < t->count; i++) {
      int found = g && t->keys && t->keys[i] ? tuple_find(g, t->keys[i]) : -1;
      value item = g ? g->items[found >= 0 ? found : i] : given;
      if (!take_gradients(e, name, t->items[i], item, r)) return false;
    }
    return true;
  }
  if (!value_is(of, VALUE_TENSOR) || !dtype_is_float(of.node->type.element)) return true;
  node *n = operate_convert(e, r->at->at, given, &of.node->type, false,
                            arena_printf(e->arena, "the gradient of `%s`", name));
  arena_push(e->arena, r->gradients, r->gradient_count) = n;
  return n;
}

/* The gradient of parameter number i among those given; poison with an error. */
static value gradient_given(elaborator *e, const ast_list *parameters, int i, value given,
                            const rule *r) {
  const char *name = parameters->items[i]->name;
  const tuple *t = value_is(given, VALUE_TUPLE) ? given.tuple : NULL;
  if (parameters->count == 1 && !(t && tuple_find(t, name) >= 0)) return given;
  if (!t || (!t->keys && t->count != parameters->count))
    return elaborator_error(e, r->at->at, "`derivative` gives a gradient for each of the %d arguments, "
                            "not %s", parameters->count, value_words(e->arena, given));
  if (!t->keys) return t->items[i];
  int found = tuple_find(t, name);
  if (found >= 0) return t->items[found];
  return elaborator_error(e, r->at->at, "`derivative` gives no gradient of `%s`; write %s: 0 where it "
                          "is zero", name, name);
}

/* --- the block ------------------------------------------------------------------------------ */

/* A block that reads the graph around it changes nothing there. */
static bool check_slots(elaborator *e, const loop_body *body) {
  for (int i = 0; i < body->slot_count; i++) {
    const slot_record *s = body->slots[i].slot;
    if (!s->written) continue;
    elaborator_error(e, s->written_at, "`%s` is updated in a `derivative`, which runs only where a "
                     "gradient is taken", s->slot.path);
    return false;
  }
  return true;
}

/* Runs the block in its graph and takes what it gives; false after an error. */
static bool run_block(elaborator *e, const ast_list *parameters, const value *arguments, node *given,
                      rule *r) {
  frame *f = e->frame;
  scope *around = f->scope;
  emission *outer = f->emission;
  int errors = diag_count(e->diagnostics);
  f->scope = scope_new(e->arena, around);
  f->emission = NULL;
  const ast *name = r->at->parameters.items[0];
  scope_bind(e->arena, f->scope, name->name, value_tensor(given), name->at);
  value v = statement_block(e, r->at->body, true);
  f->scope = around;
  f->emission = outer;
  if (value_is(v, VALUE_NONE))
    elaborator_error(e, r->at->at, "this block gives no gradient: its last expression does");
  bool good = errors == diag_count(e->diagnostics) && !value_is_poison(v) && !e->halted;
  for (int i = 0; i < parameters->count && good; i++) {
    rule none = {0};
    add_arguments(e, arguments[i], &none);
    if (!none.argument_count) continue;
    good = take_gradients(e, parameters->items[i]->name, arguments[i],
                          gradient_given(e, parameters, i, v, r), r);
  }
  return good;
}

/* --- the node ------------------------------------------------------------------------------- */

/* Whether gradients go from a node to its operands. */
static bool passes_gradients(const node *n) {
  if (n->op == OP_MAP && n->function == SCALAR_STOP) return false;
  return dtype_is_float(n->type.element) && (op_definitions[n->op]->grad || op_has(n->op, LOOP));
}

/* A slot or input on which the value depends otherwise than by an argument; an argument, from which something was
 * computed in front of this node, the body's first, on which the value depends; or NULL. */
static const node *other_source(const graph *g, const node *v, const rule *r, int first_node) {
  arena *scratch = arena_new();
  bool *reached = arena_array_of(scratch, v->id + 1, bool);
  bool *from_outside = arena_array_of(scratch, v->id + 1, bool); /* reached from what the body did not make */
  bool *stops = arena_array_of(scratch, v->id + 1, bool);
  const node *found = NULL;
  for (int i = 0; i < r->argument_count; i++)
    if (r->arguments[i]->id <= v->id) stops[r->arguments[i]->id] = true;
  reached[v->id] = true;
  for (int id = v->id; id >= 0 && !found; id--) {
    const node *n = g->nodes[id];
    if (stops[id] && from_outside[id]) found = n;
    if (!reached[id] || stops[id]) continue;
    if ((n->op == OP_SLOT || n->op == OP_INPUT) && dtype_is_float(n->type.element)) found = n;
    if (!passes_gradients(n)) continue;
    int first, end;
    grad_operands(n, &first, &end);
    for (int i = first; i < end; i++) {
      reached[n->operands[i]->id] = true;
      from_outside[n->operands[i]->id] |= id < first_node;
    }
  }
  arena_free(scratch);
  return found;
}

static node *build(elaborator *e, const loop_body *body, node *v, const rule *r) {
  node **operands = NULL;
  int count = 0;
  arena_push(e->arena, operands, count) = v;
  for (int i = 0; i < r->argument_count; i++)
    arena_push(e->arena, operands, count) = r->arguments[i];
  for (int i = 0; i < body->leaf_count; i++)
    arena_push(e->arena, operands, count) = body->leaves[i].outside;
  for (int i = 0; i < r->gradient_count; i++)
    graph_add_output(body->graph, arena_printf(e->arena, "gradient%d", i), r->gradients[i]);
  e->graph->at = elaborator_place(e, r->at->at);
  return build_rule(e->graph, rewrite_graph(body->graph, NULL), r->argument_count, count, operands);
}

value rule_apply(elaborator *e, const ast_list *parameters, const value *arguments, value v) {
  rule r = {.at = e->frame->derivative};
  if (value_is_poison(v) || e->halted) return v;
  if (!value_is(v, VALUE_TENSOR) || !dtype_is_float(v.node->type.element))
    return elaborator_error(e, r.at->at, "the value of a function with a `derivative` is a floating "
                            "tensor, not %s", value_words(e->arena, v));
  for (int i = 0; i < parameters->count; i++) {
    if (value_is_poison(arguments[i])) return (value){0};
    add_arguments(e, arguments[i], &r);
  }
  for (int i = 0; i < r.argument_count; i++)
    if (!operate_reachable(e, r.at->at, value_tensor(r.arguments[i]))) return (value){0};
  if (!r.argument_count || !operate_reachable(e, r.at->at, v)) return v;
  const node *other = other_source(e->graph, v.node, &r, e->frame->first_node);
  for (int i = 0; i < r.argument_count && other; i++)
    if (r.arguments[i] == other)
      return elaborator_error(e, r.at->at, "the value depends on what was computed from an argument outside of this "
                              "function, of which its `derivative` says nothing: make that an argument too, or use "
                              "stop_gradient");
  if (other)
    return elaborator_error(e, r.at->at, "the value depends on `%s`, which is no argument of this "
                            "function, so that its `derivative` says nothing of it: make it one, or "
                            "use stop_gradient", node_text(other, 0));
  loop_body body;
  loop_open(e, &body, LOOP_NONE);
  node *given = graph_add_input(body.graph, r.at->parameters.items[0]->name, &v.node->type);
  bool good = run_block(e, parameters, arguments, given, &r) && check_slots(e, &body);
  loop_close(e);
  return good ? elaborator_node(e, build(e, &body, v.node, &r)) : (value){0};
}
