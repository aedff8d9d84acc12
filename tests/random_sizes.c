/* Constructs of random programs with bounded sizes (`n <= 7`): what depends on the size itself. */
#include "random_scope.h"

enum { FIRST_REALS = REALS | FIRST_SIZED };

/* A size is an i32 at run time. */
static const source_form numbers[] = {
    {"$x * f32(n)", FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"sum[0]($x) / f32(n)", FIRST_REALS, 1, MOST_RANK, COLUMNS, AS_X, false},
    {"$x + n % 3 - len($x) // 2", 1 << DTYPE_I32 | FIRST_SIZED, 1, MOST_RANK, LIKE, AS_X, true},
    {"(n > 2 ? $x : 0.5 * $x)", FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"cos($x / f32(max(shape($x)[0] - 1, 1)))", FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"1 / f32(n) + sum($x)", FIRST_REALS, 1, MOST_RANK, SCALAR, AS_X, false},
};

static const source_form masks[] = {
    {"(iota[n]() < n // 2 ? $x : 0)", FIRST_REALS, 1, 1, LIKE, AS_X, false},
    {"((iota[n]() % 2 == 0)[:, new] ? $x : 0.5)", FIRST_REALS, 2, 2, LIKE, AS_X, false},
    {"sum[0]((iota[n]() < n - 1)[:, new] ? $x : 0)", FIRST_REALS, 2, 2, COLUMNS, AS_X, false},
    {"max[0](iota[n]() > n // 3 ? $x : -inf)", FIRST_REALS, 1, 1, COLUMNS, AS_X, false},
    {"sum[0]($x > 0.25)", FIRST_REALS, 1, MOST_RANK, COLUMNS, DTYPE_I32, true},
    {"any[0]($x > 0.75)", FIRST_REALS, 1, MOST_RANK, COLUMNS, DTYPE_BOOL, true},
    {"mean[0](f32($x))", TRUTHS | FIRST_SIZED, 1, MOST_RANK, COLUMNS, DTYPE_F32, true},
    {"masked_softmax($x.T, $x.T < 0.75).T", FIRST_REALS, 2, 2, LIKE, AS_X, false},
};

static const source_form along[] = {
    {"softmax[0]($x)", FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"log_softmax[0]($x)", FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"logsumexp[0]($x)", FIRST_REALS, 1, MOST_RANK, COLUMNS, AS_X, false},
    {"$x - mean[0, keep: true]($x)", FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"mean[0](($x - mean[0]($x)) ** 2)", FIRST_REALS, 1, MOST_RANK, COLUMNS, AS_X, false},
    {"mean($x) + max($x)", FIRST_REALS, 1, MOST_RANK, SCALAR, AS_X, false},
    {"prod[0](tanh($x))", FIRST_REALS, 1, MOST_RANK, COLUMNS, AS_X, false},
    {"max[0]($x) - min[0]($y)", FIRST_REALS, 1, MOST_RANK, COLUMNS, AS_X, false},
    {"argmax[0]($x)", FIRST_REALS, 1, MOST_RANK, COLUMNS, DTYPE_I32, true},
};

static const source_form products[] = {
    {"$x.T @ $y", FIRST_REALS, 2, 2, SQUARE, AS_X, false},
    {"tanh(sum($x @ $y.T))", FIRST_REALS, 2, 2, SCALAR, AS_X, false},
    {"softmax($x @ $x.T) @ $y", FIRST_REALS, 2, 2, LIKE, AS_X, false},
    {"softmax[0]($x @ $x.T).T @ $y", FIRST_REALS, 2, 2, LIKE, AS_X, false},
    {"$x @ cos($y)", FIRST_REALS, 1, 1, SCALAR, AS_X, false},
    {"$x\n  $y[second] = sum[first]($x[first, second] * sin($x[first, 0]))", FIRST_REALS, 2, 2, COLUMNS, AS_X, false},
    {"$x\n  $y[first] = mean[third](sum[second](($x[first, second] - $x[third, second]) ** 2))",
     FIRST_REALS, 2, 2, ROWS, AS_X, false},
    {"$x\n  $y[first, second] = $x[first, second] * f32(first + 1)", FIRST_REALS, 2, 2, LIKE, AS_X,
     false},
};

