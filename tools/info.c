#include <stdio.h>

#include "commands.h"
#include "drawing.h"
#include "model.h"

static const char *tensors_text(arena *a, int count, const dnn_tensor *tensors) {
  const char *text = "";
  for (int i = 0; i < count; i++) {
    tensor_type type = model_type(&tensors[i]);
    text = arena_printf(a, "%s%s%s: %s", text, i ? ", " : "", tensors[i].name, type_text(a, &type));
  }
  return text;
}

static void print_entries(arena *a, const dnn_model *model) {
  printf("\nentries\n");
  for (int i = 0; i < model->entry_count; i++) {
    const dnn_entry *e = &model->entries[i];
    printf("  %s(%s)\n      -> (%s)%s\n", e->name, tensors_text(a, e->input_count, e->inputs),
           tensors_text(a, e->output_count, e->outputs), e->writes ? ", updates slots" : "");
  }
}

/* Parameters or states, with the number of their elements. */
static void print_slots(arena *a, const dnn_model *model, const char *heading, int trained) {
  int64_t elements = 0;
  int count = 0;
  for (int i = 0; i < model->slot_count; i++) {
    const dnn_slot *s = &model->slots[i];
    if (s->trained != trained) continue;
    tensor_type type = model_type(&s->tensor);
    if (count++ == 0) printf("\n%s\n", heading);
    printf("  %-36s %-24s %12lld\n", s->tensor.name, type_text(a, &type),
           (long long)type_elements(&type));
    elements += type_elements(&type);
  }
  if (count) printf("  %-61s %12lld\n", "together", (long long)elements);
}

static void print_memory(const dnn_model *model) {
  printf("\nbytes\n");
  const struct { const char *name; uint64_t bytes; } regions[] = {
      {"parameters", model->parameter_bytes}, {"constants", model->constant_bytes},
      {"state", model->state_bytes}, {"scratch", model->scratch_bytes}};
  for (int i = 0; i < 4; i++)
    printf("  %-61s %12llu\n", regions[i].name, (unsigned long long)regions[i].bytes);
}

int command_info(arena *a, const options *o) {
  dnn_library library;
  if (o->graph) return drawing_write(a, o);
  if (!model_open(a, o, &library)) return STATUS_ERROR;
  printf("%s\n", library.model->name);
  print_entries(a, library.model);
  print_slots(a, library.model, "parameters", 1);
  print_slots(a, library.model, "states", 0);
  print_memory(library.model);
  dnn_unload(&library);
  return 0;
}
