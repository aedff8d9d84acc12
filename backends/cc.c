#include "cc.h"

#include "child.h"

typedef struct command {
  arena *arena;
  const char **arguments;
  int count;
} command;

static void add(command *c, const char *argument) {
  arena_push(c->arena, c->arguments, c->count) = argument;
}

static const char *const *compiler_command(arena *a, const cc_options *o, const char *output) {
  static const char *const always[] = {"-x", "c", "-std=c11", "-O2", "-ffp-contract=off",
                                       "-fno-math-errno", "-fno-ident", "-fPIC",
                                       "-fvisibility=hidden"};
  command c = {.arena = a};
  add(&c, o->program ? o->program : "cc");
  for (size_t i = 0; i < sizeof always / sizeof *always; i++) add(&c, always[i]);
  for (int i = 0; o->target->flags[i]; i++) add(&c, o->target->flags[i]);
  if (o->kind == CC_SHARED) {
    add(&c, "-DDNN_SHARED_LIBRARY");
    add(&c, "-shared");
    add(&c, "-Wl,--build-id=none");
  } else {
    add(&c, "-c");
  }
  add(&c, "-o");
  add(&c, output);
  add(&c, "-");
  add(&c, NULL);
  return c.arguments;
}

static bool archive(arena *a, diagnostics *d, const cc_options *o, const char *object,
                    const char *output) {
  const char *const arguments[] = {o->archiver ? o->archiver : "ar", "rcD", output, object, NULL};
  return child_run(a, d, arguments, "", NULL);
}

bool cc_compile(arena *a, diagnostics *d, const cc_options *options, const char *text,
                const char *output) {
  bool archived = options->kind == CC_ARCHIVE;
  const char *object = archived ? options->object : output;
  return child_run(a, d, compiler_command(a, options, object), text, NULL) &&
         (!archived || archive(a, d, options, object, output));
}
