/* The graph interpreter shares no code with lowering. The compiler's objects are read as a graph: a node is
 * a section, which is one function or one table, an edge a reference to another. What the interpreter
 * reaches and what lowering reaches must have in common only what both stand on. */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "op.h"

typedef struct edge {
  int to;             /* a section; -1: outside */
  const char *symbol; /* where `to` is to be found by name; else NULL */
  uint64_t offset;    /* of the reference in its section */
} edge;

typedef struct section {
  const char *object, *name;
  edge *edges;
  int edge_count;
  bool is_definition; /* an op_definition, whose fields lead to different sides */
} section;

typedef struct symbol {
  const char *name;
  int section;
} symbol;

typedef struct code {
  arena *arena;
  section *sections;
  int section_count;
  symbol *symbols; /* global */
  int symbol_count;
} code;

/* ---- reading objects --------------------------------------------------------------------------- */

static const char *read_whole(arena *a, const char *path, size_t *size) {
  FILE *f = fopen(path, "rb");
  if (!f) fail_msg("%s cannot be read", path);
  fseek(f, 0, SEEK_END);
  *size = (size_t)ftell(f);
  rewind(f);
  char *bytes = arena_alloc(a, *size + 1);
  assert_true(fread(bytes, 1, *size, f) == *size);
  fclose(f);
  return bytes;
}

static bool is_definition(const char *name, uint64_t size) {
  return size == sizeof(op_definition) && strncmp(name, "op_", 3) == 0;
}

static void read_symbols(code *c, const Elf64_Sym *symbols, size_t count, const char *names,
                         int first) {
  for (size_t i = 0; i < count; i++) {
    const Elf64_Sym *s = &symbols[i];
    if (ELF64_ST_BIND(s->st_info) != STB_GLOBAL || s->st_shndx == SHN_UNDEF ||
        s->st_shndx >= SHN_LORESERVE)
      continue;
    int at = first + s->st_shndx;
    arena_push(c->arena, c->symbols, c->symbol_count) = (symbol){names + s->st_name, at};
    if (is_definition(names + s->st_name, s->st_size)) c->sections[at].is_definition = true;
  }
}

/* One object. Its sections follow those that are known, in their own order. */
static void read_object(code *c, const char *object, const char *bytes) {
  const Elf64_Ehdr *head = (const void *)bytes;
  assert_memory_equal(head->e_ident, ELFMAG, SELFMAG);
  const Elf64_Shdr *shdr = (const void *)(bytes + head->e_shoff);
  const char *section_names = bytes + shdr[head->e_shstrndx].sh_offset;
  int first = c->section_count;
  for (int i = 0; i < head->e_shnum; i++)
    arena_push(c->arena, c->sections, c->section_count) =
        (section){.object = object, .name = section_names + shdr[i].sh_name};
  for (int i = 0; i < head->e_shnum; i++) {
    if (shdr[i].sh_type != SHT_SYMTAB) continue;
    const Elf64_Sym *symbols = (const void *)(bytes + shdr[i].sh_offset);
    read_symbols(c, symbols, shdr[i].sh_size / sizeof *symbols,
                 bytes + shdr[shdr[i].sh_link].sh_offset, first);
  }
  for (int i = 0; i < head->e_shnum; i++) {
    if (shdr[i].sh_type != SHT_RELA || !(shdr[shdr[i].sh_info].sh_flags & SHF_ALLOC)) continue;
    const Elf64_Rela *references = (const void *)(bytes + shdr[i].sh_offset);
    const Elf64_Shdr *table = &shdr[shdr[i].sh_link];
    const Elf64_Sym *symbols = (const void *)(bytes + table->sh_offset);
    const char *names = bytes + shdr[table->sh_link].sh_offset;
    section *from = &c->sections[first + (int)shdr[i].sh_info];
    for (size_t k = 0; k < shdr[i].sh_size / sizeof *references; k++) {
      const Elf64_Sym *s = &symbols[ELF64_R_SYM(references[k].r_info)];
      bool here = s->st_shndx != SHN_UNDEF && s->st_shndx < SHN_LORESERVE;
      arena_push(c->arena, from->edges, from->edge_count) =
          (edge){.to = here ? first + s->st_shndx : -1,
                 .symbol = here ? NULL : names + s->st_name,
                 .offset = references[k].r_offset};
    }
  }
}

static int compare_symbols(const void *x, const void *y) {
  return strcmp(((const symbol *)x)->name, ((const symbol *)y)->name);
}

static int section_of(const code *c, const char *name) {
  symbol wanted = {.name = name};
  const symbol *found = bsearch(&wanted, c->symbols, (size_t)c->symbol_count, sizeof wanted,
                                compare_symbols);
  return found ? found->section : -1;
}

