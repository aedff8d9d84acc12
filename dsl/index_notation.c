#include "index_notation.h"

#include <string.h>

#include "build.h"
#include "call.h"
#include "expression.h"
#include "index_conv.h"
#include "index_product.h"
#include "index_read.h"
#include "native.h"
#include "operate.h"

/* --- calls for each point ------------------------------------------------------------------- */

static bool is_pointwise(const node *n) {
  if (n->op == OP_RULE) {
    const graph *body = node_graph(n, 1);
    bool all = true;
    for (int id = 0; id < body->node_count; id++)
      all = all && (body->nodes[id]->operand_count == 0 || is_pointwise(body->nodes[id]));
    return all;
  }
  return n->op == OP_MAP || n->op == OP_CAST || n->op == OP_BROADCAST;
}

/* Whether what a function made of its arguments belongs to one point each: it may hold nothing but
 * elementwise functions of them. */
static bool check_pointwise(index_space *s, location at, const char *name, int before,
                            argument_list arguments) {
  const graph *g = s->e->graph;
  bool *depends = arena_array_of(s->e->arena, g->node_count - before + 1, bool);
  for (int i = before; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    for (int k = 0; k < n->operand_count; k++) {
      const node *x = n->operands[k];
      if (x->id >= before) depends[i - before] |= depends[x->id - before];
      for (int j = 0; j < arguments.count; j++)
        depends[i - before] |= value_is(arguments.items[j].value, VALUE_TENSOR) &&
                               arguments.items[j].value.node == x && x->type.rank > 0;
    }
    if (!depends[i - before] || is_pointwise(n)) continue;
    elaborator_error(s->e, at, "in index notation `%s` is called for each point, and it does not "
                     "work element by element; a function that removes axes takes their indices "
                     "in brackets, sum[i](…)", name);
    return false;
  }
  return true;
}

static value call_point(index_space *s, location at, const ast *site, value callee,
                        const char *name, argument_list arguments) {
  elaborator *e = s->e;
  int before = e->graph->node_count;
  value v = call_value(e, at, site, elaborator_label(e, site), callee, arguments);
  if (value_is_poison(v) || !check_pointwise(s, at, name, before, arguments)) return (value){0};
  return v;
}

static argument point_argument(index_space *s, const ast *item) {
  argument a = {0};
  const ast *named = ast_as_named(item, &a.name);
  if (!named) a.name = NULL;
  a.source = named ? named : item;
  a.value = index_notation_point(s, a.source);
  return a;
}

static value callee_value(index_space *s, const ast *base) {
  if (!index_space_enters(s, base)) return index_space_fixed(s, base);
  return elaborator_error(s->e, base->at, "an index cannot choose the function");
}

static const char *callee_name(const ast *base) {
  const char *name = ast_root_name(base);
  return name ? name : "the function";
}

/* f(a, b), or a |> f(b) where `first` is a. */
static value apply_point(index_space *s, const ast *site, location at, const ast *base,
                         const ast *first, const ast_list *items) {
  argument_list list = {arena_array_of(s->e->arena, items->count + 1, argument), 0};
  if (first) list.items[list.count++] = point_argument(s, first);
  value callee = callee_value(s, base);
  for (int i = 0; i < items->count; i++) list.items[list.count++] = point_argument(s, items->items[i]);
  return call_point(s, at, site, callee, callee_name(base), list);
}

static value pipe_point(index_space *s, const ast *n) {
  static const ast_list none;
  bool call = n->right->kind == AST_CALL;
  return apply_point(s, call ? n->right : n, n->right->at, call ? n->right->base : n->right,
                     n->left, call ? &n->right->items : &none);
}

/* --- reductions ----------------------------------------------------------------------------- */

const ast *index_notation_name(const ast *item) {
  bool sized = item->kind == AST_BINARY && item->op == AST_LESS;
  const ast *name = sized ? item->left : item;
  return name->kind == AST_NAME ? name : NULL;
}

static bool names_it(const ast *n, void *context) {
  const char **name = context;
  if (*name && ast_is_name(n, *name)) *name = NULL;
  return *name != NULL;
}

static bool stands_in(const char *name, const ast_list *items) {
  for (int i = 0; name && i < items->count; i++) ast_walk(items->items[i], names_it, &name);
  return !name;
}

