/* Gradients, and the slots of instances as tuples; and what is known but not there yet. */
#include "gradient.h"
#include "native.h"
#include "slots.h"

static value grad(elaborator *e, const native_call *c) {
  return gradient_of(e, c->at, c->arguments.items[0].value, c->arguments.items[1].value);
}

/* params(net), states(net): a tuple keyed by path below net; of several, by whole path. */
static value slots_of(elaborator *e, const native_call *c) {
  slot_kind kind = (slot_kind)c->native->code;
  value *items = NULL;
  const char **keys = NULL;
  int count = 0, key_count = 0;
  for (int i = 0; i < c->arguments.count; i++) {
    value v = c->arguments.items[i].value;
    if (!value_is(v, VALUE_INSTANCE))
      return elaborator_error(e, c->at, "%s takes instances, not %s", c->native->name,
                              value_words(e->arena, v));
    value own = instance_slots(e, v.instance, kind);
    if (c->arguments.count == 1) return own;
    for (int k = 0; k < own.tuple->count; k++) {
      arena_push(e->arena, items, count) = own.tuple->items[k];
      arena_push(e->arena, keys, key_count) = own.tuple->items[k].slot->slot.path;
    }
  }
  return value_tuple(e->arena, count, items, keys);
}

static value refuse(elaborator *e, const native_call *c) {
  return elaborator_refuse(e, c->at, c->native->name);
}

#define REFUSED(name) {name, 0, 1024, 0, 1024, NULL, refuse, 0}
const native native_calculus[] = {
    {"grad", 2, 2, 0, 0, NULL, grad, 0},
    {"params", 1, 1024, 0, 0, NULL, slots_of, SLOT_PARAM},
    {"states", 1, 1024, 0, 0, NULL, slots_of, SLOT_STATE},
    REFUSED("jvp"), REFUSED("straight_through"), REFUSED("copy"), REFUSED("categorical"),
    REFUSED("permutation"), REFUSED("sort"), REFUSED("top_k"), REFUSED("cumsum"),
    REFUSED("cumprod"), REFUSED("flat"), REFUSED("unflat"), REFUSED("stack"),
    {0},
};
