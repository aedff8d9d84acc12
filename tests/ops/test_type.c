/* Type rules: every numbered constraint in compiler/ops/ has a graph that violates it, is refused,
 * and is told so by the constraint's number. */
#include <glob.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "graph_case.h"
#include "op.h"
#include "scalar.h"

typedef struct type_case {
  const char *op; /* as the comment in compiler/ops/ names it */
  int constraint;
  const char *inputs, *node; /* the last node; its result type is never reached */
} type_case;

/* Of a loop over one sequence. */
#define BODY "body=(turn: i64, h: f32[4], x: f32[4]) { return h = %1, y = %2 }"

/* Of one argument like the value. */
#define RULE "body=(dy: f32[4]) { return dx = %0 }"

static const type_case cases[] = {
    {"constant", 1, "", "constant reals=[1, 2]: f32[3]"},
    {"constant", 1, "", "constant ints=[1, 2, 3]: f32[3]"},
    {"constant", 1, "", "constant ints=[1] reals=[1]: f32"},
    {"constant", 2, "", "constant ints=[256]: u8"},
    {"constant", 2, "", "constant ints=[2]: bool"},
    {"constant", 2, "", "constant ints=[-129]: i8"},
    {"constant", 3, "", "constant reals=[1, 65520]: f16[2]"},
    {"constant", 3, "", "constant reals=[0.1]: bf16"},
    {"iota", 1, "", "iota: i32[2, 3]"},
    {"iota", 1, "", "iota axis=[2]: i32[2, 3]"},
    {"iota", 1, "", "iota axis=[0]: i32"},
    {"iota", 2, "", "iota axis=[0]: u8[257]"},
    {"iota", 2, "", "iota axis=[0]: bool[2]"},
    {"key", 1, "", "key site=[1, 2] initial=[0]: i32[2]"},
    {"key", 2, "", "key site=[1] initial=[2]: i32[2]"},
    {"bits", 1, "k: i32[3], t: i64", "bits %0, %1: i32[4]"},
    {"bits", 2, "k: i32[2], t: i32", "bits %0, %1: i32[4]"},
    {"bits", 3, "k: i32[2], t: i64", "bits %0, %1: i64[4]"},
    {"map", 1, "x: f32[3], y: f32[1]", "add %0, %1: f32[3]"},
    {"map", 1, "x: f32[3], y: f32", "add %0, %1: f32[3]"},
    {"map", 2, "x: i32[3]", "exp %0: i32[3]"},
    {"map", 2, "x: bool, y: bool", "add %0, %1: bool"},
    {"map", 2, "x: f32, y: f32", "bitand %0, %1: f32"},
    {"map", 2, "x: i32, y: i32", "and %0, %1: i32"},
    {"map", 2, "x: i32", "isnan %0: bool"},
    {"map", 2, "x: i32, y: f32", "select %0, %1, %1: f32"},
    {"map", 3, "x: f32, y: f64", "add %0, %1: f32"},
    {"map", 3, "c: bool, x: f32, y: i32", "select %0, %1, %2: f32"},
    {"map", 3, "x: i32, y: i64", "lt %0, %1: bool"},
    {"cast", 1, "x: f32[3]", "cast %0: i32[4]"},
    {"reshape", 1, "x: f32[4]", "reshape %0: i32[4]"},
    {"reshape", 2, "x: f32[4]", "reshape %0: f32[2, 3]"},
    {"reshape", 3, "x: f32[n <= 4, 6]", "reshape %0: f32[24]"},
    {"reshape", 3, "x: f32[n <= 4, 6]", "reshape %0: f32[6, n <= 4]"},
    {"transpose", 1, "x: f32[4, 5]", "transpose %0 axes=[0]: f32[4]"},
    {"transpose", 1, "x: f32[4, 5]", "transpose %0 axes=[0, 2]: f32[4, 5]"},
    {"transpose", 1, "x: f32[4, 5]", "transpose %0 axes=[1, 1]: f32[5, 5]"},
    {"broadcast", 1, "x: f32", "broadcast %0: i32[4]"},
    {"broadcast", 2, "x: f32[4]", "broadcast %0: f32[3, 4]"},
    {"broadcast", 2, "x: f32[4]", "broadcast %0 axes=[2]: f32[3, 4]"},
    {"broadcast", 2, "x: f32[3, 4]", "broadcast %0 axes=[1, 0]: f32[4, 3]"},
    {"broadcast", 3, "x: f32[4]", "broadcast %0 axes=[0]: f32[3, 4]"},
    {"reverse", 1, "x: f32[4, 5]", "reverse %0 axes=[2]: f32[4, 5]"},
    {"reverse", 1, "x: f32[4, 5]", "reverse %0 axes=[1, 0]: f32[4, 5]"},
    {"reverse", 2, "x: f32[n <= 4, 5]", "reverse %0 axes=[0]: f32[n <= 4, 5]"},
    {"window", 1, "x: f32[4, 2]",
     "window %0 axes=[0] taps=[1] strides=[1, 1] dilations=[1] offsets=[0] spacings=[1]: f32[3, 2]"},
    {"window", 1, "x: f32[4, 2]",
     "window %0 axes=[0] strides=[1] dilations=[1] offsets=[0] spacings=[1]: f32[3, 2]"},
    {"window", 2, "x: f32[4, 2]",
     "window %0 axes=[0] taps=[2] strides=[1] dilations=[1] offsets=[0] spacings=[1]: f32[3, 2]"},
    {"window", 2, "x: f32[4, 2]",
     "window %0 axes=[1] taps=[1] strides=[1] dilations=[1] offsets=[0] spacings=[1]: f32[4, 2]"},
    {"window", 2, "x: f32[4]",
     "window %0 axes=[0, 0, 0, 0, 0] taps=[0, 0, 0, 0, 0] strides=[1, 1, 1, 1, 1] "
     "dilations=[1, 1, 1, 1, 1] offsets=[0, 0, 0, 0, 0] spacings=[1, 1, 1, 1, 1]: f32[4]"},
    {"window", 3, "x: f32[4, 2]",
     "window %0 axes=[0] taps=[1] strides=[0] dilations=[1] offsets=[0] spacings=[1]: f32[3, 2]"},
    {"window", 3, "x: f32[4, 2]",
     "window %0 axes=[0] taps=[1] strides=[1] dilations=[1] offsets=[0] spacings=[-1]: f32[3, 2]"},
    {"window", 4, "x: f32[4, 2]",
     "window %0 axes=[0] taps=[1] strides=[1] dilations=[1] offsets=[0] spacings=[1]: f32[3, 3]"},
    {"window", 4, "x: f32[4, 2]",
     "window %0 axes=[0] taps=[1] strides=[1] dilations=[1] offsets=[0] spacings=[1]: f64[3, 2]"},
    {"window", 4, "x: f32[4, 2]",
     "window %0 axes=[1] taps=[0] strides=[1] dilations=[1] offsets=[0] spacings=[1]: f32[4]"},
    {"window", 4, "x: f32[n <= 4, 2]",
     "window %0 axes=[0] taps=[1] strides=[1] dilations=[1] offsets=[0] spacings=[1]: "
     "f32[n <= 4, 2]"},
    {"window", 4, "x: f32[4, n <= 2]",
     "window %0 axes=[0] taps=[1] strides=[1] dilations=[1] offsets=[0] spacings=[1]: "
     "f32[3, n <= 2]"},
    {"window", 5, "x: f32[4, 2]",
     "window %0 axes=[0] taps=[1] strides=[4611686018427387904] dilations=[1] offsets=[0] "
     "spacings=[1]: f32[3, 2]"},
    {"window", 5, "x: f32[4, 2]",
     "window %0 axes=[0] taps=[1] strides=[1] dilations=[-9223372036854775808] offsets=[0] "
     "spacings=[1]: f32[3, 2]"},
    {"window", 5, "x: f32[4, 2]",
     "window %0 axes=[0] taps=[1] strides=[1] dilations=[1] offsets=[576460752303423488] "
     "spacings=[1]: f32[3, 2]"},
    {"slice", 1, "x: f32[4, 5]", "slice %0 starts=[0] limits=[4] steps=[1]: f32[4]"},
    {"slice", 1, "x: f32[4]", "slice %0 starts=[0] limits=[4] steps=[2305843009213693952]: f32[1]"},
    {"slice", 2, "x: f32[4]", "slice %0 starts=[-1] limits=[4] steps=[1]: f32[5]"},
    {"slice", 2, "x: f32[4]", "slice %0 starts=[2] limits=[2] steps=[1]: f32[1]"},
    {"slice", 2, "x: f32[4]", "slice %0 starts=[0] limits=[5] steps=[1]: f32[5]"},
    {"slice", 3, "x: f32[4]", "slice %0 starts=[0] limits=[4] steps=[0]: f32[4]"},
    {"slice", 4, "x: f32[n <= 4]", "slice %0 starts=[0] limits=[3] steps=[1]: f32[3]"},
    {"pad", 1, "x: f32[4, 5]", "pad %0 low=[1] high=[1] interior=[0]: f32[6, 5]"},
    {"pad", 2, "x: f32[4]", "pad %0 low=[0] high=[0] interior=[-1]: f32[4]"},
    {"pad", 3, "x: f32[4]", "pad %0 low=[-2] high=[-2] interior=[0]: f32[1]"},
    {"pad", 3, "x: f32[64]", "pad %0 low=[0] high=[0] interior=[1152921504606846976]: f32[64]"},
    {"pad", 4, "x: f32[n <= 4]", "pad %0 low=[1] high=[0] interior=[0]: f32[5]"},
    {"concat", 1, "x: f32[4], y: f32[4]", "concat %0, %1 axis=[1]: f32[8]"},
    {"concat", 1, "x: f32[4], y: f32[4]", "concat %0, %1 axis=[0, 0]: f32[8]"},
    {"concat", 2, "x: f32[4, 2], y: f32[4, 3]", "concat %0, %1 axis=[0]: f32[8, 2]"},
    {"concat", 2, "x: f32[4], y: i32[4]", "concat %0, %1 axis=[0]: f32[8]"},
    {"concat", 2, "x: f32[4], y: f32", "concat %0, %1 axis=[0]: f32[5]"},
    {"gather", 1, "x: f32[4], i: i32[2]", "gather %0, %1 axis=[1]: f32[2]"},
    {"gather", 1, "x: f32[4], i: i32[2]", "gather %0, %1: f32[2]"},
    {"gather", 2, "x: f32[4], i: f32[2]", "gather %0, %1 axis=[0]: f32[2]"},
    {"gather", 2, "x: f32[4], i: bool[2]", "gather %0, %1 axis=[0]: f32[2]"},
    {"gather", 3, "x: f32[4, 4], i: i32[n <= 2]", "gather %0, %1 axis=[1]: f32[4, n <= 2]"},
    {"gather", 4, "x: f32[4, 1, 1, 1, 1], i: i32[1, 1, 1, 1, 1]", "gather %0, %1 axis=[0]: f32"},
    {"scatter", 1, "x: f32[4], i: i32[2], u: f32[2]", "scatter %0, %1, %2 axis=[1]: f32[4]"},
    {"scatter", 2, "x: f32[4], i: u8[2], u: f32[2]", "scatter %0, %1, %2 axis=[0]: f32[4]"},
    {"scatter", 3, "x: f32[4, 4], i: i32[n <= 2], u: f32[4, n <= 2]",
     "scatter %0, %1, %2 axis=[1]: f32[4, 4]"},
    {"scatter", 4, "x: f32[4, 1, 1, 1, 1], i: i32[1, 1, 1, 1, 1], u: f32[1]",
     "scatter %0, %1, %2 axis=[0]: f32[4, 1, 1, 1, 1]"},
    {"scatter", 5, "x: f32[4, 5], i: i32[3, 2], u: f32[4, 2]",
     "scatter %0, %1, %2 axis=[1] batch=[1]: f32[4, 5]"},
    {"scatter", 6, "x: f32[4], i: i32[2], u: f32[3]", "scatter %0, %1, %2 axis=[0]: f32[4]"},
    {"scatter", 6, "x: f32[4], i: i32[2], u: f64[2]", "scatter %0, %1, %2 axis=[0]: f32[4]"},
    {"scatter_add", 1, "i: i32[2], u: f32[2]", "scatter_add %0, %1 axis=[-1]: f32[4]"},
    {"scatter_add", 1, "i: i32[2], u: f32[2]", "scatter_add %0, %1 axis=[0]: f32"},
    {"scatter_add", 2, "i: u8[2], u: f32[2]", "scatter_add %0, %1 axis=[0]: f32[4]"},
    {"scatter_add", 3, "i: i32[n <= 2], u: f32[4, n <= 2]", "scatter_add %0, %1 axis=[1]: f32[4, 4]"},
    {"scatter_add", 4, "i: i32[1, 1, 1, 1, 1], u: f32[1]",
     "scatter_add %0, %1 axis=[0]: f32[4, 1, 1, 1, 1]"},
    {"gather", 5, "x: f32[4, 5], i: i32[3, 2]", "gather %0, %1 axis=[1] batch=[1]: f32[4, 2]"},
    {"gather", 5, "x: f32[4, 5], i: i32[4, 2]", "gather %0, %1 axis=[0] batch=[1]: f32[4, 2]"},
    {"gather", 5, "x: f32[4, 5], i: i32[4, 2]", "gather %0, %1 axis=[1] batch=[0]: f32[4, 2]"},
    {"gather", 5, "x: f32[4, 5], i: i32", "gather %0, %1 axis=[1] batch=[1]: f32[4]"},
    {"gather", 5, "x: f32[n <= 4, 5], i: i32[4, 2]", "gather %0, %1 axis=[1] batch=[1]: f32[4, 2]"},
    {"scatter_add", 5, "i: i32[4, 2], u: f32[4, 2]",
     "scatter_add %0, %1 axis=[1] batch=[1, 1]: f32[4, 5]"},
    {"scatter_add", 6, "i: i32[2], u: f32[3]", "scatter_add %0, %1 axis=[0]: f32[4]"},
    {"scatter_add", 6, "i: i32[2], u: f64[2]", "scatter_add %0, %1 axis=[0]: f32[4]"},
    {"scatter_add", 7, "i: i32[2], u: bool[2]", "scatter_add %0, %1 axis=[0]: bool[4]"},
    {"concat", 3, "x: f32[n <= 4], y: f32[4]", "concat %0, %1 axis=[0]: f32[8]"},
    {"sum", 1, "x: f32[4]", "sum %0 axes=[1]: f32[4]"},
    {"sum", 1, "x: f32[4, 4]", "sum %0 axes=[1, 0]: f32"},
    {"sum", 2, "x: bool[4]", "sum %0 axes=[0]: bool"},
    {"prod", 1, "x: f32[4]", "prod %0 axes=[0, 0]: f32"},
    {"prod", 2, "x: bool[4]", "prod %0 axes=[0]: bool"},
    {"max", 1, "x: f32[4]", "max %0 axes=[-1]: f32"},
    {"min", 1, "x: f32[4]", "min %0 axes=[7]: f32"},
    {"argmax", 1, "x: f32[4]", "argmax %0 axes=[1]: i32"},
    {"argmax", 3, "x: u8[65536, 65536]", "argmax %0 axes=[0, 1]: i32"},
    {"argmin", 1, "x: f32[4]", "argmin %0 axes=[1]: i32"},
    {"argmin", 3, "x: u8[65536, 65536]", "argmin %0 axes=[0, 1]: i32"},
    {"argsort", 1, "x: f32[4]", "argsort %0 axis=[1] count=[4] descending=[0]: i32[4]"},
    {"argsort", 1, "x: f32[4]", "argsort %0 count=[4] descending=[0]: i32[4]"},
    {"argsort", 2, "x: f32[n <= 4]", "argsort %0 axis=[0] count=[4] descending=[0]: i32[4]"},
    {"argsort", 2, "x: u8[2147483649]", "argsort %0 axis=[0] count=[4] descending=[0]: i32[4]"},
    {"argsort", 3, "x: f32[4]", "argsort %0 axis=[0] count=[5] descending=[0]: i32[5]"},
    {"argsort", 3, "x: f32[4]", "argsort %0 axis=[0] count=[0] descending=[0]: i32[4]"},
    {"argsort", 3, "x: f32[4]", "argsort %0 axis=[0] descending=[0]: i32[4]"},
    {"argsort", 4, "x: f32[4]", "argsort %0 axis=[0] count=[4] descending=[2]: i32[4]"},
    {"cumsum", 1, "x: f32[4]", "cumsum %0 axis=[1] exclusive=[0] reverse=[0]: f32[4]"},
    {"cumsum", 1, "x: f32[4]", "cumsum %0 exclusive=[0] reverse=[0]: f32[4]"},
    {"cumsum", 1, "x: f32", "cumsum %0 axis=[0] exclusive=[0] reverse=[0]: f32"},
    {"cumsum", 2, "x: f32[n <= 4]", "cumsum %0 axis=[0] exclusive=[0] reverse=[0]: f32[n <= 4]"},
    {"cumsum", 3, "x: f32[4]", "cumsum %0 axis=[0] exclusive=[2] reverse=[0]: f32[4]"},
    {"cumsum", 3, "x: f32[4]", "cumsum %0 axis=[0] exclusive=[0]: f32[4]"},
    {"cumsum", 4, "x: bool[4]", "cumsum %0 axis=[0] exclusive=[0] reverse=[0]: bool[4]"},
    {"cumprod", 1, "x: f32[4]", "cumprod %0 axis=[0, 0] exclusive=[0] reverse=[0]: f32[4]"},
    {"cumprod", 2, "x: f32[n <= 4]", "cumprod %0 axis=[0] exclusive=[0] reverse=[0]: f32[n <= 4]"},
    {"cumprod", 3, "x: f32[4]", "cumprod %0 axis=[0] exclusive=[0] reverse=[-1]: f32[4]"},
    {"cumprod", 4, "x: bool[4]", "cumprod %0 axis=[0] exclusive=[0] reverse=[0]: bool[4]"},
    {"recurrence", 1, "x: f32[4], y: f32[4]",
     "recurrence %0, %1 axis=[-1] exclusive=[0] reverse=[0]: f32[4]"},
    {"recurrence", 2, "x: f32[n <= 4], y: f32[n <= 4]",
     "recurrence %0, %1 axis=[0] exclusive=[0] reverse=[0]: f32[n <= 4]"},
    {"recurrence", 3, "x: f32[4], y: f32[4]", "recurrence %0, %1 axis=[0] reverse=[0]: f32[4]"},
    {"recurrence", 4, "x: bool[4], y: bool[4]",
     "recurrence %0, %1 axis=[0] exclusive=[0] reverse=[0]: bool[4]"},
    {"recurrence", 5, "x: f32[4], y: f32[5]",
     "recurrence %0, %1 axis=[0] exclusive=[0] reverse=[0]: f32[4]"},
    {"recurrence", 5, "x: f32[4], y: f64[4]",
     "recurrence %0, %1 axis=[0] exclusive=[0] reverse=[0]: f32[4]"},
    {"loop", 1, "h: f32[4], x: f32[7, 4]",
     "loop %0, %1 turns=[7] carries=[2] sequences=[1] reverse=[0] " BODY ": f32[4]"},
    {"loop", 1, "h: f32[4], x: f32[7, 4]",
     "loop %0, %1 turns=[7] carries=[1] sequences=[-1] reverse=[0] " BODY ": f32[4]"},
    {"loop", 1, "h: f32[4], x: f32[7, 4]",
     "loop %0, %1 turns=[7] sequences=[1] reverse=[0] " BODY ": f32[4]"},
    {"loop", 2, "h: f32[4], x: f32[7, 4]",
     "loop %0, %1 turns=[7] carries=[1] sequences=[1] reverse=[2] " BODY ": f32[4]"},
    {"loop", 3, "h: f32[4], x: f32[7, 4]",
     "loop %0, %1 turns=[0] carries=[1] sequences=[1] reverse=[0] " BODY ": f32[4]"},
    {"loop", 3, "h: f32[4], x: f32[7, 4]",
     "loop %0, %1 carries=[1] sequences=[1] reverse=[0] " BODY ": f32[4]"},
    {"loop", 3, "h: f32[4]",
     "loop %0 carries=[1] sequences=[0] reverse=[0] body=(t: i64, h: f32[4]) { return h = %1 }: f32"},
    {"loop", 4, "h: f32[4]", "loop %0 turns=[7] carries=[1] sequences=[0] reverse=[0]: f32[4]"},
    {"loop", 4, "h: f32[4]",
     "loop %0 turns=[7] carries=[1] sequences=[0] reverse=[0] body=(turn: i64, h: f32[4]) { "
     "%2 = slot \"w\": f32[4] return h = %1 }: f32[4]"},
    {"loop", 4, "h: f32[4]",
     "loop %0 turns=[7] carries=[1] sequences=[0] reverse=[0] body=(turn: i64, h: f32[4]) { "
     "return h = %1 update \"w\" = %1 }: f32[4]"},
    {"loop", 5, "h: f64[4], x: f32[7, 4]",
     "loop %0, %1 turns=[7] carries=[1] sequences=[1] reverse=[0] " BODY ": f64[4]"},
    {"loop", 5, "h: f32[4], x: f32[7, 4], w: f32",
     "loop %0, %1, %2 turns=[7] carries=[1] sequences=[1] reverse=[0] " BODY ": f32[4]"},
    {"loop", 5, "h: f32[4], x: f32[4]",
     "loop %0, %1 turns=[7] carries=[1] sequences=[0] reverse=[0] body=(turn: i32, h: f32[4], "
     "x: f32[4]) { return h = %1 }: f32[4]"},
    {"loop", 6, "h: f32[4], x: f32[8, 4]",
     "loop %0, %1 turns=[7] carries=[1] sequences=[1] reverse=[0] " BODY ": f32[4]"},
    {"loop", 6, "h: f32[4], x: f32",
     "loop %0, %1 turns=[7] carries=[1] sequences=[1] reverse=[0] " BODY ": f32[4]"},
    {"loop", 6, "h: f32[4], x: f32[n <= 7, 4]",
     "loop %0, %1 turns=[7] carries=[1] sequences=[1] reverse=[0] " BODY ": f32[4]"},
    {"loop", 7, "h: f32[4], x: f32[4]",
     "loop %0, %1 turns=[7] carries=[2] sequences=[0] reverse=[0] body=(turn: i64, h: f32[4], "
     "x: f32[4]) { return h = %1 }: f32[4]"},
    {"loop", 7, "h: f32[4], x: f32[5]",
     "loop %0, %1 turns=[7] carries=[1] sequences=[0] reverse=[0] body=(turn: i64, h: f32[4], "
     "x: f32[5]) { return h = %2 }: f32[4]"},
    {"loop", 7, "w: f32[4]",
     "loop %0 turns=[7] carries=[0] sequences=[0] reverse=[0] body=(turn: i64, w: f32[4]) {}: f32"},
    {"loop", 8, "h: f32[4], x: f32[7, 4]",
     "loop %0, %1 turns=[7] carries=[1] sequences=[1] reverse=[0] condition=(turn: i64, h: f32[4]) "
     "{ %2 = constant ints=[1]: bool return more = %2 } " BODY ": f32[4]"},
    {"loop", 8, "h: f32[4], x: f32[7, 4]",
     "loop %0, %1 turns=[7] carries=[1] sequences=[1] reverse=[0] condition=(turn: i64, h: f32[4], "
     "x: f32[4]) { return more = %0 } " BODY ": f32[4]"},
    {"loop", 9, "w: f32[1, 1, 1, 1, 1, 1, 1, 1]",
     "loop %0 turns=[2] carries=[0] sequences=[0] reverse=[0] body=(turn: i64, "
     "w: f32[1, 1, 1, 1, 1, 1, 1, 1]) { return w = %1 }: f32"},
    {"result", 1, "x: f32[4]", "result %0 number=[1]: f32[4]"},
    {"result", 2, "w: f32",
     "loop %0 turns=[2] carries=[0] sequences=[0] reverse=[0] body=(turn: i64, w: f32) "
     "{ return w = %1 }: f32[2] %2 = result %1 number=[1]: f32[2]"},
    {"result", 2, "w: f32",
     "loop %0 turns=[2] carries=[0] sequences=[0] reverse=[0] body=(turn: i64, w: f32) "
     "{ return w = %1 }: f32[2] %2 = result %1 number=[0]: f32[2]"},
    {"rule", 1, "x: f32[4]", "rule %0, %0 arguments=[2] " RULE ": f32[4]"},
    {"rule", 1, "x: f32[4]", "rule %0, %0 arguments=[0] " RULE ": f32[4]"},
    {"rule", 2, "x: f32[4], i: i32[4]", "rule %0, %1 arguments=[1] " RULE ": f32[4]"},
    {"rule", 2, "x: f32[4], i: i32[4]", "rule %1, %0 arguments=[1] " RULE ": i32[4]"},
    {"rule", 3, "x: f32[4]", "rule %0, %0 arguments=[1]: f32[4]"},
    {"rule", 3, "x: f32[4]", "rule %0, %0, %0 arguments=[1] " RULE ": f32[4]"},
    {"rule", 3, "x: f32[5], y: f32[4]", "rule %0, %1 arguments=[1] " RULE ": f32[5]"},
    {"rule", 3, "x: f32[4], y: f32[5]",
     "rule %0, %0, %1 arguments=[1] body=(dy: f32[4], y: f32[4]) { return dx = %0 }: f32[4]"},
    {"rule", 3, "x: f32[4]",
     "rule %0, %0 arguments=[1] body=(dy: f32[4]) { %1 = slot \"w\": f32[4] return dx = %1 }: f32[4]"},
    {"rule", 4, "x: f32[4]", "rule %0, %0, %0 arguments=[2] " RULE ": f32[4]"},
    {"rule", 4, "x: f32[4], y: f32[5]", "rule %0, %1 arguments=[1] " RULE ": f32[4]"},
    {"dot", 1, "x: f32[4], y: f64[4]", "dot %0, %1 left_contract=[0] right_contract=[0]: f32"},
    {"dot", 1, "x: f32[4], y: f32[4]", "dot %0, %1 left_contract=[0]: f32"},
    {"dot", 2, "x: f32[4], y: f32[4]", "dot %0, %1 left_contract=[0] right_contract=[1]: f32"},
    {"dot", 2, "x: f32[4], y: f32[4]",
     "dot %0, %1 left_batch=[0] right_batch=[0] left_contract=[0] right_contract=[0]: f32"},
    {"dot", 3, "x: f32[2, 784], y: f32[768, 3]",
     "dot %0, %1 left_contract=[1] right_contract=[0]: f32[2, 3]"},
    {"dot", 3, "x: f32[n <= 4], y: f32[4]", "dot %0, %1 left_contract=[0] right_contract=[0]: f32"},
    {"dot", 4, "x: f32[4, 2], y: f32[5, 2]",
     "dot %0, %1 left_batch=[0] right_batch=[0] left_contract=[1] right_contract=[1]: f32[4]"},
    {"dot", 5, "x: f32[1, 1, 1, 1, 1], y: f32[1, 1, 1, 1]", "dot %0, %1: f32"},
    {"conv", 1, "x: f32[1, 1, 5], w: f64[1, 1, 3]",
     "conv %0, %1 strides=[1] low=[0] high=[0] left_dilation=[1] right_dilation=[1] groups=[1]: "
     "f32"},
    {"conv", 1, "x: f32[1, 1], w: f32[1, 1]", "conv %0, %1 groups=[1]: f32"},
    {"conv", 2, "x: f32[1, 1, 5], w: f32[1, 1, 3]",
     "conv %0, %1 strides=[1] low=[0] left_dilation=[1] right_dilation=[1] groups=[1]: f32"},
    {"conv", 2, "x: f32[1, 1, 5], w: f32[1, 1, 3]",
     "conv %0, %1 strides=[1] low=[-4294967296] high=[4294967296] left_dilation=[1] "
     "right_dilation=[1] groups=[1]: f32"},
    {"conv", 3, "x: f32[1, 1, 5], w: f32[1, 1, 3]",
     "conv %0, %1 strides=[0] low=[0] high=[0] left_dilation=[1] right_dilation=[1] groups=[1]: "
     "f32"},
    {"conv", 3, "x: f32[1, 1, 5], w: f32[1, 1, 3]",
     "conv %0, %1 strides=[1] low=[0] high=[0] left_dilation=[1] right_dilation=[0] groups=[1]: "
     "f32"},
    {"conv", 4, "x: f32[1, 4, 5], w: f32[3, 2, 3]",
     "conv %0, %1 strides=[1] low=[0] high=[0] left_dilation=[1] right_dilation=[1] groups=[2]: "
     "f32"},
    {"conv", 4, "x: f32[1, 4, 5], w: f32[2, 4, 3]",
     "conv %0, %1 strides=[1] low=[0] high=[0] left_dilation=[1] right_dilation=[1] groups=[2]: "
     "f32"},
    {"conv", 4, "x: f32[1, 4, 5], w: f32[2, 4, 3]",
     "conv %0, %1 strides=[1] low=[0] high=[0] left_dilation=[1] right_dilation=[1] groups=[0]: "
     "f32"},
    {"conv", 5, "x: f32[1, 1, 5], w: f32[1, 1, 4]",
     "conv %0, %1 strides=[1] low=[0] high=[-2] left_dilation=[1] right_dilation=[1] groups=[1]: "
     "f32"},
    {"conv", 6, "x: f32[1, 1, n <= 5], w: f32[1, 1, 3]",
     "conv %0, %1 strides=[1] low=[0] high=[0] left_dilation=[1] right_dilation=[1] groups=[1]: "
     "f32"},
};

