#include "tool_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "data.h"
#include "file.h"

static char folder[] = "/tmp/dnn-tool-case-XXXXXX";
static arena *memory;
static const char *binaries; /* build beside build/tests/…/ */

arena *tool_arena(void) { return memory; }

static const char *formatted(const char *format, va_list arguments) {
  char *text = NULL;
  assert_true(vasprintf(&text, format, arguments) >= 0);
  const char *kept = arena_text(memory, text);
  free(text);
  return kept;
}

const char *tool_path(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *name = formatted(format, arguments);
  va_end(arguments);
  return arena_printf(memory, "%s/%s", folder, name);
}

static const char *command_of(const char *program, const char *arguments) {
  return arena_printf(memory, "cd %s && exec %s/%s %s 2>&1", folder, binaries, program, arguments);
}

const char *tool_command(const char *arguments) { return command_of("dnn", arguments); }

const char *tool_binaries(void) { return binaries; }

const char *tool_program(const char *name) { return arena_printf(memory, "%s/%s", binaries, name); }

/* What a line of the shell prints, and its status as popen gives it. */
static const char *output_of(const char *command, int *status) {
  char line[4096];
  const char *text = "";
  FILE *pipe = popen(command, "r");
  assert_non_null(pipe);
  while (fgets(line, sizeof line, pipe)) text = arena_printf(memory, "%s%s", text, line);
  *status = pclose(pipe);
  return text;
}

static const char *expect(const char *program, int status, const char *arguments) {
  int ended;
  const char *text = output_of(command_of(program, arguments), &ended);
  if (!WIFEXITED(ended) || WEXITSTATUS(ended) != status)
    fail_msg("%s %s: status %d, not %d: %s", program, arguments, WEXITSTATUS(ended), status, text);
  return text;
}

const char *tool_shell(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *command = formatted(format, arguments);
  va_end(arguments);
  int status;
  const char *text = output_of(command, &status);
  if (status) fail_msg("%s: %s", command, text);
  return text;
}

const char *tool_expect(int status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *text = expect("dnn", status, formatted(format, arguments));
  va_end(arguments);
  return text;
}

const char *tool_compile(int status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *text = expect("dnnc", status, formatted(format, arguments));
  va_end(arguments);
  return text;
}

static void make_folder_of(const char *path) {
  const char *error = NULL;
  const char *above = arena_text_n(memory, path, (size_t)(strrchr(path, '/') - path));
  if (!folder_make(memory, above, &error)) fail_msg("%s", error);
}

void tool_copy(const char *from, const char *name) {
  const char *error = NULL, *path = tool_path("%s", name);
  size_t bytes;
  char *text = file_read(memory, from, &bytes, &error);
  if (!text) fail_msg("%s", error);
  make_folder_of(path);
  assert_true(file_replace(memory, path, 1, &(file_part){text, bytes}, &error));
}

void tool_points(const char *name, int64_t rows, int64_t columns) {
  const char *error = NULL, *path = tool_path("%s", name);
  array x = {.element = DTYPE_F32, .rank = 2, .extents = {rows, columns}};
  float *numbers = arena_array_of(memory, rows * columns, float);
  x.data = numbers;
  for (int64_t i = 0; i < rows * columns; i++)
    numbers[i] = (float)((i * 7919) % 1009) / 1009;
  make_folder_of(path);
  if (!npy_write(memory, path, &x, &error)) fail_msg("%s", error);
}

static char *read_file(const char *name, size_t *bytes) {
  const char *error = NULL;
  char *text = file_read(memory, tool_path("%s", name), bytes, &error);
  if (!text) fail_msg("%s", error);
  return text;
}

void tool_expect_same(const char *one, const char *other) {
  size_t bytes, other_bytes;
  const char *text = read_file(one, &bytes), *other_text = read_file(other, &other_bytes);
  if (bytes != other_bytes || memcmp(text, other_text, bytes))
    fail_msg("%s and %s differ", one, other);
}

int tool_set_up(void **state) {
  (void)state;
  char self[4000];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length < 0) return -1;
  self[length] = 0;
  for (int up = 0; up < 3; up++) *strrchr(self, '/') = 0;
  memory = arena_new();
  binaries = arena_text(memory, self);
  return !access(arena_printf(memory, "%s/dnn", binaries), X_OK) && mkdtemp(folder) ? 0 : -1;
}

int tool_tear_down(void **state) {
  (void)state;
  int status = getenv("KEEP") ? 0 : system(arena_printf(memory, "rm -r %s", folder));
  arena_free(memory);
  return status;
}
