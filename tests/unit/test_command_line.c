/* The command lines of dnn and dnnc: what --help says of options stands in the man pages and is completed
 * by bash, zsh and fish, and the other way round; exit statuses; colours. */
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "file.h"
#include "tool_case.h"

typedef struct words {
  const char **items;
  int count;
} words;

static bool holds(const words *w, const char *word) {
  for (int i = 0; i < w->count; i++)
    if (!strcmp(w->items[i], word)) return true;
  return false;
}

static void add(words *w, const char *word, size_t length) {
  const char *copy = arena_text_n(tool_arena(), word, length);
  if (length && !holds(w, copy)) arena_push(tool_arena(), w->items, w->count) = copy;
}

static void expect_same(const char *what, const words *help, const char *where, const words *other) {
  for (int i = 0; i < help->count; i++)
    if (!holds(other, help->items[i])) fail_msg("%s: %s is not in %s", what, help->items[i], where);
  for (int i = 0; i < other->count; i++)
    if (!holds(help, other->items[i])) fail_msg("%s: %s has %s, --help has not", what, where, other->items[i]);
}

/* The words of a text that a function chooses from each of its lines. */
typedef void choice(words *w, const char *line);

static words words_of(const char *text, choice *choose) {
  words w = {0};
  for (const char *line = text; *line; line += *line == '\n') {
    size_t length = strcspn(line, "\n");
    choose(&w, arena_text_n(tool_arena(), line, length));
    line += length;
  }
  return w;
}

/* ---- help ------------------------------------------------------------------------------------ */

enum { COMMANDS = 8 };
static const char *const commands[COMMANDS] = {"train", "run", "check", "export", "info", "bench", "profile", ""}; /* "": dnnc */

static const char *program_of(const char *command) { return *command ? "dnn" : "dnnc"; }

static const char *help_of(const char *command) {
  return *command ? tool_expect(0, "%s --help", command) : tool_compile(0, "--help");
}

/* "  -o, --out=FOLDER   …" gives -o and --out. */
static void choose_option(words *w, const char *line) {
  size_t blanks = strspn(line, " ");
  if (blanks < 2 || blanks > 6 || line[blanks] != '-') return;
  line += blanks;
  size_t length = strcspn(line, " =,");
  add(w, line, length);
  if (line[length] == ',') add(w, line + length + 2, strcspn(line + length + 2, " ="));
}

static words help_options(const char *command) { return words_of(help_of(command), choose_option); }

/* "  train   follow …" */
static void choose_command(words *w, const char *line) {
  size_t length = strspn(line + strspn(line, " "), "abcdefghijklmnopqrstuvwxyz");
  if (strspn(line, " ") == 2 && !strncmp(line + 2 + length, "  ", 2)) add(w, line + 2, length);
}

static void helps_name_every_command(void **state) {
  (void)state;
  words found = words_of(tool_expect(0, "--help"), choose_command), known = {0};
  for (int i = 0; *commands[i]; i++) add(&known, commands[i], strlen(commands[i]));
  expect_same("dnn", &found, "this test", &known);
}

/* The lines below "examples:" are right but for the files, which are not there. */
static void examples_are_right(void **state) {
  (void)state;
  for (int i = 0; i < COMMANDS; i++) {
    const char *at = strstr(help_of(commands[i]), "examples:\n");
    if (!at) fail_msg("%s has no examples", commands[i]);
    int examples = 0;
    for (at = strchr(at, '\n') + 1; *at == ' '; at += strcspn(at, "\n") + 1) {
      const char *line = arena_text_n(tool_arena(), at, strcspn(at, "\n"));
      if (line[strlen(line) - 1] == '\\') { /* it goes on in the next line */
        at += strlen(line) + 1;
        line = arena_printf(tool_arena(), "%.*s%.*s", (int)strlen(line) - 1, line,
                            (int)strcspn(at, "\n"), at);
      }
      char *comment = strstr(line + 2, "    ");
      if (comment && comment[4] != '-') *comment = 0;
      const char *arguments = strchr(line + 2, ' ') + 1;
      const char *text = *commands[i] ? tool_expect(1, "%s", arguments) : tool_compile(1, "%s", arguments);
      assert_non_null(strstr(text, "No such file"));
      examples++;
    }
    assert_true(examples >= 2);
  }
}