/* A name that is not known binds where it is given a size, or where the arguments use it. */
bool index_notation_binds(const elaborator *e, const ast *n) {
  if (n->base->kind != AST_BRACKETS) return false;
  for (int i = 0; i < n->base->items.count; i++) {
    const ast *item = n->base->items.items[i], *name = index_notation_name(item);
    if (name && !index_space_is_known(e, name->name) &&
        (item != name || stands_in(name->name, &n->items)))
      return true;
  }
  return false;
}

/* The function with the axes of the indices from `first` on in its brackets. */
static value over_axes(index_space *s, const ast *n, value callee, int first) {
  elaborator *e = s->e;
  int count = s->count - first;
  argument *axes = arena_array_of(e->arena, count, argument);
  for (int i = 0; i < count; i++) axes[i] = (argument){.value = value_integer(first + i)};
  bool spliced = value_is(callee, VALUE_FUNCTION) && callee.function->native;
  if (!spliced && count > 1) {
    value *items = arena_array_of(e->arena, count, value);
    for (int i = 0; i < count; i++) items[i] = axes[i].value;
    axes[0].value = value_tuple(e->arena, count, items, NULL);
    count = 1;
  }
  return call_brackets(e, n->at, callee, (argument_list){axes, count});
}

/* The value with all of the extents of the indices from `first` on. */
static node *spread_over(index_space *s, location at, value v, int first) {
  node *x = operate_tensor(s->e, at, v, DTYPE_COUNT);
  if (!x) return NULL;
  tensor_type type = index_space_type(s, x->type.element);
  for (int i = 0; i < first; i++) type.dims[i] = x->type.rank ? x->type.dims[i] : dim_fixed(1);
  return build_broadcast_to(s->e->graph, x, &type);
}

static value reduce_over(index_space *s, const ast *n, value callee, int first) {
  elaborator *e = s->e;
  node *x = spread_over(s, n->items.items[0]->at, index_notation_point(s, n->items.items[0]), first);
  if (!x) return (value){0};
  argument *reduced = arena_new_of(e->arena, argument);
  *reduced = (argument){.value = value_tensor(x), .source = n->items.items[0]};
  value v = call_value(e, n->at, n, elaborator_label(e, n), over_axes(s, n, callee, first),
                       (argument_list){reduced, 1});
  bool removed = value_is(v, VALUE_TENSOR) && v.node->type.rank == first;
  for (int i = 0; removed && i < first; i++)
    removed = dim_equal(v.node->type.dims[i], x->type.dims[i]);
  if (removed || value_is_poison(v)) return v;
  return elaborator_error(e, n->at, "the brackets of `%s` bind indices, so it has to remove their "
                          "axes, and it does not", callee_name(n->base));
}

/* Collects the factors of a product; false where the text is none. */
static void collect_factors(const ast *n, arena *a, const ast ***factors, int *count) {
  if (n->kind == AST_BINARY && n->op == AST_MULTIPLY) {
    collect_factors(n->left, a, factors, count);
    collect_factors(n->right, a, factors, count);
  } else {
    arena_push(a, *factors, *count) = n;
  }
}

static bool is_sum_of_products(const ast *n, value callee) {
  const ast *body = n->items.items[0];
  return value_is(callee, VALUE_FUNCTION) && callee.function->native &&
         !strcmp(callee.function->name, "sum") && body->kind == AST_BINARY &&
         body->op == AST_MULTIPLY;
}

static value sum_of_products(index_space *s, const ast *n, int first) {
  const ast **texts = NULL;
  int count = 0;
  collect_factors(n->items.items[0], s->e->arena, &texts, &count);
  if (count == 2) {
    value v = index_conv(s, n->at, first, texts[0], texts[1]);
    if (!value_is(v, VALUE_NONE)) return v;
  }
  value *factors = arena_array_of(s->e->arena, count, value);
  for (int i = 0; i < count; i++) {
    factors[i] = index_notation_point(s, texts[i]);
    if (value_is_poison(factors[i])) return factors[i];
  }
  return index_product(s, n->at, first, count, factors);
}

