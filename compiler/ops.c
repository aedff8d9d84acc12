#include "op.h"

#include <string.h>

const op_info op_infos[OP_COUNT] = {
#define OP(code, name, least, most, traits, attributes)                                         \
  [OP_##code] = {name, least, most, traits, attributes},
#include "ops.def"
#undef OP
};

const op_definition *const op_definitions[OP_COUNT] = {
#define OP(code, ...) [OP_##code] = &op_##code,
#include "ops.def"
#undef OP
};

static bool is_floating(const node *n) {
  bool floating = dtype_is_float(n->type.element);
  for (int i = 0; i < n->operand_count; i++)
    floating = floating || dtype_is_float(n->operands[i]->type.element);
  return floating;
}

int64_t op_operations(const node *n) {
  const op_definition *definition = op_definitions[n->op];
  return definition->operations && is_floating(n) ? definition->operations(n) : 0;
}

int64_t op_times(int64_t a, int64_t b) {
  int64_t product;
  return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

int op_attribute_count(op_code op) {
  int count = 0;
  for (const char *c = op_infos[op].attributes; *c; c++) count += *c == ':';
  return count;
}

attribute_kind op_attribute(op_code op, int position, char name[32]) {
  static const char *const kinds[] = {
      [ATTRIBUTE_INTS] = "ints", [ATTRIBUTE_REALS] = "reals",
      [ATTRIBUTE_TEXT] = "text", [ATTRIBUTE_TYPE] = "type",
      [ATTRIBUTE_GRAPH] = "graph"};
  const char *at = op_infos[op].attributes;
  for (int i = 0; i < position; i++) at = strchr(at, ' ') + 1;
  const char *colon = strchr(at, ':');
  size_t length = (size_t)(colon - at), kind_length = strcspn(colon + 1, " ");
  ensure(length < 32);
  memcpy(name, at, length);
  name[length] = 0;
  for (int kind = ATTRIBUTE_INTS; kind <= ATTRIBUTE_GRAPH; kind++)
    if (strlen(kinds[kind]) == kind_length && memcmp(kinds[kind], colon + 1, kind_length) == 0)
      return (attribute_kind)kind;
  internal_error("ops.def: operator %s has an attribute of unknown kind", op_infos[op].name);
}

bool op_parse(const char *name, op_code *op) {
  for (int i = 0; i < OP_COUNT; i++) {
    if (strcmp(name, op_infos[i].name) == 0) {
      *op = (op_code)i;
      return true;
    }
  }
  return false;
}
