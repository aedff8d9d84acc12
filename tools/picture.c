#include "picture.h"

#include "picture_parts.h"

int64_t picture_rows(const run_picture *p) {
  if (p->kind != PICTURE_GRID) return 0;
  return p->rows ? p->rows * p->columns : GRID_MOST_IMAGES;
}

bool picture_write(arena *a, const run_picture *p, const array *outputs, const char *title,
                   const char *path, const char **error) {
  const array *first = &outputs[p->outputs[0]];
  switch (p->kind) {
    case PICTURE_NONE: break;
    case PICTURE_ARRAY: return npy_write(a, path, first, error);
    case PICTURE_GRID: return picture_grid(a, p, first, path, error);
    case PICTURE_PLOT:
    case PICTURE_SCATTER: return picture_chart(a, p, outputs, title, path, error);
    case PICTURE_TEXT: return picture_text(a, first, title, path, error);
    case PICTURE_TABLE: return picture_table(a, p, outputs, path, error);
  }
  return true;
}