static void resolve(code *c) {
  qsort(c->symbols, (size_t)c->symbol_count, sizeof *c->symbols, compare_symbols);
  for (int i = 0; i < c->section_count; i++)
    for (int k = 0; k < c->sections[i].edge_count; k++) {
      edge *e = &c->sections[i].edges[k];
      if (e->symbol) e->to = section_of(c, e->symbol);
    }
}

/* The members of an archive; names beyond 15 characters stand in its member "//". */
static void read_archive(code *c, const char *path) {
  size_t size;
  const char *bytes = read_whole(c->arena, path, &size), *long_names = "";
  assert_memory_equal(bytes, "!<arch>\n", 8);
  for (size_t at = 8; at + 60 <= size;) {
    const char *header = bytes + at, *body = header + 60;
    size_t length = strtoull(header + 48, NULL, 10);
    if (header[0] == '/' && header[1] == '/') {
      long_names = body;
    } else if (header[0] != '/' || (header[1] >= '0' && header[1] <= '9')) {
      const char *name = header[0] == '/' ? long_names + strtoul(header + 1, NULL, 10) : header;
      char *copy = arena_alloc(c->arena, length + 8); /* aligned */
      memcpy(copy, body, length);
      read_object(c, arena_text_n(c->arena, name, strcspn(name, "/")), copy);
    }
    at += 60 + length + length % 2;
  }
}

/* ---- what a side reaches ------------------------------------------------------------------------ */

/* By section: the section from which it was reached, itself for a root; -1: not reached. Of
 * definitions of operators only one field is followed. */
static int *reach(const code *c, const char *const *roots, size_t field) {
  int *from = arena_array_of(c->arena, c->section_count, int), *open = NULL, count = 0;
  for (int i = 0; i < c->section_count; i++) from[i] = -1;
  for (int i = 0; roots[i]; i++) {
    int root = section_of(c, roots[i]);
    if (root < 0) fail_msg("there is no %s", roots[i]);
    from[root] = root;
    arena_push(c->arena, open, count) = root;
  }
  while (count > 0) {
    int at = open[--count];
    const section *s = &c->sections[at];
    for (int i = 0; i < s->edge_count; i++) {
      const edge *e = &s->edges[i];
      if (e->to < 0 || from[e->to] >= 0 || (s->is_definition && e->offset != field)) continue;
      from[e->to] = at;
      arena_push(c->arena, open, count) = e->to;
    }
  }
  return from;
}

static const char *const interpreter_roots[] = {"graph_eval", NULL};
static const char *const lowering_roots[] = {"lower_group", NULL};

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), end_length = strlen(end);
  return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* What both sides may stand on: memory, messages, and what reads a graph's types, attributes and lists
 * of axes. */
static bool is_common(const section *s) {
  static const char *const objects[] = {"arena.o", "diag.o", "type.o", "graph.o", "ops.o", "axes.o"};
  static const char *const tables[] = {".op_definitions", ".scalar_infos"};
  /* They say what attributes and shapes do: no element is computed or found by them. */
  static const char *const readers[][2] = {{"half.o", ".text.half_is"},
                                           {"window.o", ".text.axis_of"},
                                           {"gather.o", ".text.shape_around"}};
  for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
    if (strcmp(s->object, objects[i]) == 0) return true;
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    if (ends_with(s->name, tables[i])) return true;
  for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
    if (!strcmp(s->object, readers[i][0]) && !strcmp(s->name, readers[i][1]))
      return true;
  return s->is_definition || strstr(s->name, ".str1."); /* literals */
}

static const char *way_to(const code *c, const int *from, int at) {
  const char *text = c->sections[at].name;
  for (; from[at] != at; at = from[at])
    text = arena_printf(c->arena, "%s > %s", c->sections[from[at]].name, text);
  return text;
}

/* NULL, or what both sides reach, and how. */
static const char *shared_code(const code *c) {
  const int *interpreter = reach(c, interpreter_roots, offsetof(op_definition, eval));
  const int *lowering = reach(c, lowering_roots, offsetof(op_definition, lower));
  const char *text = NULL;
  for (int i = 0; i < c->section_count; i++)
    if (interpreter[i] >= 0 && lowering[i] >= 0 && !is_common(&c->sections[i]))
      text = arena_printf(c->arena, "%s%s in %s:\n  %s\n  %s\n", text ? text : "",
                          c->sections[i].name, c->sections[i].object, way_to(c, interpreter, i),
                          way_to(c, lowering, i));
  return text;
}

static code code_new(void) { return (code){.arena = arena_new()}; }

static const char *build_folder;

static code compiler_code(void) {
  code c = code_new();
  read_archive(&c, arena_printf(c.arena, "%s/libdnnc.a", build_folder));
  resolve(&c);
  return c;
}

static int count_reached(const code *c, const int *from, const char *end) {
  int count = 0;
  for (int i = 0; i < c->section_count; i++)
    count += from[i] >= 0 && strncmp(c->sections[i].name, ".text.", 6) == 0 &&
             ends_with(c->sections[i].name, end);
  return count;
}

