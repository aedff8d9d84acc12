/* The interpreter against values worked out by hand: at least one case for every operator and every
 * elementwise function, with the corners that their definitions name. */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "build.h"
#include "compare.h"
#include "graph_case.h"
#include "op.h"
#include "scalar.h"

/* The last node of `nodes` has the value of the constant `expected`. */
typedef struct eval_case {
  const char *name, *nodes, *expected;
} eval_case;

/* Operands of functions are %0, %1, %2. */
#define REALS2                                                                                     \
  "%0 = constant reals=[-2.5, 0, 7, nan, inf]: f64[5] "                                            \
  "%1 = constant reals=[2, -3, -2, 1, nan]: f64[5] "
#define INTS2                                                                                      \
  "%0 = constant ints=[-7, 7, 2147483647, -2147483648, 5]: i32[5] "                                \
  "%1 = constant ints=[2, -2, 1, -1, 0]: i32[5] "
#define BOOLS2 "%0 = constant ints=[0, 0, 1, 1]: bool[4] %1 = constant ints=[0, 1, 0, 1]: bool[4] "

static const eval_case cases[] = {
    {"add", REALS2 "%2 = add %0, %1: f64[5]", "reals=[-0.5, -3, 5, nan, nan]: f64[5]"},
    {"add", INTS2 "%2 = add %0, %1: i32[5]", "ints=[-5, 5, -2147483648, 2147483647, 5]: i32[5]"},
    {"sub", INTS2 "%2 = sub %0, %1: i32[5]", "ints=[-9, 9, 2147483646, -2147483647, 5]: i32[5]"},
    {"mul", INTS2 "%2 = mul %0, %1: i32[5]", "ints=[-14, -14, 2147483647, -2147483648, 0]: i32[5]"},
    {"div", REALS2 "%2 = div %0, %1: f64[5]", "reals=[-1.25, 0, -3.5, nan, nan]: f64[5]"},
    {"floordiv", INTS2 "%2 = floordiv %0, %1: i32[5]",
     "ints=[-4, -4, 2147483647, -2147483648, 0]: i32[5]"},
    {"floordiv", REALS2 "%2 = floordiv %0, %1: f64[5]", "reals=[-2, 0, -4, nan, nan]: f64[5]"},
    {"mod", INTS2 "%2 = mod %0, %1: i32[5]", "ints=[1, -1, 0, 0, 0]: i32[5]"},
    {"mod", REALS2 "%2 = mod %0, %1: f64[5]", "reals=[1.5, 0, -1, nan, nan]: f64[5]"},
    {"fma", REALS2 "%2 = fma %0, %1, %1: f64[5]", "reals=[-3, -3, -16, nan, nan]: f64[5]"},
    {"stop", REALS2 "%2 = stop %0: f64[5]", "reals=[-2.5, 0, 7, nan, inf]: f64[5]"},
    {"neg", REALS2 "%2 = neg %0: f64[5]", "reals=[2.5, 0, -7, nan, -inf]: f64[5]"},
    {"neg", INTS2 "%2 = neg %0: i32[5]", "ints=[7, -7, -2147483647, -2147483648, -5]: i32[5]"},
    {"abs", REALS2 "%2 = abs %0: f64[5]", "reals=[2.5, 0, 7, nan, inf]: f64[5]"},
    {"abs", INTS2 "%2 = abs %0: i32[5]", "ints=[7, 7, 2147483647, -2147483648, 5]: i32[5]"},
    {"sign", REALS2 "%2 = sign %0: f64[5]", "reals=[-1, 0, 1, nan, 1]: f64[5]"},
    {"sign", INTS2 "%2 = sign %1: i32[5]", "ints=[1, -1, 1, -1, 0]: i32[5]"},
    {"floor", REALS2 "%2 = floor %0: f64[5]", "reals=[-3, 0, 7, nan, inf]: f64[5]"},
    {"maximum", REALS2 "%2 = maximum %0, %1: f64[5]", "reals=[2, 0, 7, nan, nan]: f64[5]"},
    {"minimum", REALS2 "%2 = minimum %0, %1: f64[5]", "reals=[-2.5, -3, -2, nan, nan]: f64[5]"},
    {"maximum", INTS2 "%2 = maximum %0, %1: i32[5]", "ints=[2, 7, 2147483647, -1, 5]: i32[5]"},
    {"minimum", INTS2 "%2 = minimum %0, %1: i32[5]", "ints=[-7, -2, 1, -2147483648, 0]: i32[5]"},
    {"sqrt", REALS2 "%2 = sqrt %0: f64[5]", "reals=[nan, 0, 2.6457513110645907, nan, inf]: f64[5]"},
    {"rsqrt", "%0 = constant reals=[4, 0, inf]: f64[3] %1 = rsqrt %0: f64[3]",
     "reals=[0.5, inf, 0]: f64[3]"},
    {"exp", "%0 = constant reals=[0, 1, -inf]: f64[3] %1 = exp %0: f64[3]",
     "reals=[1, 2.718281828459045, 0]: f64[3]"},
    {"expm1", "%0 = constant reals=[0, 1e-20]: f64[2] %1 = expm1 %0: f64[2]",
     "reals=[0, 1e-20]: f64[2]"},
    {"log", "%0 = constant reals=[1, 0, -1]: f64[3] %1 = log %0: f64[3]",
     "reals=[0, -inf, nan]: f64[3]"},
    {"log1p", "%0 = constant reals=[0, 1e-20]: f64[2] %1 = log1p %0: f64[2]",
     "reals=[0, 1e-20]: f64[2]"},
    {"tanh", "%0 = constant reals=[0, 1, 100]: f64[3] %1 = tanh %0: f64[3]",
     "reals=[0, 0.7615941559557649, 1]: f64[3]"},
    {"sigmoid", "%0 = constant reals=[0, 1000, -1000, -1]: f64[4] %1 = sigmoid %0: f64[4]",
     "reals=[0.5, 1, 0, 0.2689414213699951]: f64[4]"},
    {"sin", "%0 = constant reals=[0, 1]: f64[2] %1 = sin %0: f64[2]",
     "reals=[0, 0.8414709848078965]: f64[2]"},
    {"cos", "%0 = constant reals=[0, 1]: f64[2] %1 = cos %0: f64[2]",
     "reals=[1, 0.5403023058681398]: f64[2]"},
    {"pow",
     "%0 = constant reals=[-2, 0, -8]: f64[3] %1 = constant reals=[3, 0, 0.5]: f64[3] "
     "%2 = pow %0, %1: f64[3]",
     "reals=[-8, 1, nan]: f64[3]"},
    {"eq", REALS2 "%2 = eq %0, %0: bool[5]", "ints=[1, 1, 1, 0, 1]: bool[5]"},
    {"ne", REALS2 "%2 = ne %0, %0: bool[5]", "ints=[0, 0, 0, 1, 0]: bool[5]"},
    {"lt", REALS2 "%2 = lt %0, %1: bool[5]", "ints=[1, 0, 0, 0, 0]: bool[5]"},
    {"le", INTS2 "%2 = le %0, %1: bool[5]", "ints=[1, 0, 0, 1, 0]: bool[5]"},
    {"gt", INTS2 "%2 = gt %0, %1: bool[5]", "ints=[0, 1, 1, 0, 1]: bool[5]"},
    {"ge", BOOLS2 "%2 = ge %0, %1: bool[4]", "ints=[1, 0, 1, 1]: bool[4]"},
    {"and", BOOLS2 "%2 = and %0, %1: bool[4]", "ints=[0, 0, 0, 1]: bool[4]"},
    {"or", BOOLS2 "%2 = or %0, %1: bool[4]", "ints=[0, 1, 1, 1]: bool[4]"},
    {"not", BOOLS2 "%2 = not %0: bool[4]", "ints=[1, 1, 0, 0]: bool[4]"},
    {"select",
     BOOLS2 "%2 = constant reals=[1, 2, 3, 4]: f64[4] %3 = neg %2: f64[4] "
            "%4 = select %0, %2, %3: f64[4]",
     "reals=[-1, -2, 3, 4]: f64[4]"},
    {"select", BOOLS2 "%2 = select %0, %1, %0: bool[4]", "ints=[0, 0, 0, 1]: bool[4]"},
    {"isnan", REALS2 "%2 = isnan %0: bool[5]", "ints=[0, 0, 0, 1, 0]: bool[5]"},
    {"bitand", INTS2 "%2 = bitand %0, %1: i32[5]", "ints=[0, 6, 1, -2147483648, 0]: i32[5]"},
    {"bitor", INTS2 "%2 = bitor %0, %1: i32[5]", "ints=[-5, -1, 2147483647, -1, 5]: i32[5]"},
    {"bitxor", INTS2 "%2 = bitxor %0, %1: i32[5]",
     "ints=[-5, -7, 2147483646, 2147483647, 5]: i32[5]"},
    {"shl",
     "%0 = constant ints=[1, 3, -1]: i32[3] %1 = constant ints=[31, 2, 4]: i32[3] "
     "%2 = shl %0, %1: i32[3]",
     "ints=[-2147483648, 12, -16]: i32[3]"},
    {"shr",
     "%0 = constant ints=[-1, 12, -1]: i8[3] %1 = constant ints=[4, 2, 0]: i8[3] "
     "%2 = shr %0, %1: i8[3]",
     "ints=[15, 3, -1]: i8[3]"},
    {"constant", "%0 = constant reals=[1, 2]: f64[2]", "reals=[1, 2]: f64[2]"},
    {"iota", "%0 = iota axis=[1]: i32[2, 3]", "ints=[0, 1, 2, 0, 1, 2]: i32[2, 3]"},
    {"iota", "%0 = iota axis=[0]: f64[2, 3]", "reals=[0, 0, 0, 1, 1, 1]: f64[2, 3]"},
    {"cast", REALS2 "%2 = cast %0: i32[5]", "ints=[-2, 0, 7, 0, 2147483647]: i32[5]"},
    {"cast", REALS2 "%2 = cast %0: u8[5]", "ints=[0, 0, 7, 0, 255]: u8[5]"},
    {"cast", "%0 = constant reals=[0, 0.5]: f64[2] %1 = cast %0: bool[2]", "ints=[0, 1]: bool[2]"},
    {"cast", INTS2 "%2 = cast %0: u8[5]", "ints=[249, 7, 255, 0, 5]: u8[5]"},
    {"cast", INTS2 "%2 = cast %1: f64[5]", "reals=[2, -2, 1, -1, 0]: f64[5]"},
    {"reshape", "%0 = iota axis=[0]: i32[6] %1 = reshape %0: i32[2, 3]",
     "ints=[0, 1, 2, 3, 4, 5]: i32[2, 3]"},
    {"transpose",
     "%0 = constant ints=[1, 2, 3, 4, 5, 6]: i32[1, 2, 3] "
     "%1 = transpose %0 axes=[2, 0, 1]: i32[3, 1, 2]",
     "ints=[1, 4, 2, 5, 3, 6]: i32[3, 1, 2]"},
    {"broadcast",
     "%0 = constant ints=[1, 2]: i32[2, 1] %1 = broadcast %0 axes=[1, 2]: i32[2, 2, 2]",
     "ints=[1, 1, 2, 2, 1, 1, 2, 2]: i32[2, 2, 2]"},
    {"slice", "%0 = iota axis=[0]: i32[10] %1 = slice %0 starts=[1] limits=[8] steps=[3]: i32[3]",
     "ints=[1, 4, 7]: i32[3]"},
    {"pad",
     "%0 = constant ints=[1, 2, 3]: i32[3] %1 = pad %0 low=[2] high=[1] interior=[1]: i32[8]",
     "ints=[0, 0, 1, 0, 2, 0, 3, 0]: i32[8]"},
    {"pad",
     "%0 = constant ints=[1, 2, 3]: i32[3] %1 = pad %0 low=[-1] high=[-2] interior=[1]: i32[2]",
     "ints=[0, 2]: i32[2]"},
    {"reverse", "%0 = constant ints=[1, 2, 3, 4]: i32[2, 2] %1 = reverse %0 axes=[0]: i32[2, 2]",
     "ints=[3, 4, 1, 2]: i32[2, 2]"},
    {"window", /* windows of 2 places, 2 apart, from 1 before the first */
     "%0 = constant ints=[1, 2, 3, 4, 5]: i32[5] %1 = broadcast %0 axes=[0]: i32[5, 2] "
     "%2 = window %1 axes=[0] taps=[1] strides=[2] dilations=[1] offsets=[-1] spacings=[1]: "
     "i32[3, 2]",
     "ints=[0, 1, 2, 3, 4, 5]: i32[3, 2]"},
    {"window", /* its transpose: every second place of the result has one */
     "%0 = constant ints=[9, 1, 2, 3, 4, 5]: i32[3, 2] "
     "%1 = window %0 axes=[0] taps=[1] strides=[1] dilations=[-1] offsets=[1] spacings=[2]: "
     "i32[5, 2]",
     "ints=[0, 1, 2, 0, 0, 3, 4, 0, 0, 5]: i32[5, 2]"},
    {"window", /* along two axes, dilated, truths */
     "%0 = constant ints=[1, 0, 0, 1, 1, 1, 0, 1, 1]: bool[3, 3] "
     "%1 = broadcast %0 axes=[0, 1]: bool[3, 3, 2, 2] "
     "%2 = window %1 axes=[0, 1] taps=[2, 3] strides=[1, 1] dilations=[2, 2] offsets=[0, -1] "
     "spacings=[1, 1]: bool[1, 3, 2, 2]",
     "ints=[0, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1, 0]: bool[1, 3, 2, 2]"},
    {"concat",
     "%0 = constant ints=[1, 2]: i32[2, 1] %1 = constant ints=[3, 4, 5, 6]: i32[2, 2] "
     "%2 = concat %0, %1 axis=[1]: i32[2, 3]",
     "ints=[1, 3, 4, 2, 5, 6]: i32[2, 3]"},
    {"gather",
     "%0 = constant reals=[1, 2, 3, 4, 5, 6]: f64[2, 3] %1 = constant ints=[2, -1, 0, 3]: i32[2, 2] "
     "%2 = gather %0, %1 axis=[1]: f64[2, 2, 2]",
     "reals=[3, 0, 1, 0, 6, 0, 4, 0]: f64[2, 2, 2]"},
    {"gather",
     "%0 = constant ints=[1, 2, 3, 4]: u8[2, 2] %1 = constant ints=[1, 1, 9223372036854775807]: "
     "i64[3] %2 = gather %0, %1 axis=[0]: u8[3, 2]",
     "ints=[3, 4, 3, 4, 0, 0]: u8[3, 2]"},
    {"gather",
     "%0 = constant ints=[1, 0]: bool[2] %1 = constant ints=[0]: i32 "
     "%2 = gather %0, %1 axis=[0]: bool",
     "ints=[1]: bool"},
    {"scatter", /* the last one at a place counts; those outside change nothing */
     "%0 = constant reals=[1, 2, 3, 4, 5, 6]: f64[2, 3] %1 = constant ints=[2, -1, 2, 3]: i32[4] "
     "%2 = constant reals=[10, 20, 30, 40, 50, 60, 70, 80]: f64[2, 4] "
     "%3 = scatter %0, %1, %2 axis=[1]: f64[2, 3]",
     "reals=[1, 2, 30, 4, 5, 70]: f64[2, 3]"},
    {"scatter",
     "%0 = constant ints=[1, 0, 0, 1, 1, 1]: bool[3, 2] %1 = constant ints=[1]: i64 "
     "%2 = constant ints=[1, 0]: bool[2] %3 = scatter %0, %1, %2 axis=[0]: bool[3, 2]",
     "ints=[1, 0, 1, 0, 1, 1]: bool[3, 2]"},
    {"scatter",
     "%0 = constant ints=[1, 2, 3, 4, 5, 6]: i32[2, 3] %1 = constant ints=[2, 0, 0, 3]: i32[2, 2] "
     "%2 = constant ints=[7, 8, 9, 10]: i32[2, 2] "
     "%3 = scatter %0, %1, %2 axis=[1] batch=[1]: i32[2, 3]",
     "ints=[8, 2, 7, 9, 5, 6]: i32[2, 3]"},
    {"scatter_add",
     "%0 = constant ints=[2, -1, 2]: i32[3] %1 = constant reals=[1, 2, 3, 4, 5, 6]: f64[2, 3] "
     "%2 = scatter_add %0, %1 axis=[1]: f64[2, 3]",
     "reals=[0, 0, 4, 0, 0, 10]: f64[2, 3]"},
    {"scatter_add", /* in order: 1e16 + 1 - 1e16 loses the 1 */
     "%0 = constant ints=[0, 1, 0, 2, 0]: i64[5] %1 = constant reals=[1e16, 7, 1, 7, -1e16]: f64[5] "
     "%2 = scatter_add %0, %1 axis=[0]: f64[2]",
     "reals=[0, 7]: f64[2]"},
    {"scatter_add",
     "%0 = constant ints=[0, 0]: i32[2] %1 = constant ints=[200, 100, 1, 2]: u8[2, 2] "
     "%2 = scatter_add %0, %1 axis=[0]: u8[1, 2]",
     "ints=[201, 102]: u8[1, 2]"},
    {"gather",
     "%0 = constant reals=[1, 2, 3, 4, 5, 6]: f64[2, 3] %1 = constant ints=[2, -1, 0, 3]: i32[2, 2] "
     "%2 = gather %0, %1 axis=[1] batch=[1]: f64[2, 2]",
     "reals=[3, 0, 4, 0]: f64[2, 2]"},
    {"scatter_add",
     "%0 = constant ints=[2, 2, 0, 3]: i32[2, 2] %1 = constant ints=[1, 2, 3, 4, 5, 6, 7, 8]: "
     "i32[2, 2, 2] %2 = scatter_add %0, %1 axis=[2] batch=[1]: i32[2, 2, 3]",
     "ints=[0, 0, 3, 0, 0, 7, 5, 0, 0, 7, 0, 0]: i32[2, 2, 3]"},
    {"argsort",
     "%0 = constant reals=[nan, 1, 0, nan, -0, inf, 1, -inf]: f64[8] "
     "%1 = argsort %0 axis=[0] count=[8] descending=[0]: i32[8]",
     "ints=[7, 2, 4, 1, 6, 5, 0, 3]: i32[8]"},
    {"argsort",
     "%0 = constant reals=[nan, 1, 0, nan, -0, inf, 1, -inf]: f64[8] "
     "%1 = argsort %0 axis=[0] count=[7] descending=[1]: i32[7]",
     "ints=[5, 1, 6, 2, 4, 7, 0]: i32[7]"},
    {"argsort",
     "%0 = constant ints=[3, 9223372036854775807, 1, 9223372036854775806, -1, 1]: i64[3, 2] "
     "%1 = argsort %0 axis=[0] count=[2] descending=[0]: i32[2, 2]",
     "ints=[2, 2, 1, 1]: i32[2, 2]"},
    {"cumsum",
     "%0 = constant reals=[1, 2, nan, 4, 5, 6]: f64[2, 3] "
     "%1 = cumsum %0 axis=[1] exclusive=[0] reverse=[0]: f64[2, 3]",
     "reals=[1, 3, nan, 4, 9, 15]: f64[2, 3]"},
    {"cumsum",
     "%0 = constant reals=[1, 2, 3, 4, 5, 6]: f64[3, 2] "
     "%1 = cumsum %0 axis=[0] exclusive=[1] reverse=[1]: f64[3, 2]",
     "reals=[8, 10, 5, 6, 0, 0]: f64[3, 2]"},
    {"cumsum",
     "%0 = constant ints=[200, 100, 1]: u8[3] %1 = cumsum %0 axis=[0] exclusive=[0] reverse=[0]: "
     "u8[3]",
     "ints=[200, 44, 45]: u8[3]"},
    {"cumprod",
     "%0 = constant reals=[1, 2, 0, 4, 5, 6]: f64[6] "
     "%1 = cumprod %0 axis=[0] exclusive=[1] reverse=[0]: f64[6]",
     "reals=[1, 1, 2, 0, 0, 0]: f64[6]"},
    {"cumprod",
     "%0 = constant ints=[1, 2, 3, 65536, 65536, -1]: i32[2, 3] "
     "%1 = cumprod %0 axis=[1] exclusive=[0] reverse=[1]: i32[2, 3]",
     "ints=[6, 6, 3, 0, -65536, -1]: i32[2, 3]"},
    {"recurrence",
     "%0 = constant reals=[inf, 2, 3, 0]: f64[4] %1 = constant reals=[1, 10, 100, 7]: f64[4] "
     "%2 = recurrence %0, %1 axis=[0] exclusive=[0] reverse=[0]: f64[4]",
     "reals=[1, 12, 136, 7]: f64[4]"},
    {"recurrence",
     "%0 = constant reals=[2, 3, nan]: f64[3] %1 = constant reals=[1, 10, 100]: f64[3] "
     "%2 = recurrence %0, %1 axis=[0] exclusive=[1] reverse=[1]: f64[3]",
     "reals=[310, 100, 0]: f64[3]"},
    {"recurrence",
     "%0 = constant ints=[2, 100]: i8[2] %1 = constant ints=[100, 1]: i8[2] "
     "%2 = recurrence %0, %1 axis=[0] exclusive=[0] reverse=[0]: i8[2]",
     "ints=[100, 17]: i8[2]"},
    {"sum", "%0 = constant reals=[1, 2, 3, 4, 5, 6]: f64[2, 3] %1 = sum %0 axes=[0]: f64[3]",
     "reals=[5, 7, 9]: f64[3]"},
    {"sum", "%0 = constant ints=[200, 100]: u8[2] %1 = sum %0 axes=[0]: u8", "ints=[44]: u8"},
    {"prod", "%0 = constant reals=[1, 2, 3, 4, 5, 6]: f64[2, 3] %1 = prod %0 axes=[1]: f64[2]",
     "reals=[6, 120]: f64[2]"},
    {"max", "%0 = constant reals=[1, nan, 3, -4, -5, -6]: f64[2, 3] %1 = max %0 axes=[1]: f64[2]",
     "reals=[nan, -4]: f64[2]"},
    {"min", "%0 = constant reals=[1, nan, 3, -4, -5, -6]: f64[2, 3] %1 = min %0 axes=[1]: f64[2]",
     "reals=[nan, -6]: f64[2]"},
    {"max", BOOLS2 "%2 = max %0 axes=[0]: bool", "ints=[1]: bool"},
    {"min", BOOLS2 "%2 = min %1 axes=[0]: bool", "ints=[0]: bool"},
    {"argmax",
     "%0 = constant reals=[1, 5, 5, 2, nan, 9]: f64[2, 3] %1 = argmax %0 axes=[1]: i32[2]",
     "ints=[1, 1]: i32[2]"},
    {"argmax", "%0 = constant ints=[1, 5, 5, 2, 7, 7]: i32[2, 3] %1 = argmax %0 axes=[0, 1]: i32",
     "ints=[4]: i32"},
    {"argmin",
     "%0 = constant reals=[1, -5, -5, 2, 3, nan]: f64[2, 3] %1 = argmin %0 axes=[1]: i32[2]",
     "ints=[1, 2]: i32[2]"},
    {"dot",
     "%0 = constant reals=[1, 2, 3, 4]: f64[2, 2] %1 = constant reals=[5, 6, 7, 8]: f64[2, 2] "
     "%2 = dot %0, %1 left_contract=[1] right_contract=[0]: f64[2, 2]",
     "reals=[19, 22, 43, 50]: f64[2, 2]"},
    {"dot",
     "%0 = constant ints=[1, 2, 3, 4]: i32[2, 2] %1 = constant ints=[5, 6, 7, 8]: i32[2, 2] "
     "%2 = dot %0, %1 left_batch=[1] right_batch=[0] left_contract=[0] right_contract=[1]: i32[2]",
     "ints=[23, 46]: i32[2]"},
    {"dot",
     "%0 = constant ints=[1, 2]: i32[2] %1 = constant ints=[5, 6]: i32[2] "
     "%2 = dot %0, %1: i32[2, 2]",
     "ints=[5, 6, 10, 12]: i32[2, 2]"},
    {"conv",
     "%0 = constant reals=[1, 2, 3, 4]: f64[1, 1, 4] %1 = constant reals=[10, 1]: f64[1, 1, 2] "
     "%2 = conv %0, %1 strides=[1] low=[1] high=[0] left_dilation=[1] right_dilation=[1] "
     "groups=[1]: f64[1, 1, 4]",
     "reals=[1, 12, 23, 34]: f64[1, 1, 4]"},
    {"conv",
     "%0 = constant reals=[1, 2, 3, 4]: f64[1, 1, 4] %1 = constant reals=[10, 1]: f64[1, 1, 2] "
     "%2 = conv %0, %1 strides=[2] low=[-1] high=[1] left_dilation=[2] right_dilation=[3] "
     "groups=[1]: f64[1, 1, 2]",
     "reals=[3, 4]: f64[1, 1, 2]"},
    {"conv",
     "%0 = constant reals=[1, 2, 3, 4]: f64[1, 2, 2] %1 = constant reals=[1, 10]: f64[2, 1, 1] "
     "%2 = conv %0, %1 strides=[1] low=[0] high=[0] left_dilation=[1] right_dilation=[1] "
     "groups=[2]: f64[1, 2, 2]",
     "reals=[1, 2, 30, 40]: f64[1, 2, 2]"},
    {"conv",
     "%0 = constant ints=[1, 2, 3, 4]: i32[1, 1, 2, 2] "
     "%1 = constant ints=[1, 1, 1, 1]: i32[1, 1, 2, 2] "
     "%2 = conv %0, %1 strides=[1, 1] low=[0, 0] high=[0, 0] left_dilation=[1, 1] "
     "right_dilation=[1, 1] groups=[1]: i32[1, 1, 1, 1]",
     "ints=[10]: i32[1, 1, 1, 1]"},
};
enum { CASE_COUNT = sizeof cases / sizeof *cases };