/* ---- man pages ------------------------------------------------------------------------------- */

/* ".It Fl o , Fl -out Ns = Ns Ar folder" gives -o and --out. */
static void choose_item(words *w, const char *line) {
  if (strncmp(line, ".It Fl ", 7)) return;
  for (const char *at = line; (at = strstr(at, " Fl ")); at += 4)
    add(w, arena_printf(tool_arena(), "-%.*s", (int)strcspn(at + 4, " "), at + 4), 1 + strcspn(at + 4, " "));
}

static const char *man_page(const char *program) {
  const char *error = NULL;
  size_t bytes;
  const char *text = file_read(tool_arena(), arena_printf(tool_arena(), "docs/man/%s.1", program), &bytes, &error);
  if (!text) fail_msg("%s", error);
  return text;
}

/* The part of a page from a heading to the next one. */
static const char *section(const char *page, const char *heading) {
  const char *begin = strstr(page, heading);
  if (!begin) fail_msg("no section %s", heading);
  begin += strlen(heading);
  const char *end = begin;
  while (*end && strncmp(end, "\n.Sh ", 5) && strncmp(end, "\n.Ss ", 5)) end++;
  return arena_printf(tool_arena(), "%.*s\n", (int)(end - begin), begin);
}

static void man_pages_have_every_option(void **state) {
  (void)state;
  for (int i = 0; i < COMMANDS; i++) {
    const char *page = man_page(program_of(commands[i])), *text = page;
    if (*commands[i])
      text = arena_printf(tool_arena(), "%s%s", section(page, ".Ss Options of every command\n"),
                          section(page, arena_printf(tool_arena(), ".Ss dnn %s\n", commands[i])));
    words help = help_options(commands[i]), man = words_of(text, choose_item);
    assert_true(help.count > 4);
    expect_same(commands[i], &help, "the man page", &man);
  }
}

static void man_pages_are_well_formed(void **state) {
  (void)state;
  tool_shell("mandoc -T lint -W warning docs/man/dnn.1 docs/man/dnnc.1 2>&1");
  assert_non_null(strstr(tool_shell("mandoc -T markdown docs/man/dnn.1"), "checkpoint.safetensors"));
}

/* Both programs say in help and man page what their statuses are. */
static void statuses_are_documented(void **state) {
  (void)state;
  static const char *const numbers[] = {"0", "1", "2", "70", "71", "130"};
  for (int i = 0; i < 6; i++) {
    bool of_both = i < 5;
    for (int p = 0; p < 1 + of_both; p++) {
      const char *text = section(man_page(p ? "dnnc" : "dnn"), ".Sh EXIT STATUS\n");
      const char *item = arena_printf(tool_arena(), "\n.It %s\n", numbers[i]);
      const char *help = strstr(p ? tool_compile(0, "--help") : tool_expect(0, "--help"), "Exit status:");
      if (!strstr(text, item) || !help || !strstr(help, arena_printf(tool_arena(), " %s ", numbers[i])))
        if (!help || !strstr(help, arena_printf(tool_arena(), "\n%s ", numbers[i])))
          fail_msg("status %s is not documented", numbers[i]);
    }
  }
}

/* ---- completion ------------------------------------------------------------------------------ */

/* The first word of a line, without what follows "=" or ":". */
static void choose_first(words *w, const char *line) { add(w, line, strcspn(line, "=:\t ")); }

static words bash_completes(const char *line) {
  return words_of(tool_shell("bash -c 'source tools/completion/dnn.bash; COMP_WORDS=(%s); "
                             "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _dnn ${COMP_WORDS[0]}; "
                             "printf \"%%s\\n\" \"${COMPREPLY[@]}\"'", line), choose_first);
}