/* Places known at run time along the size, and beside it; those beside it are no constants of a known size. */
static const source_form places[] = {
    {"$x\n  $y[first, second < $n] = $x[first, 2 * second + 1] + $x[first, 3 * second - 2]", FIRST_REALS, 2, 2, LIKE,
     AS_X, false},
    {"$x[0] * cos($x[-1])", FIRST_REALS, 1, MOST_RANK, COLUMNS, AS_X, false},
    {"$x[n - 1]", FIRST_REALS, 1, MOST_RANK, COLUMNS, AS_X, false},
    {"$x[iota[n]() * 3 % n] - $x", FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"$x\n  $y[n // 2] <- sin($x[n - 1])\n  $y[iota[3]() - 1] <- 0.5", FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"$x.T[iota[3]()[n % 3]]", FIRST_REALS, 2, 2, ROWS, AS_X, false},
    {"$x.T\n  $y[iota[2]()[n % 2]] <- tanh($x[:, 0])\n  $y = $y.T", FIRST_REALS, 2, 2, LIKE, AS_X, false},
    {"grad(sum(sin($x[iota[n]() // 2]) * $x) + sum($x[n - 1] ** 2), $x)", FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
};

/* Loops over as many turns as the size. */
static const source_form loops[] = {
    {"sum[0]($x)\n  scan row in $x { $y = 0.5 * $y + sin(row) }", FIRST_REALS, 1, MOST_RANK,
     COLUMNS, AS_X, false},
    {"$x\n  sum0 = 0 * max[0]($x)\n"
     "  $y = scan row, turn in $x, 0..n { sum0 = tanh(sum0) + row; emit sum0 * f32(turn + 1) }",
     FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"$x\n  repeat n { $y = 0.5 * $y + cos($x) }", FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"mean[0]($x)\n  repeat n { $y = sin($y) + 0.25 }", FIRST_REALS, 1, MOST_RANK, COLUMNS, AS_X,
     false},
    {"$x\n  scan turn in 0..n while turn < 3 { $y = 0.5 * $y + f32(turn) * uniform[shape($x)]() }",
     FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"scan row in $x {\n    inner = row\n    repeat 2 { inner = tanh(inner) + row }\n    emit inner\n  }",
     FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"$x\n  two = scan row, other in $x, cos($x) { emit row * other, sin(row) }\n  $y = two[0] - two[1]",
     FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"$x\n  sum0 = max[0]($x)\n"
     "  $y = scan[checkpoint: 3] row, turn in $x, 0..n { sum0 = tanh(sum0) + row; emit sum0 * f32(turn + 1) }",
     FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"scan row in $x { emit sum(row) }\n  $y = $y * mean($y)", FIRST_REALS, 2, 2, ROWS, AS_X,
     false},
    {"mean[0]($x)\n  scan row in $x { $y = $y + sum[0](tanh(row * $x)) }", FIRST_REALS, 2, 2,
     COLUMNS, AS_X, false},
};

static const source_form gradients[] = {
    {"grad(sum(sin(softmax[0]($x))), $x)", FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"grad(mean($x ** 2) * max($x), $x)", FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"grad(sum(tanh($x @ $x.T)), $x)", FIRST_REALS, 2, 2, LIKE, AS_X, false},
    {"grad(sum(cos($x.T @ $x)), $x)", FIRST_REALS, 2, 2, LIKE, AS_X, false},
    {"grad(sum(prod[0](cos($x)) ** 2), $x)", FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"grad(logsumexp[0](mean[-1]($x)), $x)", FIRST_REALS, 2, 2, LIKE, AS_X, false},
    {"max[0]($x)\n  start = $y\n  scan row in $x { $y = tanh($y * row + start) }\n"
     "  $y = grad(sum($y ** 2), start)",
     FIRST_REALS, 1, MOST_RANK, COLUMNS, AS_X, false},
    {"$x\n  held = mean[0]($x)\n  each = scan row in $x { held = sin(held + row); emit held * row }\n"
     "  $y = grad(sum(each ** 2) + sum(held), $x)",
     FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"$x\n  held = mean[0]($x)\n  each = scan[checkpoint: 2] row in $x { held = sin(held + row); emit held * row }\n"
     "  $y = grad(sum(each ** 2) + sum(held), $x)",
     FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"mean[0]($x)\n  start = $y\n  scan[checkpoint: 4] row in $x { $y = tanh($y * row + start) }\n"
     "  $y = grad(sum(grad(sum($y ** 2), start) ** 2), start)",
     FIRST_REALS, 1, MOST_RANK, COLUMNS, AS_X, false},
    {"$x\n  repeat n { $y = sin($y) * $x }\n  $y = grad(mean($y), $x)", FIRST_REALS, 1, MOST_RANK,
     LIKE, AS_X, false},
    {"grad(sum(grad(sum(sin($x) * mean[0]($x)), $x) ** 2), $x)", FIRST_REALS, 1, MOST_RANK, LIKE,
     AS_X, false},
    {"jvp(softmax[0](sin($x)), $x, cos($y))", FIRST_REALS, 1, MOST_RANK, LIKE, AS_X, false},
};

const construct size_constructs[SIZE_CONSTRUCTS + 1] = {
    {"size as a number", FORMS(numbers), NULL, numbers},
    {"mask along the size", FORMS(masks), NULL, masks},
    {"reduction along the size", FORMS(along), NULL, along},
    {"product along the size", FORMS(products), NULL, products},
    {"places along the size", FORMS(places), NULL, places},
    {"loop over the size", FORMS(loops), NULL, loops},
    {"gradient along the size", FORMS(gradients), NULL, gradients},
    {0},
};
