#include "axes.h"

bool axes_contain(const int64_t *axes, int count, int64_t axis) {
  for (int i = 0; i < count; i++)
    if (axes[i] == axis) return true;
  return false;
}

const char *axes_violation(arena *a, const char *op, int number, const int64_t *axes, int count,
                           int rank, bool ordered) {
  for (int i = 0; i < count; i++) {
    long long axis = (long long)axes[i];
    if (axis < 0 || axis >= rank)
      return arena_printf(a, "%s C%d: axis %lld of a tensor of rank %d", op, number, axis, rank);
    if (axes_contain(axes, i, axis))
      return arena_printf(a, "%s C%d: axis %lld is named twice", op, number, axis);
    if (ordered && i > 0 && axes[i - 1] > axis)
      return arena_printf(a, "%s C%d: axes are not in increasing order", op, number);
  }
  return NULL;
}

int axes_others(int rank, const int64_t *axes, int count, const int64_t *more, int more_count,
                int64_t others[MAX_RANK]) {
  int found = 0;
  for (int axis = 0; axis < rank; axis++)
    if (!axes_contain(axes, count, axis) && !axes_contain(more, more_count, axis))
      others[found++] = axis;
  return found;
}

bool axes_next(const tensor_type *shape, int64_t index[MAX_RANK]) {
  for (int i = shape->rank - 1; i >= 0; i--) {
    if (++index[i] < shape->dims[i].maximum) return true;
    index[i] = 0;
  }
  return false;
}

int64_t axes_offset(const tensor_type *shape, const int64_t index[MAX_RANK]) {
  int64_t offset = 0;
  for (int i = 0; i < shape->rank; i++) offset = offset * shape->dims[i].maximum + index[i];
  return offset;
}

axes_split axes_around(const tensor_type *t, int64_t axis) {
  axes_split s = {1, t->dims[axis].maximum, 1};
  for (int i = 0; i < axis; i++) s.outer *= t->dims[i].maximum;
  for (int i = (int)axis + 1; i < t->rank; i++) s.inner *= t->dims[i].maximum;
  return s;
}
