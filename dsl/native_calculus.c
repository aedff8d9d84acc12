/* Derivatives; and what is known but not there yet. */
#include "gradient.h"
#include "native.h"
#include "operate.h"

static value grad(elaborator *e, const native_call *c) {
  return gradient_of(e, c->at, c->arguments.items[0].value, c->arguments.items[1].value);
}

/* jvp(y, x, v) */
static value jvp(elaborator *e, const native_call *c) {
  const argument *a = c->arguments.items;
  return gradient_along(e, c->at, a[0].value, a[1].value, a[2].value);
}

/* straight_through(hard, soft) = stop(hard) + (soft - stop(soft)): the difference is exactly zero,
 * so the value is hard's, bit for bit, wherever soft is finite. */
static value straight_through(elaborator *e, const native_call *c) {
  value hard = c->arguments.items[0].value, soft = c->arguments.items[1].value;
  value held = operate_map(e, c->at, SCALAR_STOP, 1, &soft);
  value zero = operate_binary(e, c->at, AST_SUBTRACT, soft, held, NULL);
  value fixed = operate_map(e, c->at, SCALAR_STOP, 1, &hard);
  return operate_binary(e, c->at, AST_ADD, fixed, zero, NULL);
}

const native native_calculus[] = {
    {"grad", 2, 2, 0, 0, NULL, grad, 0, NULL},
    {"jvp", 3, 3, 0, 0, NULL, jvp, 0, NULL},
    {"straight_through", 2, 2, 0, 0, NULL, straight_through, 0, NULL},
    {0},
};