static void values_by_hand(void **state) {
  (void)state;
  for (int i = 0; i < CASE_COUNT; i++) {
    arena *a = arena_new();
    int last = -1;
    for (const char *c = cases[i].nodes; *c; c++)
      last += *c == '=' && c[1] == ' ';
    graph *g = graph_from_text(
        a,
        arena_printf(a, "entry f() { %s %%%d = constant %s return actual = %%%d, expected = %%%d }",
                     cases[i].nodes, last + 1, cases[i].expected, last, last + 1));
    tensor **values = evaluate(a, g, NULL);
    const char *message = compare_tensors(a, values[0], values[1], (tolerance){0, 1e-15});
    if (message)
      fail_msg("%s: %s\n%s", cases[i].name, message, cases[i].nodes);
    arena_free(a);
  }
}

static bool has_case(const char *name) {
  for (int i = 0; i < CASE_COUNT; i++)
    if (strcmp(cases[i].name, name) == 0)
      return true;
  return false;
}

static void every_row_has_a_case(void **state) {
  (void)state;
  static const struct {
    op_code op;
    const char *reason;
  } excused[] = {{OP_INPUT, "inputs_and_slots"},
                 {OP_SLOT, "inputs_and_slots"},
                 {OP_KEY, "test_philox.c"},
                 {OP_BITS, "test_philox.c"},
                 {OP_MAP, "one case per function"},
                 {OP_LOOP, "test_control.c"},
                 {OP_RESULT, "test_control.c"},
                 {OP_RULE, "docs/operators.md, with its derivative"}};
  for (int op = 0; op < OP_COUNT; op++) {
    bool found = has_case(op_infos[op].name);
    for (size_t i = 0; i < sizeof excused / sizeof *excused; i++)
      found = found || excused[i].op == (op_code)op;
    if (!found)
      fail_msg("no value of %s is checked: add a case to `cases` in this file", op_infos[op].name);
  }
  for (int f = 0; f < SCALAR_COUNT; f++)
    if (!has_case(scalar_infos[f].name))
      fail_msg("no value of %s is checked: add a case to `cases` in this file", scalar_infos[f].name);
}