/* What its functions for lists, which work inside an editor only, are given. */
static words zsh_completes(const char *line) {
  return words_of(tool_shell("zsh -f -c 'words=(); source tools/completion/_dnn; words=(%s); "
                             "CURRENT=$#words; _describe() { print -l -- ${(P)2}; }; "
                             "compadd() { print -l -- $@ }; _files() { print files; }; "
                             "compset() { }; _dnn'", line), choose_first);
}

static words fish_completes(const char *line) {
  return words_of(tool_shell("HOME=%s PATH=\"%s:$PATH\" fish --no-config -c "
                             "'source tools/completion/dnn.fish; complete -C \"%s\"' 2>/dev/null",
                             tool_path("."), tool_binaries(), line), choose_first);
}

static words only_long(const words *w) {
  words result = {0};
  for (int i = 0; i < w->count; i++)
    if (!strncmp(w->items[i], "--", 2)) add(&result, w->items[i], strlen(w->items[i]));
  return result;
}

static void options_are_completed(void **state) {
  (void)state;
  for (int i = 0; i < COMMANDS; i++) {
    const char *command = commands[i], *program = program_of(command);
    const char *line = arena_printf(tool_arena(), "%s %s -", tool_program(program), command);
    words help = help_options(command), found = bash_completes(line);
    expect_same(command, &help, "bash", &found);
    found = zsh_completes(line);
    expect_same(command, &help, "zsh", &found);
    words longs = only_long(&help);
    found = fish_completes(arena_printf(tool_arena(), "%s %s --", program, command));
    expect_same(command, &longs, "fish", &found);
  }
}

static void commands_are_completed(void **state) {
  (void)state;
  words known = {0}, found = bash_completes(arena_printf(tool_arena(), "%s \"\"", tool_program("dnn")));
  for (int i = 0; *commands[i]; i++) add(&known, commands[i], strlen(commands[i]));
  words shown = fish_completes("dnn ");
  expect_same("dnn", &known, "fish", &shown);
  add(&known, "--help", 6);
  add(&known, "--version", 9);
  expect_same("dnn", &known, "bash", &found);
  found = zsh_completes(arena_printf(tool_arena(), "%s \"\"", tool_program("dnn")));
  expect_same("dnn", &known, "zsh", &found);
}

/* What is offered as an argument is taken, and what is said to be one is offered. */
static void arguments_are_completed(void **state) {
  (void)state;
  tool_copy("tests/unit/tasks/phases.dnn", "phases.dnn");
  static const char *const options[] = {"emit", "target-cpu", "real", "color"};
  for (int i = 0; i < 4; i++) {
    words found = bash_completes(arena_printf(tool_arena(), "%s --%s = \"\"", tool_program("dnnc"), options[i]));
    words other = zsh_completes(arena_printf(tool_arena(), "%s --%s \"\"", tool_program("dnnc"), options[i]));
    words third = fish_completes(arena_printf(tool_arena(), "dnnc --%s ", options[i]));
    assert_true(found.count >= 2);
    expect_same(options[i], &found, "zsh", &other);
    expect_same(options[i], &found, "fish", &third);
    for (int k = 0; k < found.count; k++)
      tool_compile(0, "phases.dnn --%s=%s%s", options[i], found.items[k], i ? " -o phases.c" : "");
  }
  words clocks = bash_completes(arena_printf(tool_arena(), "%s bench --clock = \"\"", tool_program("dnn")));
  words other = zsh_completes(arena_printf(tool_arena(), "%s bench --clock \"\"", tool_program("dnn")));
  words third = fish_completes("dnn bench --clock ");
  assert_int_equal(clocks.count, 2);
  expect_same("clock", &clocks, "zsh", &other);
  expect_same("clock", &clocks, "fish", &third);
  words stages = bash_completes(arena_printf(tool_arena(), "%s --emit = \"\"", tool_program("dnnc")));
  const char *passes = strstr(help_of(""), "(PASS: ") + 7, *list = strstr(help_of(""), "print instead: ") + 15;
  int said = 0;
  for (; *passes != ')'; passes += strspn(passes, ", \n"), said += 2) {
    size_t length = strcspn(passes, ",)");
    assert_true(holds(&stages, arena_printf(tool_arena(), "graph@%.*s", (int)length, passes)));
    assert_true(holds(&stages, arena_printf(tool_arena(), "dot@%.*s", (int)length, passes)));
    passes += length;
  }
  for (; *list != '('; list += strspn(list, ", \n"), said++) {
    size_t length = strcspn(list, ", \n");
    const char *stage = arena_text_n(tool_arena(), list, length);
    assert_true(strstr(stage, "@PASS") || holds(&stages, stage));
    list += length;
  }
  assert_int_equal(said, stages.count + 2);
}

