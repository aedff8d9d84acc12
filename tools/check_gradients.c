#include <math.h>
#include <stdio.h>
#include <string.h>

#include "build.h"
#include "check.h"
#include "grad.h"

/* A gradient agrees when it does for one of these step sizes: large ones cross kinks (of max and
 * relu), small ones drown in rounding. Where even the smallest crosses a kink, that lies on one
 * side: the difference on the other side alone still has to agree. */
static const double step_sizes[] = {1e-5, 1e-6, 1e-7};
enum { STEP_SIZES = sizeof step_sizes / sizeof *step_sizes };
static const double most_relative = 1e-5, rounding = 1e-14;

/* Parameters are moved off their first values, among which zeros may meet kinks and ties. */
static const double shake = 0.01;

/* An entry at a point: what stop_gradient holds has become inputs. */
typedef struct point {
  arena *arena;
  graph *graph;
  const tensor **inputs;
  slot_values slots;
  evaluation evaluation;
} point;

typedef struct parameter {
  int slot;            /* in program.slots */
  node **nodes;        /* that read it */
  int node_count;
} parameter;

/* The values of some nodes of a graph. */
static tensor **values_of(arena *a, const point *p, const graph *g, const slot_values *slots,
                          int count, node *const *nodes) {
  graph view = *g;
  view.outputs = arena_array_of(a, count, graph_value);
  view.output_count = count;
  view.update_count = 0;
  for (int i = 0; i < count; i++) view.outputs[i] = (graph_value){"value", nodes[i]};
  tensor **values = arena_array_of(a, count, tensor *);
  evaluation e = p->evaluation;
  e.arena = a;
  slot_values context = *slots;
  graph_eval(&e, &view, p->inputs, check_slot, &context, values, NULL);
  return values;
}

static bool is_stop(const node *n) { return n->op == OP_MAP && n->function == SCALAR_STOP; }

static node *copy_node(graph *g, const node *n, node *const *map) {
  node **operands = arena_array_of(g->arena, n->operand_count, node *);
  for (int i = 0; i < n->operand_count; i++) operands[i] = map[n->operands[i]->id];
  return build_like(g, n, operands);
}

/* A copy of the entry in which, with hold, every stop_gradient is an input that has its value
 * here. */
static point point_new(arena *a, const graph *entry, slot_values slots,
                       const options *o, bool hold, random_numbers *r) {
  point p = {.arena = a, .slots = slots, .evaluation = {.arena = a, .seed = o->seed}};
  node **stops = NULL, **map = arena_array_of(a, entry->node_count, node *);
  int stop_count = 0;
  for (int i = 0; i < entry->node_count; i++)
    if (hold && is_stop(entry->nodes[i])) arena_push(a, stops, stop_count) = entry->nodes[i];
  p.inputs = arena_array_of(a, entry->input_count + stop_count, const tensor *);
  tensor **inputs = check_inputs(a, entry, o, r);
  for (int i = 0; i < entry->input_count; i++) p.inputs[i] = inputs[i];
  tensor **held = values_of(a, &p, entry, &slots, stop_count, stops);

  p.graph = graph_new(a, NULL, entry->name);
  for (int i = 0; i < entry->input_count; i++) { /* in the entry's order */
    const graph_value *in = &entry->inputs[i];
    map[in->node->id] = graph_add_input(p.graph, in->name, &in->node->type);
  }
  for (int i = 0; i < stop_count; i++) {
    map[stops[i]->id] = graph_add_input(p.graph, "held", &stops[i]->type);
    p.inputs[entry->input_count + i] = held[i];
  }
  for (int i = 0; i < entry->node_count; i++)
    if (!map[i]) map[i] = copy_node(p.graph, entry->nodes[i], map);
  for (int i = 0; i < entry->output_count; i++)
    graph_add_output(p.graph, entry->outputs[i].name, map[entry->outputs[i].node->id]);
  return p;
}

/* The parameters on which a value depends. */
static parameter *parameters_of(const point *p, const node *value, int *count) {
  const program *model = p->slots.program;
  parameter *list = NULL;
  *count = 0;
  for (int i = 0; i < model->slot_count; i++) {
    parameter found = {.slot = i};
    for (int k = 0; k < p->graph->node_count; k++) {
      node *n = p->graph->nodes[k];
      if (n->op == OP_SLOT && strcmp(node_text(n, 0), model->slots[i].path) == 0 &&
          grad_depends(p->graph, value, n))
        arena_push(p->arena, found.nodes, found.node_count) = n;
    }
    if (model->slots[i].kind == SLOT_PARAM && found.node_count)
      arena_push(p->arena, list, *count) = found;
  }
  return list;
}

/* Gradients of a value by parameters, summed over the nodes that read each. */
static tensor **gradients_of(const point *p, node *value, const parameter *list, int count) {
  arena *a = p->arena;
  node **wanted = NULL;
  int wanted_count = 0;
  for (int i = 0; i < count; i++)
    for (int k = 0; k < list[i].node_count; k++)
      arena_push(a, wanted, wanted_count) = list[i].nodes[k];
  gradients *sweep = grad_sweep(p->graph, value, wanted_count, wanted);
  tensor **result = arena_array_of(a, count, tensor *);
  for (int i = 0; i < count; i++) {
    const slot *s = &p->slots.program->slots[list[i].slot];
    result[i] = tensor_new(a, &s->type);
    for (int k = 0; k < list[i].node_count; k++) {
      node *gradient = grad_of(sweep, list[i].nodes[k]);
      if (!gradient) continue;
      arena *scratch = arena_new();
      const tensor *part = values_of(scratch, p, p->graph, &p->slots, 1, &gradient)[0];
      for (int64_t e = 0; e < type_elements(&s->type); e++)
        result[i]->reals[e] += part->reals[e];
      arena_free(scratch);
    }
  }
  return result;
}

