#include <string.h>

#include "data_stream.h"
#include "safetensors.h"

static const char *names_of(arena *a, const safetensors *file) {
  enum { SHOWN = 20 };
  const char *names = "";
  for (int i = 0; i < file->tensor_count && i < SHOWN; i++)
    names = arena_printf(a, "%s%s%.200s", names, i ? ", " : "", file->tensors[i].name);
  return arena_printf(a, "%s%s", names, file->tensor_count > SHOWN ? ", \xe2\x80\xa6" : "");
}

static const char *choose(arena *a, const data_request *r, const safetensors *file,
                          const safetensor **found) {
  const char *name = data_text(r, "tensor");
  if (name) *found = safetensors_find(file, name);
  else if (file->tensor_count == 1) *found = &file->tensors[0];
  else if (r->name) *found = safetensors_find(file, name = r->name);
  if (*found && (*found)->bytes) return NULL;
  if (*found) return arena_printf(a, "the tensor %.200s is empty", (*found)->name);
  if (!file->tensor_count) return "the file holds no tensor";
  return name ? arena_printf(a, "there is no tensor %s among %s", name, names_of(a, file))
              : arena_printf(a, "which tensor? there are %s; choose by tensor: \"\xe2\x80\xa6\"",
                             names_of(a, file));
}

array *tensor_read(arena *a, const data_request *r, const char *path, const char **error) {
  size_t size;
  const char *bytes = data_content(a, path, &size, error);
  const safetensors *file = bytes ? safetensors_parse(a, path, bytes, size, error) : NULL;
  if (!file) return NULL;
  const safetensor *t = NULL;
  const char *fault = choose(a, r, file, &t);
  if (fault) {
    *error = arena_printf(a, "%s: %s", path, fault);
    return NULL;
  }
  array *x = arena_new_of(a, array);
  *x = (array){.element = t->element, .rank = t->rank, .path = path};
  memcpy(x->extents, t->extents, sizeof x->extents);
  x->data = memcpy(arena_alloc(a, (size_t)t->bytes), t->data, (size_t)t->bytes);
  return x;
}