/* ---- statuses -------------------------------------------------------------------------------- */

static void statuses_are_as_documented(void **state) {
  (void)state;
  tool_copy("tests/unit/tasks/phases.dnn", "phases.dnn");
  tool_points("points/x.npy", 70, 3);
  tool_expect(0, "info phases.dnn");
  tool_expect(1, "info missing.dnn");
  tool_expect(2, "info");
  tool_compile(0, "phases.dnn -o phases.c");
  tool_compile(1, "missing.dnn");
  tool_compile(2, "phases.dnn --color=blue");
  tool_expect(2, "info phases.dnn --color=blue");
  static const char *const full[] = {"dnn --help", "dnn --version", "dnn train --help", "dnn info phases.dnn",
                                     "dnnc --help", "dnnc --version", "dnnc --emit=c phases.dnn",
                                     "dnnc --memory phases.dnn"};
  for (int i = 0; i < 8; i++) {
    const char *program = arena_text_n(tool_arena(), full[i], strcspn(full[i], " "));
    const char *text = tool_shell("cd %s; { %s%s >/dev/full; } 2>&1; [ $? = 1 ]", tool_path("."),
                                  tool_program(program), full[i] + strlen(program));
    assert_non_null(strstr(text, "standard output: No space left"));
  }
}

/* A signal ends a training with 130 and a checkpoint. */
static void an_interrupted_training(void **state) {
  (void)state;
  const char *text = tool_shell(
      "cd %s; %s train phases.dnn --data . --epochs 100000 --out long >log 2>&1 & pid=$!; cd %s; "
      "until grep -q 'epoch 2/' log || ! kill -0 $pid; do sleep 0.05; done; kill -TERM $pid; "
      "wait $pid; echo $?; cat log", tool_path("."), tool_program("dnn"), tool_path("."));
  if (strncmp(text, "130\n", 4) || !strstr(text, "dnn: interrupted at step"))
    fail_msg("%s", text);
  assert_true(file_exists(tool_path("long/checkpoint.safetensors")));
}

/* As a shell's & and nohup have it. */
static void ignored_signals_stay_ignored(void **state) {
  (void)state;
  tool_shell("cd %s; (trap '' INT HUP; exec %s train phases.dnn --data . --epochs 300 --out ignoring >ignoring.log 2>&1) & pid=$!; cd %s; "
             "until grep -qs 'epoch 2/' ignoring.log || ! kill -0 $pid; do sleep 0.05; done; kill -INT $pid; kill -HUP $pid; "
             "wait $pid || { cat ignoring.log; exit 1; }", tool_path("."), tool_program("dnn"), tool_path("."));
}

/* What is printed goes into no file that was opened since. */
static void a_closed_output(void **state) {
  (void)state;
  const char *text = tool_shell("cd %s; %s train phases.dnn --data . --epochs 1 --out closed 2>&1 >&-; echo $?; wc -c <closed/lock",
                                tool_path("."), tool_program("dnn"));
  if (!strstr(text, "dnn: standard output: ") || !strstr(text, "\n1\n0\n")) fail_msg("%s", text);
}

/* A training that failed at once leaves none of those before it. */
static void what_is_overwritten_is_gone(void **state) {
  (void)state;
  tool_shell("cd %s; sed 's/^task fit/task bad { points = data(\"points\", all: (x: npy(\"x.npy\"))); run(train(points.all, rate: nan), "
             "epochs: 3) }\\n&/' phases.dnn >bad_rate.dnn", tool_path("."));
  tool_expect(0, "train phases.dnn --data . --epochs 1 --out over");
  tool_expect(1, "train bad_rate.dnn --data . --task bad --out over --overwrite");
  assert_false(file_exists(tool_path("over/checkpoint.safetensors")));
  const char *text = tool_expect(0, "train phases.dnn --data . --epochs 1 --out over --resume");
  assert_non_null(strstr(text, "over holds no checkpoint yet: the training begins\n"));
}