/* The value with one parameter moved along a direction. */
static double value_at(const point *p, node *value, int moved, const double *direction,
                       double distance) {
  arena *a = arena_new();
  const tensor *from = p->slots.values[moved];
  tensor *to = tensor_new(a, &from->type);
  for (int64_t i = 0; i < type_elements(&to->type); i++)
    to->reals[i] = from->reals[i] + distance * direction[i];
  slot_values slots = {p->slots.program, arena_array_of(a, p->slots.program->slot_count, tensor *)};
  memcpy(slots.values, p->slots.values, sizeof(tensor *) * (size_t)slots.program->slot_count);
  slots.values[moved] = to;
  double result = values_of(a, p, p->graph, &slots, 1, &value)[0]->reals[0];
  arena_free(a);
  return result;
}

/* What one direction showed: the derivative by the gradient, and by the finite difference that
 * came nearest. */
typedef struct finding {
  double gradient, difference;
  double error; /* relative; NaN where a value is */
  bool agrees;
} finding;

/* Takes a finite difference over a distance into account; size is that of the values. */
static void consider(finding *f, double difference, double size, double distance) {
  if (f->agrees) return;
  double gap = fabs(difference - f->gradient);
  double error = gap > 0 ? gap / fmax(fabs(difference), fabs(f->gradient)) : gap;
  if (isnan(f->error) || error < f->error) {
    f->difference = difference;
    f->error = error;
  }
  f->agrees = error <= most_relative || gap <= rounding * (1 + fabs(size)) / distance;
}

/* Compares along one direction of signs. */
static finding check_direction(const point *p, node *value, int moved, const tensor *gradient,
                               random_numbers *r) {
  arena *a = arena_new();
  int64_t elements = type_elements(&gradient->type);
  double *direction = arena_array_of(a, elements, double), above = 0, below = 0, h = 0;
  finding f = {.error = NAN};
  for (int64_t i = 0; i < elements; i++) {
    direction[i] = random_uniform(r) < 0.5 ? -1 : 1;
    f.gradient += direction[i] * gradient->reals[i];
  }
  for (int k = 0; k < STEP_SIZES && !f.agrees; k++) {
    h = step_sizes[k];
    above = value_at(p, value, moved, direction, h);
    below = value_at(p, value, moved, direction, -h);
    consider(&f, (above - below) / (2 * h), above, h);
  }
  if (!f.agrees) {
    double here = value_at(p, value, moved, direction, 0);
    consider(&f, (above - here) / h, here, h);
    consider(&f, (here - below) / h, here, h);
  }
  arena_free(a);
  return f;
}

static int report(const char *entry, const char *output, const char *path, const finding *worst,
                  const options *o) {
  if (worst->agrees) {
    printf("  ok    %s.%s by %s: %lld directions, largest difference %.1e\n", entry, output, path,
           (long long)o->directions, worst->error);
    return 0;
  }
  printf("  FAIL  %s.%s by %s: gradient %.9g, finite difference %.9g\n", entry, output, path,
         worst->gradient, worst->difference);
  return 1;
}

static int check_parameter(const point *p, const graph_value *output, int slot_index,
                           const tensor *gradient, const options *o, random_numbers *r) {
  finding worst = {.agrees = true};
  for (int64_t i = 0; i < o->directions; i++) {
    finding f = check_direction(p, output->node, slot_index, gradient, r);
    if (i == 0 || (worst.agrees && !(f.agrees && f.error <= worst.error))) worst = f;
  }
  return report(p->graph->name, output->name, p->slots.program->slots[slot_index].path, &worst, o);
}

static int check_output(const point *p, const graph_value *output, const options *o,
                        random_numbers *r) {
  int count, failures = 0;
  const parameter *list = parameters_of(p, output->node, &count);
  if (!count) return 0;
  tensor **slopes = gradients_of(p, output->node, list, count);
  for (int i = 0; i < count; i++)
    failures += check_parameter(p, output, list[i].slot, slopes[i], o, r);
  return failures;
}

static void shake_parameters(const slot_values *slots, random_numbers *r) {
  for (int i = 0; i < slots->program->slot_count; i++) {
    const slot *s = &slots->program->slots[i];
    if (s->kind != SLOT_PARAM || !dtype_is_float(s->type.element)) continue;
    for (int64_t k = 0; k < type_elements(&s->type); k++)
      slots->values[i]->reals[k] += shake * random_normal(r);
  }
}

int check_entry_gradients(const graph *entry, const slot_values *slots, const options *o,
                          random_numbers *r, bool hold) {
  arena *a = arena_new();
  point p = point_new(a, entry, *slots, o, hold, r);
  int failures = 0;
  for (int i = 0; i < p.graph->output_count; i++) {
    const tensor_type *type = &p.graph->outputs[i].node->type;
    if (type->rank == 0 && dtype_is_float(type->element))
      failures += check_output(&p, &p.graph->outputs[i], o, r);
  }
  arena_free(a);
  return failures;
}

int check_gradients(arena *a, const program *p, const options *o) {
  random_numbers r = random_new(o->seed, 0);
  slot_values slots = check_initial(a, p, o->seed);
  shake_parameters(&slots, &r);
  int failures = 0;
  printf("gradients against finite differences, in double\n");
  for (int i = 0; i < p->entry_count; i++) {
    failures += check_entry_gradients(p->entries[i], &slots, o, &r, true);
    fflush(stdout);
  }
  return failures;
}
