/* Products and convolutions by oneDNN, in the form that tests/bench/peers.py calls. A convolution's arrays are in the
 * layout that oneDNN prefers; bringing them there and back is not part of a call. */
#include <dnnl.h>
#include <stdio.h>
#include <stdlib.h>

#include "product.h"

const char *peer_product(const product *p) {
  int64_t row_a = p->transposed_a ? p->m : p->k, row_b = p->transposed_b ? p->k : p->n;
  if (p->f64) return "oneDNN has no products of f64";
  dnnl_status_t status = dnnl_sgemm(p->transposed_a ? 'T' : 'N', p->transposed_b ? 'T' : 'N', p->m, p->n, p->k, 1,
                                    p->a, row_a, p->b, row_b, 0, p->c, p->n);
  return status == dnnl_success ? 0 : "dnnl_sgemm failed";
}

enum { SOURCE, WEIGHTS, RESULT, ARRAYS };
static const int argument_of[ARRAYS] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
static const dnnl_query_t query_of[ARRAYS] = {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md};

typedef struct state {
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  dnnl_primitive_t primitive;
  dnnl_memory_desc_t plain[ARRAYS];
  dnnl_memory_t memory[ARRAYS];
} state;

#define TRY(call)                                                                                  \
  do {                                                                                             \
    if ((call) != dnnl_success) return #call " failed";                                            \
  } while (0)

static const char *reorder(state *s, dnnl_memory_t from, dnnl_memory_t to) {
  const dnnl_memory_desc_t *a, *b;
  dnnl_primitive_desc_t description;
  dnnl_primitive_t primitive;
  TRY(dnnl_memory_get_memory_desc(from, &a));
  TRY(dnnl_memory_get_memory_desc(to, &b));
  TRY(dnnl_reorder_primitive_desc_create(&description, a, s->engine, b, s->engine, NULL));
  TRY(dnnl_primitive_create(&primitive, description));
  dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
  TRY(dnnl_primitive_execute(primitive, s->stream, 2, arguments));
  TRY(dnnl_stream_wait(s->stream));
  dnnl_primitive_destroy(primitive);
  dnnl_primitive_desc_destroy(description);
  return 0;
}

/* The dense layouts of x, w and y, and the convolution over layouts that oneDNN is free to choose. */
static const char *describe(const convolution *c, state *s, dnnl_primitive_desc_t *description) {
  int64_t out_h = (c->height + 2 * c->pad - c->size) / c->stride + 1;
  int64_t out_w = (c->width + 2 * c->pad - c->size) / c->stride + 1;
  int64_t g = c->groups;
  dnnl_dims_t x = {c->n, c->channels, c->height, c->width}, y = {c->n, c->filters, out_h, out_w};
  dnnl_dims_t w = {c->filters, c->channels, c->size, c->size};
  dnnl_dims_t grouped = {g, c->filters / g, c->channels / g, c->size, c->size};
  dnnl_memory_desc_t any[ARRAYS];
  dnnl_convolution_desc_t conv;
  dnnl_dims_t stride = {c->stride, c->stride}, pad = {c->pad, c->pad};
  for (int plain = 0; plain < 2; plain++) {
    dnnl_memory_desc_t *m = plain ? s->plain : any;
    dnnl_format_tag_t four = plain ? dnnl_abcd : dnnl_format_tag_any, five = plain ? dnnl_abcde : dnnl_format_tag_any;
    TRY(dnnl_memory_desc_init_by_tag(&m[SOURCE], 4, x, dnnl_f32, four));
    TRY(dnnl_memory_desc_init_by_tag(&m[WEIGHTS], g > 1 ? 5 : 4, g > 1 ? grouped : w, dnnl_f32, g > 1 ? five : four));
    TRY(dnnl_memory_desc_init_by_tag(&m[RESULT], 4, y, dnnl_f32, four));
  }
  TRY(dnnl_convolution_forward_desc_init(&conv, dnnl_forward_inference, dnnl_convolution_auto, &any[SOURCE],
                                         &any[WEIGHTS], NULL, &any[RESULT], stride, pad, pad));
  TRY(dnnl_primitive_desc_create(description, &conv, NULL, s->engine, NULL));
  return 0;
}

const char *peer_convolution_open(convolution *c) {
  state *s = calloc(1, sizeof *s);
  dnnl_primitive_desc_t description;
  const void *given[ARRAYS] = {c->x, c->w, NULL};
  if (!s) return "out of memory";
  c->state = s;
  TRY(dnnl_engine_create(&s->engine, dnnl_cpu, 0));
  TRY(dnnl_stream_create(&s->stream, s->engine, dnnl_stream_default_flags));
  const char *error = describe(c, s, &description);
  if (error) return error;
  for (int i = 0; i < ARRAYS; i++) {
    dnnl_memory_t outside;
    TRY(dnnl_memory_create(&s->memory[i], dnnl_primitive_desc_query_md(description, query_of[i], 0), s->engine,
                           DNNL_MEMORY_ALLOCATE));
    if (!given[i]) continue;
    TRY(dnnl_memory_create(&outside, &s->plain[i], s->engine, (void *)(uintptr_t)given[i]));
    error = reorder(s, outside, s->memory[i]);
    dnnl_memory_destroy(outside);
    if (error) return error;
  }
  TRY(dnnl_primitive_create(&s->primitive, description));
  dnnl_primitive_desc_destroy(description);
  return 0;
}

const char *peer_convolution(const convolution *c) {
  state *s = c->state;
  dnnl_exec_arg_t arguments[ARRAYS];
  for (int i = 0; i < ARRAYS; i++) arguments[i] = (dnnl_exec_arg_t){argument_of[i], s->memory[i]};
  TRY(dnnl_primitive_execute(s->primitive, s->stream, ARRAYS, arguments));
  TRY(dnnl_stream_wait(s->stream));
  return 0;
}

const char *peer_convolution_read(convolution *c) {
  state *s = c->state;
  dnnl_memory_t outside;
  TRY(dnnl_memory_create(&outside, &s->plain[RESULT], s->engine, c->y));
  const char *error = reorder(s, s->memory[RESULT], outside);
  dnnl_memory_destroy(outside);
  return error;
}

void peer_convolution_close(convolution *c) {
  state *s = c->state;
  if (!s) return;
  if (s->primitive) dnnl_primitive_destroy(s->primitive);
  for (int i = 0; i < ARRAYS; i++)
    if (s->memory[i]) dnnl_memory_destroy(s->memory[i]);
  if (s->stream) dnnl_stream_destroy(s->stream);
  if (s->engine) dnnl_engine_destroy(s->engine);
  free(s);
  c->state = NULL;
}

const char *peer_describe(void) {
  static char text[64];
  const dnnl_version_t *v = dnnl_version();
  snprintf(text, sizeof text, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
  return text;
}
