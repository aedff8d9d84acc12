/* Random draws. Each is a pure function of (seed, place in the program, step, turn, element):
 * bits[shape](key, turn), whose key hashes the elaboration path of the draw. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
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
  const char *path = arena_printf(e->arena, "%s%s", elaborator_site(e, c->label), part);
  node *key = build_key(e->graph, site_of(e, c->at, path), e->graph == e->initial);
  return build_bits(e->graph, key, build_int(e->graph, DTYPE_I64, 0), &type);
}

static node *spread(elaborator *e, node *n, const tensor_type *like) {
  return n ? build_broadcast_to(e->graph, n, like) : NULL;
}

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
  node *u = uniform_node(e, c, &type, "");
  if (!limit || !u) return (value){0};
  node *below = build_map2(e->graph, SCALAR_LT, u, limit);
  return elaborator_node(e, build_cast(e->graph, below, type.element));
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

const native native_random[] = {
    {"uniform", 0, 0, 0, MAX_RANK, NULL, uniform, 0},
    {"normal", 0, 0, 0, MAX_RANK, NULL, normal, 0},
    {"bernoulli", 1, 1, 0, MAX_RANK, NULL, bernoulli, 0},
    {"randint", 1, 1, 0, MAX_RANK, NULL, randint, 0},
    {0},
};
