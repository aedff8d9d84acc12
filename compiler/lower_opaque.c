#include "lower_opaque.h"

#include "lower.h"

const loop_expr *opaque_affine(arena *a, const loop_expr *x, int64_t y, const loop_expr *z) {
  return loop_add(a, loop_mul(a, x, loop_int(a, y)), z);
}

const loop_expr *opaque_divided(arena *a, scalar_function f, const loop_expr *x, int64_t y) {
  return loop_op(a, f, x, loop_int(a, y), NULL);
}

loop_block *opaque_loop(arena *a, loop_block *block, const char *name, const loop_expr *low,
                        const loop_expr *high, int64_t step, const loop_expr **variable) {
  loop_variable *v = loop_variable_new(a, name, loop_scalar(DTYPE_I64));
  *variable = loop_var(a, v);
  return &loop_for(a, block, LOOP_SEQ, v, low, high, step)->body;
}

opaque_size opaque_bounded(const loop_buffer *context, const tensor_type *type, int64_t axis) {
  bool bounded = axis < type->rank && type->dims[axis].symbol;
  return (opaque_size){context, bounded ? type->dims[axis].maximum : 0};
}

const loop_expr *opaque_count(arena *a, loop_block *block, opaque_size size, int64_t count) {
  if (!size.bound) return loop_int(a, count);
  const loop_expr *rows = lower_size(a, size.context, block);
  return loop_let(a, block, "count", loop_mul(a, rows, loop_int(a, count / size.bound)));
}

loop_block *opaque_units(arena *a, loop_kernel *kernel, opaque_size size, int64_t units,
                         int64_t work, const loop_expr **unit) {
  enum { TASK_WORK = 16384, MOST_TASKS = 64 };
  int64_t least = work >= TASK_WORK ? 1 : TASK_WORK / work; /* units per task */
  int64_t tasks = (units + least - 1) / least;
  if (tasks > MOST_TASKS) tasks = MOST_TASKS;
  if (tasks <= 1) {
    const loop_expr *count = opaque_count(a, &kernel->body, size, units);
    return opaque_loop(a, &kernel->body, "unit", loop_int(a, 0), count, 1, unit);
  }
  int64_t share = (units + tasks - 1) / tasks;
  loop_variable *v = loop_variable_new(a, "task", loop_scalar(DTYPE_I64));
  loop_stmt *task = loop_for(a, &kernel->body, LOOP_TASK, v, loop_int(a, 0),
                             loop_int(a, (units + share - 1) / share), 1);
  const loop_expr *count = opaque_count(a, &task->body, size, units);
  const loop_expr *low = opaque_affine(a, loop_var(a, v), share, loop_int(a, 0));
  const loop_expr *high =
      loop_op(a, SCALAR_MINIMUM, loop_add(a, low, loop_int(a, share)), count, NULL);
  return opaque_loop(a, &task->body, "unit", low, high, 1, unit);
}