enum { CASE_COUNT = sizeof cases / sizeof *cases };

/* The name that messages carry: the function's for maps. */
static const char *cited_name(const type_case *c) {
  static char name[32];
  if (strcmp(c->op, "map") != 0)
    return c->op;
  snprintf(name, sizeof name, "%.*s", (int)strcspn(c->node, " "), c->node);
  return name;
}

static void refuse_violations(void **state) {
  (void)state;
  for (int i = 0; i < CASE_COUNT; i++) {
    arena *a = arena_new();
    int inputs = 0;
    for (const char *c = cases[i].inputs; *c; c++)
      inputs += *c == ':';
    const char *text =
        arena_printf(a, "entry f(%s) {\n  %%%d = %s\n}\n", cases[i].inputs, inputs, cases[i].node);
    const char *message = graph_refusal(a, text);
    const char *wanted = arena_printf(a, "%s C%d:", cited_name(&cases[i]), cases[i].constraint);
    if (!strstr(message, wanted))
      fail_msg("no '%s' for\n%sbut\n%s", wanted, text, message);
    arena_free(a);
  }
}

static bool has_case(const char *op, size_t length, int constraint) {
  for (int i = 0; i < CASE_COUNT; i++)
    if (strlen(cases[i].op) == length && memcmp(cases[i].op, op, length) == 0 &&
        cases[i].constraint == constraint)
      return true;
  return false;
}