static const tensor *only_slot(void *context, const char *path) {
  assert_string_equal(path, "w");
  return context;
}

static void inputs_and_slots(void **state) {
  (void)state;
  arena *a = arena_new();
  graph *g = graph_from_text(a, "entry f(x: f32[2]) {\n"
                                "  %1 = slot \"w\": f32[2]\n"
                                "  %2 = add %0, %1: f32[2]\n"
                                "  return y = %2\n"
                                "  update \"w\" = %0\n"
                                "}\n");
  tensor_type type = type_of(DTYPE_F32, 1, (int64_t[]){2});
  tensor x = {.type = type, .reals = (double[]){1, 0.1}},
         w = {.type = type, .reals = (double[]){10, 20}};
  tensor *output, *update;
  const tensor *inputs[] = {&x};
  evaluation e = {.arena = a};
  graph_eval(&e, g, inputs, only_slot, &w, &output, &update);
  assert_true(output->reals[0] == 11 && output->reals[1] == 0.1 + 20);
  assert_true(update->reals[0] == 1 && update->reals[1] == 0.1);
  e.rounds = true;
  graph_eval(&e, g, inputs, only_slot, &w, &output, &update);
  assert_true(output->reals[1] == (double)(float)(0.1 + 20));
  arena_free(a);
}