static value reduction(index_space *s, const ast *n) {
  elaborator *e = s->e;
  int first = s->count;
  value callee = callee_value(s, n->base->base);
  if (value_is_poison(callee)) return callee;
  if (!value_is(callee, VALUE_FUNCTION) && !value_is(callee, VALUE_INSTANCE))
    return elaborator_error(e, n->base->at, "%s has no brackets that bind indices",
                            value_words(e->arena, callee));
  if (n->items.count != 1 || n->items.items[0]->kind == AST_NAMED)
    return elaborator_error(e, n->at, "a function that binds indices takes one expression");
  value v = {0};
  bool good = true;
  for (int i = 0; good && i < n->base->items.count; i++)
    good = index_space_bind(s, n->base->items.items[i], "");
  if (good && index_space_measure(s, first, n->items.items[0]))
    v = is_sum_of_products(n, callee) ? sum_of_products(s, n, first)
                                      : reduce_over(s, n, callee, first);
  s->count = first;
  return v;
}

/* --- expressions ---------------------------------------------------------------------------- */

static value fixed_point(index_space *s, const ast *n) {
  value v = index_space_fixed(s, n);
  if (!value_is(v, VALUE_TENSOR) || v.node->type.rank == 0) return v;
  return elaborator_error(s->e, n->at, "%s stands here without subscripts; index notation takes one "
                          "for every axis", type_text(s->e->arena, &v.node->type));
}

/* An index is an i32 value. */
static value index_value(index_space *s, const ast *n) {
  int index = index_space_find(s, n->name);
  tensor_type type = {.element = DTYPE_I32, .rank = s->count};
  for (int i = 0; i < s->count; i++)
    type.dims[i] = i == index ? s->indices[i].extent : dim_fixed(1);
  return elaborator_node(s->e, build_iota(s->e->graph, &type, index));
}

static value choice_point(index_space *s, const ast *n) {
  value condition = index_notation_point(s, n->condition);
  if (value_is_poison(condition)) return condition;
  if (value_is(condition, VALUE_TRUTH))
    return index_notation_point(s, condition.truth ? n->then : n->otherwise);
  value then = index_notation_point(s, n->then), otherwise = index_notation_point(s, n->otherwise);
  if (!elaborator_at(s->e, n->at)) return (value){0};
  return operate_select(s->e, n->at, condition, then, otherwise);
}

static value binary_point(index_space *s, const ast *n) {
  value left = index_notation_point(s, n->left), right = index_notation_point(s, n->right);
  if (!elaborator_at(s->e, n->at)) return (value){0};
  if (n->op == AST_MATRIX_PRODUCT)
    return elaborator_error(s->e, n->at, "a matrix product has no meaning at a point; write "
                            "sum[i](a[i] * b[i])");
  return operate_binary(s->e, n->at, n->op, left, right, NULL);
}

static value evaluate(index_space *s, const ast *n) {
  if (!index_space_enters(s, n)) return fixed_point(s, n);
  if (n->kind == AST_CALL && index_notation_binds(s->e, n)) return reduction(s, n);
  switch (n->kind) {
    case AST_NAME: return index_value(s, n);
    case AST_UNARY: return operate_unary(s->e, n->at, n->op, index_notation_point(s, n->operand));
    case AST_BINARY: return binary_point(s, n);
    case AST_CHOICE: return choice_point(s, n);
    case AST_CALL: return apply_point(s, n, n->at, n->base, NULL, &n->items);
    case AST_PIPE: return pipe_point(s, n);
    case AST_BRACKETS: return index_read(s, n);
    default:
      return elaborator_error(s->e, n->at, "%s cannot stand in index notation",
                              ast_kind_words(n->kind));
  }
}

value index_notation_point(index_space *s, const ast *n) {
  if (!elaborator_sink(s->e, n->at)) return (value){0};
  value v = evaluate(s, n);
  elaborator_rise(s->e);
  return v;
}

/* --- as a whole ----------------------------------------------------------------------------- */

/* Evaluates n over the indices of a list, where it is given, or as a reduction. */
static value whole(elaborator *e, const ast *n, const ast_list *indices) {
  index_space s = {.e = e};
  bool outer = e->in_indices, good = true;
  value v = {0};
  e->in_indices = true;
  for (int i = 0; good && indices && i < indices->count; i++)
    good = index_space_bind(&s, indices->items[i], "; a part of a tensor is replaced by `<-`");
  if (!indices) v = reduction(&s, n);
  else if (good && index_space_measure(&s, 0, n))
    v = elaborator_node(e, spread_over(&s, n->at, index_notation_point(&s, n), 0));
  e->in_indices = outer;
  return v;
}

value index_notation_call(elaborator *e, const ast *n) { return whole(e, n, NULL); }

value index_notation_value(elaborator *e, const ast *n) {
  return whole(e, n->value, &n->target->items);
}