/* Sanitizers give the functions of an object descriptors in common. */
static bool is_instrumented(void) {
#ifdef __SANITIZE_ADDRESS__
  print_message("skip: the compiler's objects are instrumented\n");
  return true;
#else
  return false;
#endif
}

static void they_share_nothing(void **state) {
  (void)state;
  if (is_instrumented()) skip();
  code c = compiler_code();
  const char *shared = shared_code(&c);
  if (shared) fail_msg("both sides reach\n%s", shared);
  arena_free(c.arena);
}

/* So that the walks are known to go where they should: through tables, static functions and fields. */
static void the_walks_reach_their_sides(void **state) {
  (void)state;
  code c = compiler_code();
  const int *interpreter = reach(&c, interpreter_roots, offsetof(op_definition, eval));
  const int *lowering = reach(&c, lowering_roots, offsetof(op_definition, lower));
  assert_true(count_reached(&c, interpreter, "_eval") > 10);
  assert_int_equal(count_reached(&c, lowering, "_eval"), 0);
  assert_true(count_reached(&c, lowering, "_element") > 3);
  static const char *const lowered[] = {"loop_op", "index_add", "lower_row", "math_function"};
  for (size_t i = 0; i < sizeof lowered / sizeof *lowered; i++) {
    assert_true(lowering[section_of(&c, lowered[i])] >= 0);
    assert_true(interpreter[section_of(&c, lowered[i])] < 0);
  }
  assert_true(interpreter[section_of(&c, "tensor_new")] >= 0);
  assert_true(lowering[section_of(&c, "tensor_new")] < 0);
  arena_free(c.arena);
}

/* ---- planted calls ------------------------------------------------------------------------------ */

typedef struct planted_case {
  const char *text;
  bool shared;
} planted_case;

static code compiled(const char *text) {
  code c = code_new();
  const char *base = arena_printf(c.arena, "%s/tests/separation", build_folder);
  const char *c_file = arena_printf(c.arena, "%s.c", base);
  const char *object = arena_printf(c.arena, "%s.o", base);
  FILE *f = fopen(c_file, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
  assert_int_equal(system(arena_printf(c.arena, "cc -O1 -ffunction-sections -fdata-sections -c -o "
                                                "%s %s", object, c_file)), 0);
  size_t size;
  read_object(&c, "planted.o", read_whole(c.arena, object, &size));
  resolve(&c);
  remove(c_file);
  remove(object);
  return c;
}

#define APART "__attribute__((noinline)) "
#define OPERATOR                                                                                   \
  "typedef struct { void *type, *grad; void (*eval)(void); void *lower; } op_definition;\n"        \
  "int value;\n"                                                                                   \
  "static " APART "void helper(void) { value++; }\n"

static void planted_calls_are_found(void **state) {
  (void)state;
  static const planted_case cases[] = {
      {"int x, y; void graph_eval(void) { x++; } void lower_group(void) { y++; }", false},
      /* a call, through a static function */
      {"int x, y; void lower_group(void) { y++; }\n"
       "static " APART "void between(void) { x++; lower_group(); x++; }\n"
       "void graph_eval(void) { between(); x++; }", true},
      {"int x, y; void graph_eval(void) { y++; }\n"
       "void lower_group(void) { graph_eval(); x++; }", true},
      /* a function of both */
      {"int x, y, z; " APART "void both(void) { z++; }\n"
       "void graph_eval(void) { both(); x++; } void lower_group(void) { both(); y++; }", true},
      /* the parts of an operator, each on its side */
      {OPERATOR "static void evaluate(void) { helper(); value++; }\n"
       "const op_definition op_X = {0, 0, evaluate, 0};\n"
       "const op_definition *const op_definitions[] = {&op_X};\n"
       "void graph_eval(void) { op_definitions[0]->eval(); }\n"
       "const void *lower_group(void) { return op_definitions[0]->lower; }", false},
      /* and one that reaches over */
      {OPERATOR "static void evaluate(void) { helper(); value++; }\n"
       "static void lowering(void) { helper(); value--; }\n"
       "const op_definition op_X = {0, 0, evaluate, (void *)lowering};\n"
       "const op_definition *const op_definitions[] = {&op_X};\n"
       "void graph_eval(void) { op_definitions[0]->eval(); }\n"
       "const void *lower_group(void) { return op_definitions[0]->lower; }", true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    code c = compiled(cases[i].text);
    const char *shared = shared_code(&c);
    if ((shared != NULL) != cases[i].shared)
      fail_msg("%s\n%s", cases[i].text, shared ? shared : "shares nothing");
    arena_free(c.arena);
  }
}

int main(int count, char **arguments) {
  (void)count;
  char *end = strstr(arguments[0], "/tests/");
  build_folder = end ? strndup(arguments[0], (size_t)(end - arguments[0])) : "build";
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(they_share_nothing),
      cmocka_unit_test(the_walks_reach_their_sides),
      cmocka_unit_test(planted_calls_are_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
