/* Random draws. Each is a pure function of (seed, place in the program, step, turn, element):
 * bits[shape](key, turn), whose key hashes the elaboration path of the draw. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "half.h"
#include "loop.h"
#include "native.h"
#include "operate.h"

/* FNV-1a, 64 bits (Fowler, Noll, Vo). */
static uint64_t hash_text(const char *text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
  return hash;
}

typedef struct draw_site {
  uint64_t hash;
  const char *path;
  location at;
} draw_site;

static uint64_t site_of(elaborator *e, location at, const char *path) {
  uint64_t hash = hash_text(path);
  arena_push(e->arena, e->sites, e->site_count) = (draw_site){hash, path, at};
  return hash;
}

static int by_hash(const void *left, const void *right) {
  const draw_site *a = left, *b = right;
  if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
  return strcmp(a->path, b->path);
}

void native_check_sites(elaborator *e) {
  if (e->site_count) qsort(e->sites, (size_t)e->site_count, sizeof *e->sites, by_hash);
  for (int i = 1; i < e->site_count; i++) {
    const draw_site *a = &e->sites[i - 1], *b = &e->sites[i];
    if (a->hash == b->hash && strcmp(a->path, b->path))
      elaborator_error(e, b->at, "the draws `%s` and `%s` have one hash; rename a part of a path",
                       a->path, b->path);
  }
}

/* The random patterns of a draw of this shape, i32; part tells several draws of one call apart. */
static node *bits(elaborator *e, const native_call *c, const tensor_type *like, const char *part) {
  tensor_type type = *like;
  type.element = DTYPE_I32;
  if (e->in_indices) {
    elaborator_error(e, c->at, "a draw in index notation; draw a tensor before, and read it there");
    return NULL;
  }
  const char *path = arena_printf(e->arena, "%s%s", elaborator_site(e, c->label), part);
  node *key = build_key(e->graph, site_of(e, c->at, path), loop_root(e) == e->initial);
  return build_bits(e->graph, key, loop_draw_turn(e), &type);
}

static node *spread(elaborator *e, node *n, const tensor_type *like) {
  return n ? build_broadcast_to(e->graph, n, like) : NULL;
}

/* The type in which draws of this type are made: f16 and bf16 do not hold their 24 bits. */
static dtype drawn_in(dtype element) { return half_is(element) ? DTYPE_F32 : element; }

/* (bits >> 8) · 2⁻²⁴: 24 bits, in [0, 1). */
static node *uniform_node(elaborator *e, const native_call *c, const tensor_type *type,
                          const char *part) {
  graph *g = e->graph;
  node *pattern = bits(e, c, type, part);
  if (!pattern) return NULL;
  node *eight = spread(e, build_int(g, DTYPE_I32, 8), &pattern->type);
  node *high = build_cast(g, build_map2(g, SCALAR_SHR, pattern, eight), type->element);
  return build_map2(g, SCALAR_MUL, high, build_splat(g, type, 0x1p-24));
}

/* uniform[B, 3](): in [0, 1). */
static value uniform(elaborator *e, const native_call *c) {
  tensor_type type;
  if (!native_result_type(e, c, e->real, NULL, &type)) return (value){0};
  return elaborator_node(e, uniform_node(e, c, &type, ""));
}

/* normal[B, Z](): mean 0, variance 1, from two uniform draws u and v (Box and Muller, 1958):
 * sqrt(-2 log(1 - u)) cos(2 pi v), where 1 - u is exact and above 0. */
static value normal(elaborator *e, const native_call *c) {
  graph *g = e->graph;
  tensor_type type;
  if (!native_result_type(e, c, e->real, NULL, &type)) return (value){0};
  node *u = uniform_node(e, c, &type, ".radius"), *v = uniform_node(e, c, &type, ".angle");
  if (!u || !v) return (value){0};
  node *rest = build_map2(g, SCALAR_SUB, build_splat(g, &type, 1), u);
  node *logarithm = build_map1(g, SCALAR_LOG, rest);
  node *squared = build_map2(g, SCALAR_MUL, build_splat(g, &type, -2), logarithm);
  node *angle = build_map2(g, SCALAR_MUL, build_splat(g, &type, 2 * acos(-1)), v);
  return elaborator_node(e, build_map2(g, SCALAR_MUL, build_map1(g, SCALAR_SQRT, squared),
                                       build_map1(g, SCALAR_COS, angle)));
}

/* bernoulli[B](p): 1 with probability p, else 0, of p's floating type. */
static value bernoulli(elaborator *e, const native_call *c) {
  value v = c->arguments.items[0].value;
  if (value_is(v, VALUE_NUMBER)) v = value_number(number_real(v.number.real));
  node *p = operate_tensor(e, c->at, v, e->real);
  if (!p) return (value){0};
  if (!dtype_is_float(p->type.element))
    return elaborator_error(e, c->at, "a probability is a floating number, not %s",
                            type_text(e->arena, &p->type));
  tensor_type type;
  if (!native_result_type(e, c, p->type.element, p->type.rank ? &p->type : NULL, &type))
    return (value){0};
  node *limit = operate_convert(e, c->at, value_tensor(p), &type, true, "the probability");
  type.element = drawn_in(type.element);
  node *u = uniform_node(e, c, &type, "");
  if (!limit || !u) return (value){0};
  node *below = build_map2(e->graph, SCALAR_LT, u, build_cast(e->graph, limit, type.element));
  return elaborator_node(e, build_cast(e->graph, below, p->type.element));
}