/* For each "Cn" line of a comment that begins with names, "sum, prod, …", asks for cases. */
static int check_file(const char *path) {
  FILE *in = fopen(path, "r");
  if (!in)
    fail_msg("%s is missing: the tests run in the repository's root", path);
  char line[256], names[256] = "";
  int found = 0, constraint;
  while (fgets(line, sizeof line, in)) {
    if (strncmp(line, "/* ", 3) == 0)
      snprintf(names, sizeof names, "%s", line + 3);
    names[strcspn(names, ":;(\n")] = 0;
    if (sscanf(line, " *   C%d  ", &constraint) != 1)
      continue;
    for (const char *n = names; *n; n += strspn(n, ", ")) {
      size_t length = strcspn(n, ", ");
      if (!has_case(n, length, constraint))
        fail_msg("%s: no test violates %.*s C%d: add a graph that does to `cases` in this file", path, (int)length, n, constraint);
      n += length;
      found++;
    }
  }
  fclose(in);
  return found;
}

static void every_constraint_has_a_case(void **state) {
  (void)state;
  int found = 0;
  glob_t files;
  assert_int_equal(glob("compiler/ops/*.c", 0, NULL, &files), 0);
  for (size_t i = 0; i < files.gl_pathc; i++) found += check_file(files.gl_pathv[i]);
  globfree(&files);
  found += check_file("compiler/scalar.c");
  assert_true(found >= 50); /* the comments were understood */
}