/* ---- colours --------------------------------------------------------------------------------- */

/* What a program writes to a terminal. */
static const char *on_terminal(const char *line) {
  int terminal;
  pid_t child = forkpty(&terminal, NULL, NULL, NULL);
  assert_true(child >= 0);
  if (!child) {
    execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    _exit(127);
  }
  char part[4096];
  const char *text = "";
  for (ssize_t n; (n = read(terminal, part, sizeof part)) > 0;)
    text = arena_printf(tool_arena(), "%s%.*s", text, (int)n, part);
  close(terminal);
  assert_int_equal(waitpid(child, NULL, 0), child);
  return text;
}

static void expect_colours(bool expected, const char *variables, const char *command, bool terminal) {
  const char *line = arena_printf(tool_arena(), "cd %s; env -u NO_COLOR TERM=xterm %s %s 2>&1; exit 0",
                                  tool_path("."), variables, command);
  const char *text = terminal ? on_terminal(line) : tool_shell("%s", line);
  if (!strstr(text, "error:")) fail_msg("no error of %s: %s", command, text);
  if (!strchr(text, 033) == expected) fail_msg("%s %s: %s", variables, command, text);
}

static void colours_are_for_terminals(void **state) {
  (void)state;
  const char *error = NULL;
  const file_part bad = {"entry e(x: f32[3]) -> (y) { y = x + z }\n", 40};
  assert_true(file_replace(tool_arena(), tool_path("bad.dnn"), 1, &bad, &error));
  const char *const lines[] = {arena_printf(tool_arena(), "%s bad.dnn", tool_program("dnnc")),
                               arena_printf(tool_arena(), "%s info bad.dnn", tool_program("dnn")),
                               arena_printf(tool_arena(), "%s info missing.so", tool_program("dnn"))};
  for (int i = 0; i < 3; i++) {
    const char *never = arena_printf(tool_arena(), "%s --color=never", lines[i]);
    const char *always = arena_printf(tool_arena(), "%s --color=always", lines[i]);
    expect_colours(true, "", lines[i], true);
    expect_colours(true, "NO_COLOR=", lines[i], true);
    expect_colours(false, "NO_COLOR=1", lines[i], true);
    expect_colours(false, "TERM=dumb", lines[i], true);
    expect_colours(false, "", never, true);
    expect_colours(false, "", lines[i], false);
    expect_colours(true, "NO_COLOR=1", always, false);
  }
  const char *text = tool_shell("cd %s; %s --color=always 2>&1; exit 0", tool_path("."), lines[0]);
  assert_string_equal(text, "\033[1mbad.dnn:1:37:\033[0m \033[1;31merror:\033[0m there is no name `z`\n"
                            "    entry e(x: f32[3]) -> (y) { y = x + z }\n"
                            "                                        \033[1;31m^\033[0m\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(helps_name_every_command),
      cmocka_unit_test(examples_are_right),
      cmocka_unit_test(man_pages_have_every_option),
      cmocka_unit_test(man_pages_are_well_formed),
      cmocka_unit_test(statuses_are_documented),
      cmocka_unit_test(options_are_completed),
      cmocka_unit_test(commands_are_completed),
      cmocka_unit_test(arguments_are_completed),
      cmocka_unit_test(statuses_are_as_documented),
      cmocka_unit_test(an_interrupted_training),
      cmocka_unit_test(ignored_signals_stay_ignored),
      cmocka_unit_test(a_closed_output),
      cmocka_unit_test(what_is_overwritten_is_gone),
      cmocka_unit_test(colours_are_for_terminals),
  };
  return cmocka_run_group_tests_name("command line", tests, tool_set_up, tool_tear_down);
}
