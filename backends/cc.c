#include "cc.h"

#include <unistd.h>

#include "child.h"

typedef struct command {
  arena *arena;
  const char **arguments;
  int count;
} command;

static void add(command *c, const char *argument) {
  arena_push(c->arena, c->arguments, c->count) = argument;
}

static command new_command(arena *a, const cc_options *o) {
  command c = {.arena = a};
  add(&c, o->program ? o->program : "cc");
  return c;
}

/* Symbolic: the model's own functions, whatever the program that loads it has under their names. */
static void add_link(command *c) {
  add(c, "-shared");
  add(c, "-Wl,-Bsymbolic");
  add(c, "-Wl,--build-id=none");
}

/* Source text on the standard input to an object or, of a shared library that is one source, to that. */
static const char *const *compile_command(arena *a, const cc_options *o, bool linked, const char *output) {
  static const char *const always[] = {"-x", "c", "-std=c11", "-O2", "-ffp-contract=off",
                                       "-fno-math-errno", "-fno-ident", "-fPIC",
                                       "-fvisibility=hidden"};
  command c = new_command(a, o);
  for (size_t i = 0; i < sizeof always / sizeof *always; i++) add(&c, always[i]);
  for (int i = 0; o->target->flags[i]; i++) add(&c, o->target->flags[i]);
  if (o->kind == CC_SHARED) add(&c, "-DDNN_SHARED_LIBRARY");
  if (linked) add_link(&c);
  else add(&c, "-c");
  add(&c, "-o");
  add(&c, output);
  add(&c, "-");
  add(&c, NULL);
  return c.arguments;
}

static const char *const *link_command(arena *a, const cc_options *o, int count,
                                       const char *const *objects, const char *output) {
  command c = new_command(a, o);
  add_link(&c);
  add(&c, "-o");
  add(&c, output);
  for (int i = 0; i < count; i++) add(&c, objects[i]);
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
  return child_run(a, d, compile_command(a, options, options->kind == CC_SHARED, object), text, NULL) &&
         (!archived || archive(a, d, options, object, output));
}

static int processors(void) {
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count < 1 ? 1 : count < 64 ? (int)count : 64;
}

/* Starts the next where one was waited for, in their order; after an error, none. */
static bool compile_each(arena *a, diagnostics *d, const cc_options *options, int count,
                         const char *const *texts, const char *const *objects) {
  child **children = arena_array_of(a, count, child *);
  int started = 0, at_once = processors();
  bool good = true;
  for (int done = 0; done < count && (good || done < started); done++) {
    for (; good && started < count && started < done + at_once; started++) {
      const char *const *arguments = compile_command(a, options, false, objects[started]);
      children[started] = child_start(a, d, arguments, texts[started], NULL);
      if (!children[started]) good = false;
    }
    if (done < started && children[done] && !child_wait(children[done])) good = false;
  }
  return good;
}

bool cc_compile_parts(arena *a, diagnostics *d, const cc_options *options, int count,
                      const char *const *texts, const char *const *objects, const char *output) {
  return compile_each(a, d, options, count, texts, objects) &&
         child_run(a, d, link_command(a, options, count, objects, output), "", NULL);
}
