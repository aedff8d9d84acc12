#include "fault_case.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST_LINES = 14, FEW = 8, MANY = 200 };

/* ---- trees of files -------------------------------------------------------------------------- */

/* A file or (content NULL) a folder, by its path in the working folder. */
typedef struct item {
  const char *path;
  char *content;
  size_t bytes;
  mode_t mode;
} item;

typedef struct tree {
  item *items;
  int item_count;
} tree;

static char root[64];
static arena *memory;
static tree given;
static const char *folder, *compiled, *binaries, *library, *compiler;

static void add_file(arena *a, tree *t, const char *base, const char *path,
                     const struct stat *status) {
  FILE *in = fopen(arena_printf(a, "%s/%s", base, path), "rb");
  assert_non_null(in);
  item i = {.path = path, .bytes = (size_t)status->st_size, .mode = status->st_mode};
  i.content = arena_alloc(a, i.bytes + 1);
  assert_int_equal(fread(i.content, 1, i.bytes, in), i.bytes);
  fclose(in);
  arena_push(a, t->items, t->item_count) = i;
}

static int by_path(const void *x, const void *y) {
  return strcmp(((const item *)x)->path, ((const item *)y)->path);
}

static void add_folder(arena *a, tree *t, const char *base, const char *prefix) {
  DIR *listing = opendir(arena_printf(a, "%s/%s", base, prefix));
  assert_non_null(listing);
  for (struct dirent *e; (e = readdir(listing));) {
    if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
    const char *path = arena_printf(a, "%s%s", prefix, e->d_name);
    struct stat status;
    assert_int_equal(lstat(arena_printf(a, "%s/%s", base, path), &status), 0);
    if (!S_ISDIR(status.st_mode)) {
      add_file(a, t, base, path, &status);
      continue;
    }
    arena_push(a, t->items, t->item_count) = (item){.path = path};
    add_folder(a, t, base, arena_printf(a, "%s/", path));
  }
  closedir(listing);
}

static tree read_tree(arena *a, const char *base) {
  tree t = {0};
  add_folder(a, &t, base, "");
  if (t.item_count) qsort(t.items, (size_t)t.item_count, sizeof *t.items, by_path);
  return t;
}

static const item *find_item(const tree *t, const char *path) {
  for (int i = 0; i < t->item_count; i++)
    if (!strcmp(t->items[i].path, path)) return &t->items[i];
  return NULL;
}

static void remove_items(arena *a, const tree *t, const char *base) {
  for (int i = t->item_count; i-- > 0;)
    remove(arena_printf(a, "%s/%s", base, t->items[i].path));
}

static void write_item(arena *a, const item *i, const char *base) {
  const char *path = arena_printf(a, "%s/%s", base, i->path);
  if (!i->content) {
    assert_int_equal(mkdir(path, 0777), 0);
    return;
  }
  FILE *out = fopen(path, "wb");
  assert_non_null(out);
  assert_int_equal(fwrite(i->content, 1, i->bytes, out), i->bytes);
  assert_int_equal(fclose(out), 0);
  assert_int_equal(chmod(path, i->mode & 07777), 0);
}

/* The folder as every run finds it. */
static void restore(arena *a) {
  tree found = read_tree(a, folder);
  remove_items(a, &found, folder);
  for (int i = 0; i < given.item_count; i++) write_item(a, &given.items[i], folder);
}

/* The first difference, but for what stands in the results; NULL where there is none. */
static const char *difference(arena *a, const tree *expected, const tree *found,
                              const char *results) {
  for (int i = 0; i < found->item_count; i++) {
    const item *x = &found->items[i], *e = find_item(expected, x->path);
    if (results && !strncmp(x->path, results, strlen(results))) continue;
    if (!e) return arena_printf(a, "%s was left", x->path);
    if (e->bytes != x->bytes || (x->bytes && memcmp(e->content, x->content, x->bytes)))
      return arena_printf(a, "%s has changed", x->path);
  }
  for (int i = 0; i < expected->item_count; i++) {
    const char *path = expected->items[i].path;
    if (!find_item(found, path) && !(results && !strncmp(path, results, strlen(results))))
      return arena_printf(a, "%s is missing", path);
  }
  return NULL;
}

/* ---- the working folder ---------------------------------------------------------------------- */

const char *fault_case_folder(void) { return folder; }

