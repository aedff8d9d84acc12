#include "dnn_rt.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { REGION_ALIGNMENT = 64, HUGE_PAGE = 2 << 20 };

void *dnn_region_new(uint64_t bytes) {
  size_t alignment = bytes >= HUGE_PAGE ? HUGE_PAGE : REGION_ALIGNMENT;
  if (bytes == 0 || bytes > SIZE_MAX - alignment) return NULL;
  size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void *region = aligned_alloc(alignment, rounded);
  if (!region) return NULL;
#ifdef MADV_HUGEPAGE
  if (alignment == HUGE_PAGE) madvise(region, rounded, MADV_HUGEPAGE); /* a wish: may fail */
#endif
  return memset(region, 0, rounded);
}

void dnn_region_free(void *region) { free(region); }

bool dnn_instance_init(dnn_instance *instance, const dnn_model *model, const dnn_threads *threads,
                       uint64_t seed) {
  *instance = (dnn_instance){.model = model};
  struct { void **region; uint64_t bytes; } regions[] = {
      {&instance->weights.parameters, model->parameter_bytes},
      {&instance->weights.constants, model->constant_bytes},
      {&instance->context.state, model->state_bytes},
      {&instance->context.scratch, model->scratch_bytes},
  };
  for (size_t i = 0; i < sizeof regions / sizeof *regions; i++) {
    *regions[i].region = dnn_region_new(regions[i].bytes);
    if (!*regions[i].region && regions[i].bytes) {
      dnn_instance_free(instance);
      return false;
    }
  }
  instance->context.weights = &instance->weights;
  instance->context.threads = threads;
  instance->context.seed = seed;
  return true;
}

void dnn_instance_free(dnn_instance *instance) {
  dnn_region_free(instance->weights.parameters);
  dnn_region_free(instance->weights.constants);
  dnn_region_free(instance->context.state);
  dnn_region_free(instance->context.scratch);
  *instance = (dnn_instance){0};
}

void *dnn_slot_memory(const dnn_instance *instance, const dnn_slot *slot) {
  void *region = slot->in_state ? instance->context.state : instance->weights.parameters;
  return (char *)region + slot->offset;
}

const char *dnn_status_text(int status) {
  switch (status) {
    case DNN_OK: return "no error";
    case DNN_NULL: return "a pointer is missing";
    case DNN_ALIGN: return "a region is not aligned to 64 bytes";
    case DNN_STALE: return "the parameters changed since the constants were packed";
    case DNN_RANGE: return "a size lies outside its bounds";
    case DNN_ENDLESS: return "a loop did not end within 2^24 turns";
    default: return "unknown status";
  }
}

/* False for a library whose end is missing: touching what was cut off would be a bus error. The
 * table of sections is the last that a linker writes. What is no library is left to dlopen. */
static bool is_whole(const char *path) {
  FILE *in = fopen(path, "rb");
  if (!in) return true;
  ElfW(Ehdr) head;
  struct stat file;
  bool whole = true;
  if (fstat(fileno(in), &file) == 0 && fread(&head, sizeof head, 1, in) == 1 &&
      memcmp(head.e_ident, ELFMAG, SELFMAG) == 0) {
    uint64_t size = (uint64_t)file.st_size, table = (uint64_t)head.e_shnum * head.e_shentsize;
    whole = head.e_shoff <= size && table <= size - head.e_shoff;
  }
  fclose(in);
  return whole;
}

bool dnn_load(dnn_library *library, const char *path, char message[DNN_MESSAGE_BYTES]) {
  *library = (dnn_library){0};
  errno = 0;
  /* Without a slash dlopen would search the system's folders instead of the current one. */
  char local[4096];
  int length = snprintf(local, sizeof local, "%s%s", strchr(path, '/') ? "" : "./", path);
  if (length < 0 || (size_t)length >= sizeof local) {
    snprintf(message, DNN_MESSAGE_BYTES, "the path is too long: %.200s…", path);
    return false;
  }
  if (!is_whole(local)) {
    snprintf(message, DNN_MESSAGE_BYTES, "cannot load %.200s: the file is cut off", path);
    return false;
  }
  errno = 0;
  void *handle = dlopen(local, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    int reason = errno;
    const char *why = dlerror();
    if (why && strncmp(why, local, strlen(local)) == 0 && why[strlen(local)] == ':')
      why += strlen(local) + 2; /* the path, again */
    snprintf(message, DNN_MESSAGE_BYTES, "cannot load %.200s: %.250s", path,
             why ? why : "no reason is known");
    errno = reason;
    return false;
  }
  const dnn_model *(*describe)(void) = NULL;
  *(void **)&describe = dlsym(handle, DNN_MODEL_DESCRIPTION);
  const dnn_model *model = describe ? describe() : NULL;
  if (!model) {
    snprintf(message, DNN_MESSAGE_BYTES, "%.200s holds no model: it lacks %s", path,
             DNN_MODEL_DESCRIPTION);
  } else if (model->abi != DNN_ABI) {
    snprintf(message, DNN_MESSAGE_BYTES,
             "%.200s was compiled for ABI %u, this program has ABI %u: compile the model again",
             path, (unsigned)model->abi, (unsigned)DNN_ABI);
  } else {
    *library = (dnn_library){handle, model};
    return true;
  }
  dlclose(handle);
  return false;
}

void dnn_unload(dnn_library *library) {
  if (library->handle) dlclose(library->handle);
  *library = (dnn_library){0};
}

const dnn_entry *dnn_find_entry(const dnn_model *model, const char *name) {
  for (int i = 0; i < model->entry_count; i++)
    if (strcmp(model->entries[i].name, name) == 0) return &model->entries[i];
  return NULL;
}
