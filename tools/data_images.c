/* Folders of pictures, a subfolder for each class. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data_stream.h"
#include "element.h"
#include "image.h"
#include "vocabulary.h"

typedef struct picture {
  const char *path, *folder; /* folder: the name of its class; NULL: it lies in none */
} picture;

typedef struct pictures {
  arena *arena;
  picture *items;
  int count;
} pictures;

static bool is_folder(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int by_name(const struct dirent **x, const struct dirent **y) {
  return strcmp((*x)->d_name, (*y)->d_name);
}

static int is_shown(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* In the order of names; a subfolder's where the subfolder stands. */
static bool walk(pictures *p, const char *path, const char *class, const char **error) {
  struct dirent **entries;
  int count = scandir(path, &entries, is_shown, by_name);
  if (count < 0 && errno == ENOMEM) arena_exhausted(p->arena, 0);
  if (count < 0) {
    *error = arena_printf(p->arena, "cannot read the folder %s: %s", path, strerror(errno));
    return false;
  }
  bool good = true;
  for (int i = 0; i < count; i++) {
    const char *name = arena_text(p->arena, entries[i]->d_name);
    const char *place = arena_printf(p->arena, "%s/%s", path, name);
    if (good && !class && is_folder(place)) good = walk(p, place, name, error);
    else if (good && image_is(name)) arena_push(p->arena, p->items, p->count) = (picture){place, class};
    free(entries[i]);
  }
  free(entries);
  return good;
}

/* --- classes -------------------------------------------------------------------------------- */

static const char *read_classes(const pictures *p, const data_request *r, array *x) {
  vocabulary *classes = vocabulary_new(p->arena);
  bool given = data_text(r, "classes");
  for (int i = 0; given && i < r->setting_count; i++)
    if (!strcmp(r->settings[i].name, "classes")) vocabulary_add(classes, r->settings[i].text);
  for (int i = 0; i < p->count; i++) {
    if (!p->items[i].folder)
      return arena_printf(p->arena, "%s lies in no subfolder, so it has no class", p->items[i].path);
    if (!given) vocabulary_add(classes, p->items[i].folder);
  }
  vocabulary_close(classes, !given);
  if (!vocabulary_fits(classes, r->type.element))
    return arena_printf(p->arena, "%d classes do not fit %s", classes->count, dtype_name(r->type.element));
  *x = (array){.element = r->type.element, .rank = 1, .extents = {p->count}};
  x->data = arena_array(p->arena, (size_t)p->count, dtype_size(x->element));
  for (int i = 0; i < p->count; i++) {
    int64_t number = vocabulary_find(classes, p->items[i].folder);
    if (number < 0) return arena_printf(p->arena, "the subfolder of %s is none of the classes", p->items[i].path);
    element_set_int(x->element, x->data, i, number);
  }
  return NULL;
}

/* --- pixels --------------------------------------------------------------------------------- */

/* [rows, h, w] or [rows, c, h, w]. */
static const char *find_size(arena *a, const tensor_type *type, image_size *size) {
  int rank = type->rank;
  if (type->element != DTYPE_U8 || rank < 3 || rank > 4 ||
      (rank == 4 && type->dims[1].maximum != 1 && type->dims[1].maximum != 3))
    return arena_printf(a, "pictures are u8[rows, height, width] or u8[rows, 1 or 3, height, width], the "
                        "input is %s", type_text(a, type));
  *size = (image_size){rank == 4 ? type->dims[1].maximum : 1, type->dims[rank - 2].maximum,
                       type->dims[rank - 1].maximum};
  return NULL;
}

/* [h, w, c] to [c, h, w]. */
static void part_channels(const uint8_t *pixels, image_size size, uint8_t *out) {
  for (int64_t c = 0; c < size.channels; c++)
    for (int64_t i = 0; i < size.height * size.width; i++) *out++ = pixels[i * size.channels + c];
}

static array *read_pixels(arena *a, const picture *items, int count, const tensor_type *type,
                          const char **error) {
  image_size size;
  const char *fault = find_size(a, type, &size);
  if (fault) {
    *error = arena_printf(a, "%s: %s", items[0].path, fault);
    return NULL;
  }
  array *x = arena_new_of(a, array);
  *x = (array){.element = DTYPE_U8, .rank = type->rank, .path = items[0].path};
  x->extents[0] = count;
  for (int i = 1; i < x->rank; i++) x->extents[i] = type->dims[i].maximum;
  size_t bytes = (size_t)(size.channels * size.height * size.width);
  x->data = arena_array(a, (size_t)count, bytes);
  for (int i = 0; i < count; i++) {
    arena *scratch = arena_new();
    const uint8_t *pixels = image_read(scratch, items[i].path, size, error);
    if (pixels) part_channels(pixels, size, (uint8_t *)x->data + (size_t)i * bytes);
    else *error = arena_text(a, *error);
    arena_free(scratch);
    if (!pixels) return NULL;
  }
  return x;
}

array *image_file_read(arena *a, const data_request *r, const char *path, const char **error) {
  return read_pixels(a, &(picture){path, NULL}, 1, &r->type, error);
}

array *images_read(arena *a, const data_request *r, const char **error) {
  pictures p = {.arena = a};
  for (int i = 0; i < r->path_count; i++)
    if (!walk(&p, r->paths[i], NULL, error)) return NULL;
  if (!p.count) {
    *error = arena_printf(a, "%s: the folder holds no picture (.png, .jpg, .jpeg)", r->paths[0]);
    return NULL;
  }
  array *x;
  if (data_text(r, "classes") || data_number(r, "classes", 0)) {
    x = arena_new_of(a, array);
    const char *fault = read_classes(&p, r, x);
    if (fault) {
      *error = arena_printf(a, "%s: %s", r->paths[0], fault);
      return NULL;
    }
  } else {
    x = read_pixels(a, p.items, p.count, &r->type, error);
  }
  if (x) x->path = r->paths[0];
  return x;
}
