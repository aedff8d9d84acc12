#include "slots.h"

#include <string.h>

#include "build.h"
#include "call.h"
#include "loop.h"

static const char *joined(arena *a, const instance *owner, const char *name) {
  return *owner->path ? arena_printf(a, "%s.%s", owner->path, name) : name;
}

instance *instance_find_child(const instance *parent, const char *name) {
  for (int i = 0; i < parent->child_count; i++)
    if (!strcmp(parent->children[i]->name, name)) return parent->children[i];
  return NULL;
}

instance *instance_child(elaborator *e, instance *parent, const char *name) {
  instance *child = instance_find_child(parent, name);
  if (child) return child;
  child = arena_new_of(e->arena, instance);
  child->name = arena_text(e->arena, name);
  child->path = joined(e->arena, parent, child->name);
  child->parent = parent;
  child->unnamed_in_entry = parent->unnamed_in_entry;
  if (parent->origin) child->origin = instance_child(e, parent->origin, name);
  return arena_push(e->arena, parent->children, parent->child_count) = child;
}

slot_record *instance_find_slot(const instance *owner, const char *name) {
  for (int i = 0; i < owner->slot_count; i++)
    if (!strcmp(owner->slots[i]->name, name)) return owner->slots[i];
  return NULL;
}

void instance_taken(elaborator *e, instance *i, slot_kind kind, location at) {
  location *place = arena_new_of(e->arena, location);
  *place = at;
  if (!i->taken[kind]) i->taken[kind] = place;
}

/* An error where a slot comes too late for those who took all of an instance that it is of; one for each. */
static void check_taken(elaborator *e, instance *i, const slot *s) {
  for (; i; i = i->parent) {
    const location *at = i->taken[s->kind];
    if (!at) continue;
    i->taken[s->kind] = NULL;
    elaborator_error(e, *at, "`%s` is not complete here: `%s` exists only from a call further down (it is declared at %s); let "
                     "that call stand before", i->path, s->path, diag_place(e->arena, s->at));
  }
}

slot_record *slot_new(elaborator *e, instance *owner, const char *name, slot_kind kind,
                      const tensor_type *type, location at) {
  const char *path = joined(e->arena, owner, name);
  slot_record *s = arena_new_of(e->arena, slot_record);
  *s = (slot_record){.slot = {path, kind, *type, at}, .name = name, .owner = owner};
  check_taken(e, owner, &s->slot);
  arena_push(e->arena, owner->slots, owner->slot_count) = s;
  return arena_push(e->arena, e->slots, e->slot_count) = s;
}

value slot_read(elaborator *e, slot_record *s) {
  value v = {.kind = VALUE_TENSOR, .slot = s};
  if (e->graph == e->initial) {
    v.node = s->initial;
  } else {
    if (s->graph != e->graph && e->loop && e->loop->graph == e->graph) {
      loop_take_slot(e, s);
    } else if (s->graph != e->graph) {
      s->graph = e->graph;
      s->current = s->first = build_slot(e->graph, s->slot.path, &s->slot.type);
      s->written = false;
    }
    v.node = s->graph == e->graph ? s->current : NULL;
  }
  return v.node ? v : (value){0};
}

bool slots_are_leaves(value v) {
  bool found = value_is(v, VALUE_SLOT);
  for (int i = 0; value_is(v, VALUE_TUPLE) && i < v.tuple->count; i++)
    found = found || slots_are_leaves(v.tuple->items[i]);
  return found;
}

value slots_read(elaborator *e, value v) {
  if (value_is(v, VALUE_SLOT)) return slot_read(e, v.slot);
  if (!value_is(v, VALUE_TUPLE)) return v;
  tuple *t = tuple_like(e->arena, v.tuple);
  for (int i = 0; i < t->count; i++) t->items[i] = slots_read(e, v.tuple->items[i]);
  return (value){.kind = VALUE_TUPLE, .tuple = t};
}

void slot_write(elaborator *e, slot_record *s, node *next, location at) {
  slot_read(e, s); /* its first version */
  s->current = next;
  s->written = true;
  s->written_at = at;
  e->updates++;
  if (s->slot.kind == SLOT_PARAM) e->param_written = true;
}

/* --- copies --------------------------------------------------------------------------------- */