/* The comparator itself: what must not pass. */
static void comparator_refuses(void **state) {
  (void)state;
  const tolerance t = {1e-6, 1e-6};
  assert_false(compare_real((double)NAN, 1, t));
  assert_false(compare_real(1, (double)NAN, t));
  assert_false(compare_real((double)INFINITY, 1e300, t));
  assert_false(compare_real(1e300, (double)INFINITY, t));
  assert_false(compare_real(-(double)INFINITY, (double)INFINITY, t));
  assert_false(compare_real(1.1, 1, t));
  assert_true(compare_real((double)NAN, (double)NAN, t));
  assert_true(compare_real(1 + 1e-7, 1, t));
  arena *a = arena_new();
  tensor_type row = type_of(DTYPE_F64, 2, (int64_t[]){1, 2}),
              flat = type_of(DTYPE_F64, 1, (int64_t[]){2});
  tensor_type single = type_of(DTYPE_F32, 2, (int64_t[]){1, 2});
  tensor *x = tensor_new(a, &row);
  assert_null(compare_tensors(a, x, tensor_new(a, &row), t));
  assert_non_null(compare_tensors(a, x, tensor_new(a, &flat), t));
  assert_non_null(compare_tensors(a, x, tensor_new(a, &single), t));
  assert_non_null(compare_tensors(a, NULL, x, t));
  x->reals[1] = (double)NAN;
  assert_non_null(compare_tensors(a, x, tensor_new(a, &row), t));
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_by_hand),
      cmocka_unit_test(every_row_has_a_case),
      cmocka_unit_test(inputs_and_slots),
      cmocka_unit_test(comparator_refuses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