static const char *find_binaries(void) {
  char self[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  assert_true(length > 0);
  self[length] = 0;
  for (int up = 0; up < 3; up++) *strrchr(self, '/') = 0; /* build/tests/hostile/test_… */
  return arena_text(memory, self);
}

int fault_case_set_up(void **state) {
  (void)state;
  memory = arena_new();
  given = (tree){0};
  binaries = find_binaries();
  library = arena_printf(memory, "%s/tests/libfault.so", binaries);
  strcpy(root, "/tmp/dnn-faults-XXXXXX");
  if (access(library, R_OK) || !mkdtemp(root)) return -1;
  folder = arena_printf(memory, "%s/work", root);
  compiled = arena_printf(memory, "%s/cc", root);
  char here[PATH_MAX];
  compiler = arena_printf(memory, "--cc=%s/tests/hostile/cc.sh", getcwd(here, sizeof here));
  setenv("CC_RESULTS", compiled, 1);
  return mkdir(folder, 0777) || mkdir(compiled, 0777);
}

const char *fault_case_cc(void) { return compiler; }

int fault_case_tear_down(void **state) {
  (void)state;
  tree left = read_tree(memory, root);
  remove_items(memory, &left, root);
  rmdir(root);
  arena_free(memory);
  return 0;
}

void fault_case_file(const char *name, const void *content, size_t bytes) {
  item i = {arena_text(memory, name), arena_alloc(memory, bytes + 1), bytes, 0755};
  memcpy(i.content, content, bytes);
  for (char *slash = strchr(i.path, '/'); slash; slash = strchr(slash + 1, '/')) {
    const char *parent = arena_text_n(memory, i.path, (size_t)(slash - i.path));
    if (!find_item(&given, parent))
      arena_push(memory, given.items, given.item_count) = (item){.path = parent};
  }
  arena_push(memory, given.items, given.item_count) = i;
  qsort(given.items, (size_t)given.item_count, sizeof i, by_path);
}

void fault_case_forget(const char *name) {
  for (int i = 0; i < given.item_count; i++)
    if (!strcmp(given.items[i].path, name)) {
      given.items[i] = given.items[--given.item_count];
      qsort(given.items, (size_t)given.item_count, sizeof *given.items, by_path);
      return;
    }
}

bool fault_case_is_as_given(void) {
  arena *a = arena_new();
  tree found = read_tree(a, folder);
  bool same = !difference(a, &given, &found, NULL);
  arena_free(a);
  return same;
}

void fault_case_restore(void) {
  arena *a = arena_new();
  restore(a);
  arena_free(a);
}

const char *fault_case_read(arena *a, const char *name, size_t *bytes) {
  tree found = read_tree(a, folder);
  const item *i = find_item(&found, name);
  if (!i) fail_msg("there is no %s", name);
  *bytes = i->bytes;
  return i->content;
}

/* ---- runs ------------------------------------------------------------------------------------ */

static faulty_outcome run(arena *a, const char *program, const char *const *arguments,
                          fault_kind kind, long number) {
  const char *line[32] = {arena_printf(a, "%s/%s", binaries, program)};
  for (int i = 0; arguments[i]; i++) line[i + 1] = arguments[i];
  return faulty_run(a, library, folder, line, kind, number);
}

faulty_outcome fault_case_plain(arena *a, const char *program, const char *const *arguments) {
  return run(a, program, arguments, FAULT_MEMORY, LONG_MAX);
}

faulty_outcome fault_case_shell(arena *a, const char *line) {
  setenv("DNNC", arena_printf(a, "%s/dnnc", binaries), 1);
  setenv("DNN", arena_printf(a, "%s/dnn", binaries), 1);
  return faulty_run(a, library, folder, (const char *[]){"/bin/sh", "-c", line, NULL}, FAULT_MEMORY,
                    LONG_MAX);
}

static int lines_of(const char *text) {
  int lines = 0;
  for (; (text = strchr(text, '\n')); text++) lines++;
  return lines;
}

/* What is wrong with how a run ended; NULL: nothing. */
static const char *fault_of_message(const faulty_outcome *o, fault_kind kind) {
  bool memory_out = kind == FAULT_MEMORY || strcmp(o->call, "mmap") == 0;
  if (o->status != (kind == FAULT_MEMORY ? 71 : 1) && !(memory_out && o->status == 71) &&
      !(memory_out && o->status == 1 && strstr(o->err, "cannot start threads")))
    return "the status is wrong";
  if (!strstr(o->err, "error: ") && !strstr(o->err, ": standard output: "))
    return "no error is shown";
  if (strstr(o->err, "internal error") || strstr(o->err, "Sanitizer") ||
      strstr(o->err, "runtime error"))
    return "the program is at fault";
  return lines_of(o->err) > MOST_LINES ? "the message is long" : NULL;
}

typedef struct reference {
  faulty_outcome outcome;
  tree before, after;
} reference;

static const char *check_outcome(arena *a, const fault_case *c, const faulty_outcome *o,
                                 fault_kind kind, const reference *r) {
  tree found = read_tree(a, folder);
  if (o->status) {
    const char *fault = fault_of_message(o, kind);
    return fault ? fault : difference(a, &r->before, &found, c->results);
  }
  if (!c->measures && strcmp(o->out, r->outcome.out)) return "something else was printed";
  return difference(a, &r->after, &found, c->results);
}

/* False where the fault did not happen. */
static bool try_fault(const fault_case *c, fault_kind kind, long number, const reference *r) {
  arena *a = arena_new();
  restore(a);
  faulty_outcome o = run(a, c->program, c->arguments, kind, number);
  if (!o.happened) { /* counts differ by a few where threads take part */
    arena_free(a);
    return false;
  }
  const char *fault = check_outcome(a, c, &o, kind, r);
  if (fault)
    fail_msg("%s %s: %s number %ld fails: %s (status %d)\n%s", c->program, c->arguments[0], o.call,
             number, fault, o.status, o.err);
  if (o.status && c->check) c->check(a, c);
  arena_free(a);
  return true;
}

void fault_case_run(const fault_case *c, fault_kind kind) {
  arena *a = arena_new();
  restore(a);
  reference r = {.before = read_tree(a, folder)};
  r.outcome = run(a, c->program, c->arguments, kind, LONG_MAX);
  if (kind == FAULT_MEMORY && r.outcome.status)
    fail_msg("%s %s fails by itself: %s", c->program, c->arguments[0], r.outcome.err);
  r.after = read_tree(a, folder);
  assert_true(r.outcome.count > 0);
  long most = !getenv("HOSTILE") ? FEW : c->every ? r.outcome.count : MANY;
  long step = (r.outcome.count + most - 1) / most;
  long tried = 0, happened = 0;
  for (long number = 1; number <= r.outcome.count; number += step, tried++)
    happened += try_fault(c, kind, number, &r);
  assert_true(10 * happened >= 9 * tried);
  arena_free(a);
}
