/* Casts and elementwise functions. */
#include "native.h"
#include "operate.h"

static value cast(elaborator *e, const native_call *c) {
  dtype element;
  if (!elaborator_element(e, c->at, c->native->name, &element)) return (value){0};
  return operate_cast(e, c->at, c->arguments.items[0].value, element);
}

static value map(elaborator *e, const native_call *c) {
  value operands[3];
  for (int i = 0; i < c->arguments.count; i++) operands[i] = c->arguments.items[i].value;
  return operate_map(e, c->at, (scalar_function)c->native->code, c->arguments.count, operands);
}

/* Rows: arguments from, to; brackets from, to; options; function; code; names. */
#define CAST(name) {name, 1, 1, 0, 0, NULL, cast, 0, NULL}
#define MAP(name, arity, function) \
  {name, arity, arity, 0, 0, NULL, map, SCALAR_##function, NULL}
const native native_elementwise[] = {
    CAST("f32"), CAST("f64"), CAST("f16"), CAST("bf16"), CAST("i8"),
    CAST("u8"), CAST("i32"), CAST("i64"), CAST("bool"),
    MAP("exp", 1, EXP), MAP("expm1", 1, EXPM1), MAP("log", 1, LOG), MAP("log1p", 1, LOG1P),
    MAP("sqrt", 1, SQRT), MAP("rsqrt", 1, RSQRT), MAP("abs", 1, ABS), MAP("sign", 1, SIGN),
    MAP("floor", 1, FLOOR), MAP("tanh", 1, TANH), MAP("sigmoid", 1, SIGMOID), MAP("sin", 1, SIN),
    MAP("cos", 1, COS), MAP("pow", 2, POW), MAP("isnan", 1, ISNAN),
    MAP("stop_gradient", 1, STOP),
    {0},
};