static void refuse_wrong_operand_counts(void **state) {
  (void)state;
  static const char *const texts[] = {
      "entry f(x: f32) {\n  %1 = add %0: f32\n}\n",
      "entry f(x: f32) {\n  %1 = exp %0, %0: f32\n}\n",
      "entry f(x: f32) {\n  %1 = reshape %0, %0: f32[1]\n}\n",
      "entry f(x: f32) {\n  %1 = concat axis=[0]: f32[1]\n}\n",
      "entry f(x: f32) {\n  %1 = constant %0 reals=[1]: f32\n}\n",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    arena *a = arena_new();
    const char *message = graph_refusal(a, texts[i]);
    if (!strstr(message, "operands where"))
      fail_msg("%s", message);
    arena_free(a);
  }
}

static void refuse_overflowing_results(void **state) {
  (void)state;
  static const char *const texts[] = {
      "entry f(x: f32) {\n  %1 = broadcast %0: f32[2147483648, 2147483648]\n}\n",
      "entry f(x: f32[1073741824], y: f32[1073741824, 2]) {\n  %2 = dot %0, %1: f32\n}\n",
      "entry f(x: f32[2048]) { %1 = pad %0 low=[0] high=[0] interior=[1125899906842624]: f32 }",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    arena *a = arena_new();
    const char *message = graph_refusal(a, texts[i]);
    if (!strstr(message, "too large"))
      fail_msg("%s", message);
    arena_free(a);
  }
}

static void names_are_distinct(void **state) {
  (void)state;
  op_code op;
  scalar_function f;
  for (int i = 0; i < SCALAR_COUNT; i++)
    if (op_parse(scalar_infos[i].name, &op))
      fail_msg("%s is both", scalar_infos[i].name);
  for (int i = 0; i < OP_COUNT; i++) {
    assert_true(op_parse(op_infos[i].name, &op) && op == (op_code)i);
    if (scalar_parse(op_infos[i].name, &f))
      fail_msg("%s is both", op_infos[i].name);
  }
}

static void null_passes_through(void **state) {
  (void)state;
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  graph *g = graph_new(a, d, "f");
  node *none[] = {NULL};
  assert_null(graph_node(g, OP_MAP, SCALAR_EXP, 1, none, 0, NULL));
  assert_int_equal(diag_count(d), 0);
  assert_int_equal(g->node_count, 0);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refuse_violations),           cmocka_unit_test(every_constraint_has_a_case),
      cmocka_unit_test(refuse_wrong_operand_counts), cmocka_unit_test(refuse_overflowing_results),
      cmocka_unit_test(names_are_distinct),          cmocka_unit_test(null_passes_through),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
