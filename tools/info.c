#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "drawing.h"
#include "info.h"
#include "model.h"

static const char *tensors_text(arena *a, int count, const dnn_tensor *tensors) {
  const char *text = "";
  for (int i = 0; i < count; i++) {
    tensor_type type = model_type(&tensors[i]);
    const char *words = type_text(a, &type), *extents = strchr(words, '[');
    if (tensors[i].bounded) words = arena_printf(a, "%.*s[<= %s", (int)(extents - words), words, extents + 1);
    text = arena_printf(a, "%s%s%s: %s", text, i ? ", " : "", tensors[i].name, words);
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

/* What a call of each entry takes. */
static void print_costs(const dnn_model *model, const entry_cost *costs) {
  bool open = false;
  printf("\n%-18s %11s %14s %12s %12s %8s %12s %12s\n", "calls", "parameters", "operations", "bytes read",
         "written", "kernels", "scratch", "bound");
  for (int i = 0; i < model->entry_count; i++) {
    const entry_cost *c = &costs[i];
    printf("  %-16s %11lld %14lld %12lld %12lld %8lld %12lld %12lld%s\n", model->entries[i].name,
           (long long)c->parameters, (long long)c->operations, (long long)c->bytes_read,
           (long long)c->bytes_written, (long long)c->kernels, (long long)c->scratch_bytes,
           (long long)c->scratch_bound, c->open_loops ? " *" : "");
    open = open || c->open_loops;
  }
  if (open)
    printf("  * A loop with a condition counts as if it went on to its last turn, and one turn where it has "
           "no last.\n");
}

static void print_memory(const dnn_model *model) {
  printf("\nbytes\n");
  const struct { const char *name; uint64_t bytes; } regions[] = {
      {"parameters", model->parameter_bytes}, {"constants", model->constant_bytes},
      {"state", model->state_bytes}, {"scratch", model->scratch_bytes}};
  for (int i = 0; i < 4; i++)
    printf("  %-61s %12llu\n", regions[i].name, (unsigned long long)regions[i].bytes);
}

void info_print(arena *a, const description *d) {
  printf("%s\n", d->model->name);
  print_entries(a, d->model);
  if (d->costs) print_costs(d->model, d->costs);
  print_slots(a, d->model, "parameters", 1);
  print_slots(a, d->model, "states", 0);
  print_memory(d->model);
}

int command_info(arena *a, const options *o) {
  if (o->graph) return drawing_write(a, o);
  description d;
  if (!description_make(a, o, &d)) return STATUS_ERROR;
  if (o->json) info_print_json(a, &d);
  else info_print(a, &d);
  description_free(&d);
  return 0;
}