void instance_copy(elaborator *e, instance *i, instance *origin) {
  i->origin = origin;
  for (int k = 0; k < i->child_count; k++)
    instance_copy(e, i->children[k], instance_child(e, origin, i->children[k]->name));
}

const char *instance_drawn_as(const instance *i) {
  while (i->origin) i = i->origin;
  return i->path;
}

/* Gives a copy the slots of its origin that no call of the copy has made. */
static void take_slots(elaborator *e, instance *i) {
  const instance *origin = i->origin;
  for (int k = 0; k < origin->slot_count; k++) {
    const slot_record *s = origin->slots[k];
    if (instance_find_slot(i, s->name)) continue;
    slot_new(e, i, s->name, s->slot.kind, &s->slot.type, s->slot.at)->initial = s->initial;
  }
  for (int k = 0; k < origin->child_count; k++)
    take_slots(e, instance_child(e, i, origin->children[k]->name));
}

/* Gives a copy all slots that its origin has by now. */
static void complete_copy(elaborator *e, instance *i) {
  if (!i->origin) return;
  complete_copy(e, i->origin);
  take_slots(e, i);
}

/* --- slots below an instance ---------------------------------------------------------------- */

typedef struct slot_list {
  value *items;
  const char **keys;
  int count, key_count;
} slot_list;

static void collect(elaborator *e, const instance *i, slot_kind kind, size_t prefix,
                    slot_list *list) {
  for (int k = 0; k < i->slot_count; k++) {
    slot_record *s = i->slots[k];
    if (s->slot.kind != kind) continue;
    arena_push(e->arena, list->items, list->count) = slot_read(e, s);
    arena_push(e->arena, list->keys, list->key_count) = s->slot.path + prefix;
  }
  for (int k = 0; k < i->child_count; k++) collect(e, i->children[k], kind, prefix, list);
}

value instance_slots(elaborator *e, instance *i, slot_kind kind) {
  slot_list list = {0};
  complete_copy(e, i);
  collect(e, i, kind, *i->path ? strlen(i->path) + 1 : 0, &list);
  return value_tuple(e->arena, list.count, list.items, list.keys);
}

/* Instances made in the turns of a static loop, "linear_0[0]", "linear_0[1]", …, as a tuple. */
static value turns_of(elaborator *e, const instance *i, const char *name) {
  value *items = NULL;
  int count = 0;
  size_t length = strlen(name);
  for (int k = 0; k < i->child_count; k++) {
    const char *child = i->children[k]->name;
    if (!strncmp(child, name, length) && child[length] == '[')
      arena_push(e->arena, items, count) = value_instance(i->children[k]);
  }
  return count ? value_tuple(e->arena, count, items, NULL) : (value){0};
}

static value unknown_member(elaborator *e, const instance *i, const char *name, location at) {
  const char **names = NULL;
  int count = 0;
  for (int k = 0; k < i->slot_count; k++) arena_push(e->arena, names, count) = i->slots[k]->name;
  for (int k = 0; k < i->child_count; k++)
    arena_push(e->arena, names, count) = i->children[k]->name;
  const char *nearest = diag_nearest(name, names, count);
  if (nearest)
    return elaborator_error(e, at, "`%s` has no `%s`; do you mean `%s`?", i->path, name, nearest);
  if (!count)
    return elaborator_error(
        e, at, "`%s` has no `%s` yet: its parts exist from the first call in the text",
        i->path, name);
  return elaborator_error(e, at, "`%s` has no `%s`", i->path, name);
}

value instance_member(elaborator *e, instance *i, const char *name, location at) {
  scope *members = call_members(e, i, at);
  complete_copy(e, i);
  binding *b = members ? scope_find_here(members, name) : NULL;
  bool bundle = i->function && !i->function->function->has_parameters;
  bool slots = b && slots_are_leaves(b->value);
  if (slots && value_is(b->value, VALUE_TUPLE)) return slots_read(e, b->value);
  if (b && (bundle ? !slots : value_is(b->value, VALUE_FUNCTION))) return b->value;
  slot_record *s = instance_find_slot(i, name);
  if (s) return slot_read(e, s);
  instance *child = instance_find_child(i, name);
  if (child) return value_instance(child);
  value turns = turns_of(e, i, name);
  return value_is_poison(turns) && !e->halted ? unknown_member(e, i, name, at) : turns;
}