/* randint[B](n): i32 in [0, n), the 32-bit pattern modulo n. */
static value randint(elaborator *e, const native_call *c) {
  value v = c->arguments.items[0].value;
  if (value_is(v, VALUE_NUMBER) && number_compare(v.number, number_integer(1)) < 0)
    return elaborator_error(e, c->at, "randint(n) needs n of at least 1");
  node *n = operate_tensor(e, c->at, v, DTYPE_I32);
  if (!n) return (value){0};
  tensor_type type;
  if (!native_result_type(e, c, DTYPE_I32, n->type.rank ? &n->type : NULL, &type))
    return (value){0};
  node *limit = operate_convert(e, c->at, value_tensor(n), &type, true, "the limit of randint");
  node *pattern = limit ? bits(e, c, &type, "") : NULL;
  return elaborator_node(e, pattern ? build_map2(e->graph, SCALAR_MOD, pattern, limit) : NULL);
}

/* categorical[B](logits): i32, class k with probability softmax(logits)[k] along the last axis: the
 * largest of logits + Gumbel noise -log(-log(u)) (Gumbel, 1954; Maddison et al., 2014). u = 0
 * gives minus infinity, so it is chosen only where all are. Sizes in brackets are the result's. */
static value categorical(elaborator *e, const native_call *c) {
  graph *g = e->graph;
  node *logits = native_tensor(e, c, 0);
  if (!logits) return (value){0};
  logits = build_cast(g, logits, drawn_in(logits->type.element));
  int rank = logits->type.rank;
  if (!rank || !dtype_is_float(logits->type.element))
    return elaborator_error(e, c->at, "categorical takes floating logits with an axis, not %s",
                            type_text(e->arena, &logits->type));
  tensor_type like = logits->type, type;
  const dim classes = like.dims[--like.rank];
  if (!native_result_type(e, c, like.element, &like, &type)) return (value){0};
  if (type.rank == MAX_RANK)
    return elaborator_error(e, c->at, "a tensor has at most %d axes", MAX_RANK);
  type.dims[type.rank++] = classes;
  node *all = operate_convert(e, c->at, value_tensor(logits), &type, true, "the logits");
  node *u = all ? uniform_node(e, c, &type, "") : NULL;
  if (!u) return (value){0};
  node *exponential = build_map1(g, SCALAR_NEG, build_map1(g, SCALAR_LOG, u));
  node *noise = build_map1(g, SCALAR_NEG, build_map1(g, SCALAR_LOG, exponential));
  const int64_t last = type.rank - 1;
  node *noisy = build_map2(g, SCALAR_ADD, all, noise);
  return elaborator_node(e, build_reduce(g, OP_ARGMAX, noisy, 1, &last));
}

/* permutation[n](): i32[n], all orders equally likely up to equal patterns: each element's rank
 * among n random patterns, equal ones in the order of their places. It takes n ** 2 comparisons. */
static value permutation(elaborator *e, const native_call *c) {
  enum { MOST = 1 << 16 };
  graph *g = e->graph;
  tensor_type line;
  if (!native_sizes(e, c, &line)) return (value){0};
  if (line.rank != 1 || line.dims[0].maximum > MOST)
    return elaborator_error(e, c->at, "permutation[n]() takes one size, at most %d", MOST);
  line.element = DTYPE_I32;
  const tensor_type square = {.element = DTYPE_I32, .rank = 2, .dims = {line.dims[0], line.dims[0]}};
  const int64_t rows = 0, columns = 1;
  node *key = bits(e, c, &line, "");
  if (!key) return (value){0};
  node *mine = build_broadcast(g, key, &square, &rows);
  node *other = build_broadcast(g, key, &square, &columns);
  node *earlier = build_map2(g, SCALAR_LT, build_iota(g, &square, 1), build_iota(g, &square, 0));
  node *equal = build_map2(g, SCALAR_EQ, other, mine);
  node *before = build_map2(g, SCALAR_OR, build_map2(g, SCALAR_LT, other, mine),
                            build_map2(g, SCALAR_AND, equal, earlier));
  return elaborator_node(e, build_reduce(g, OP_SUM, build_cast(g, before, DTYPE_I32), 1, &columns));
}

const native native_random[] = {
    {"categorical", 1, 1, 0, MAX_RANK, NULL, categorical, 0, NULL},
    {"permutation", 0, 0, 1, MAX_RANK, NULL, permutation, 0, NULL},
    {"uniform", 0, 0, 0, MAX_RANK, NULL, uniform, 0, NULL},
    {"normal", 0, 0, 0, MAX_RANK, NULL, normal, 0, NULL},
    {"bernoulli", 1, 1, 0, MAX_RANK, NULL, bernoulli, 0, NULL},
    {"randint", 1, 1, 0, MAX_RANK, NULL, randint, 0, NULL},
    {0},
};
