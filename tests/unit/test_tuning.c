/* Files of tuning: what is printed parses back to the same, what is wrong in one is said with its line, and a choice is
 * taken by the kernel that it names, and by no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "build.h"
#include "text_stream.h"
#include "tuning.h"

static arena *memory;

static const source *source_of(const char *text) {
  source *s = arena_new_of(memory, source);
  *s = (source){.name = "net.tune", .text = text, .length = strlen(text)};
  return s;
}

static const char *errors_of(const diagnostics *d) {
  text_stream s;
  text_stream_open(&s, memory);
  diag_print(d, s.out);
  return text_stream_close(&s);
}

static const char *printed(const tuning *t) {
  text_stream s;
  text_stream_open(&s, memory);
  tuning_print(s.out, t);
  return text_stream_close(&s);
}

static tuning *parsed(const char *text) {
  diagnostics *d = diag_new(memory);
  tuning *t = tuning_parse(memory, d, source_of(text));
  if (!t) fail_msg("%s", errors_of(d));
  return t;
}

/* A product of f32[6, 40] and f32[40, 32]. */
static contraction product(void) {
  graph *g = graph_new(memory, NULL, "product");
  tensor_type x = type_of(DTYPE_F32, 2, (int64_t[]){6, 40}), w = type_of(DTYPE_F32, 2, (int64_t[]){40, 32});
  node *n = build_matmul(g, graph_add_input(g, "x", &x), graph_add_input(g, "w", &w));
  contraction c;
  contraction_of_node(memory, n, &c);
  contraction_operand_strided(&c.operands[0], NULL, 0, (int64_t[]){40, 1});
  contraction_operand_strided(&c.operands[1], NULL, 0, (int64_t[]){32, 1});
  c.operands[0].runs_alike = c.operands[1].runs_alike = 1;
  return c;
}

#define KERNEL "f32: m 6 by 32, n 32 by 1, k 40 summed; left: m of 6 by 40, k of 40 by 1; right: k of 40 by 32, n of 32 by 1"
#define CHOICE "8 lanes along n; tile m 3, n 2; left direct; right direct; right first"
#define LINE KERNEL " | " CHOICE " | 43.1 us | 41.2 us\n"
#define FILE_OF(lines) "dnnc tuning 1\n" lines

/* ---- texts ----------------------------------------------------------------------------------- */

static void kernels_have_texts(void **state) {
  (void)state;
  contraction c = product();
  assert_string_equal(contraction_text(memory, &c), KERNEL);
  c.epilogue_elements = 2.5;
  c.operands[1].runs_alike = 100;
  c.axes[0].bounded = true;
  assert_string_equal(contraction_text(memory, &c),
                      "f32: m up to 6 by 32, n 32 by 1, k 40 summed; left: m of 6 by 40, k of 40 by 1; right alike in "
                      "100 runs: k of 40 by 32, n of 32 by 1; 2.5 elements behind each sum");
  c = product();
  c.operands[0].runs_alike = 0;
  assert_non_null(strstr(contraction_text(memory, &c), "left never packed: m of 6"));
  c = product();
  contraction_coordinate *x = &c.operands[0].coordinates[1];
  x->steps[0] = 2;
  x->low = 1;
  x->dilation = 3;
  assert_string_equal(contraction_text(memory, &c),
                      "f32: m 6 by 32, n 32 by 1, k 40 summed; left: m of 6 by 40, (2m+k-1)/3 of 40 by 1; right: "
                      "k of 40 by 32, n of 32 by 1");
}

static void files_print_and_parse(void **state) {
  (void)state;
  const tuning *t = parsed("# of a machine\n\ndnnc tuning 1\r\n  x86-64-v3 |" LINE "# and of another\n"
                           "x86-64-v4\t| another kernel|scalars|1e3 us|0.25 us");
  assert_int_equal(t->count, 2);
  assert_string_equal(t->lines[0].kernel, KERNEL);
  assert_string_equal(t->lines[0].schedule, CHOICE);
  assert_true(t->lines[1].estimated_seconds == 1e3 * 1e-6 && t->lines[1].seconds == 0.25 * 1e-6);
  const char *text = printed(t);
  assert_string_equal(text, "dnnc tuning 1\n# processor | kernel | schedule | time of the estimated choice | time of this one\n"
                            "x86-64-v3 | " LINE "x86-64-v4 | another kernel | scalars | 1000 us | 0.25 us\n");
  assert_string_equal(printed(parsed(text)), text);
}

typedef struct mistake {
  const char *text, *place, *message;
} mistake;

static void mistakes_have_their_place(void **state) {
  (void)state;
  static const mistake mistakes[] = {
      {"", "error: net.tune", "is empty"},
      {"# nothing\n", "error: net.tune", "is empty"},
      {"\n use nn\n", "net.tune:2:2", "`dnnc tuning 1` was expected"},
      {"dnnc tuning 2\n", "net.tune:1:1", "`dnnc tuning 1` was expected"},
      {"\x7f" "ELF", "net.tune:1:1", "`dnnc tuning 1` was expected"},
      {FILE_OF("x86-64-v3 | " KERNEL "\n"), "net.tune:2:1", "2 fields between bars where 5 were expected"},
      {FILE_OF("x86-64-v3 | a | b | 1 us | 1 us | 1 us"), "net.tune:2:1", "6 fields"},
      {FILE_OF("x86-64-v9 | " LINE), "net.tune:2:1", "no processor is called `x86-64-v9`; known are x86-64, x86-64-v2"},
      {FILE_OF("native | " LINE), "net.tune:2:1", "no processor is called `native`"},
      {FILE_OF("x86-64-v3 | | b | 1 us | 1 us"), "net.tune:2:13", "a kernel was expected"},
      {FILE_OF("x86-64-v3 | a |  | 1 us | 1 us"), "net.tune:2:18", "a schedule was expected"},
      {FILE_OF("\nx86-64-v3 | a | b | 1 us | us"), "net.tune:3:28", "a time above 0 was expected"},
      {FILE_OF("x86-64-v3 | a | b | 0 us | 1 us"), "net.tune:2:21", "a time above 0"},
      {FILE_OF("x86-64-v3 | a | b | -1 us | 1 us"), "net.tune:2:21", "a time above 0"},
      {FILE_OF("x86-64-v3 | a | b | 1 ms | 1 us"), "net.tune:2:21", "a time above 0"},
      {FILE_OF("x86-64-v3 | a | b | nan us | 1 us"), "net.tune:2:21", "a time above 0"},
      {FILE_OF("x86-64-v3 | a | b | 1 us | 1e999 us"), "net.tune:2:28", "a time above 0"},
      {FILE_OF("x86-64-v3 | " LINE "x86-64-v4 | " LINE "x86-64-v3 | " LINE), "net.tune:4:1",
       "the kernel of line 2 a second time"},
  };
  for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
    const mistake *m = &mistakes[i];
    diagnostics *d = diag_new(memory);
    assert_null(tuning_parse(memory, d, source_of(m->text)));
    const char *said = errors_of(d);
    if (!strstr(said, m->message) || strncmp(said, m->place, strlen(m->place)) != 0)
      fail_msg("\"%s\" gives: %s", m->text, said);
    assert_int_equal(diag_count(d), 1);
  }
}

static void kernels_have_a_most(void **state) {
  (void)state;
  const char *text = "dnnc tuning 1\n";
  text_stream s;
  text_stream_open(&s, memory);
  fputs(text, s.out);
  for (int i = 0; i < 4097; i++) fprintf(s.out, "x86-64 | %d | scalars | 1 us | 1 us\n", i);
  diagnostics *d = diag_new(memory);
  assert_null(tuning_parse(memory, d, source_of(text_stream_close(&s))));
  assert_non_null(strstr(errors_of(d), "net.tune:4098:1: error: more than 4096 kernels"));
}

/* ---- choices --------------------------------------------------------------------------------- */

/* The schedule of the product on a processor, as a file says; NULL errors: there must be none. */
static contraction_schedule chosen(const char *text, const char *cpu, const char *error) {
  contraction c = product();
  diagnostics *d = diag_new(memory);
  const tuning *read = tuning_parse(memory, d, source_of(text));
  assert_non_null(read);
  target tuned = *target_find(memory, cpu);
  tuned.choices = &read->choices;
  contraction_schedule s = contraction_schedule_choose(&c, &tuned);
  const char *said = errors_of(d);
  if (error ? !strstr(said, error) : *said) fail_msg("%s", said);
  return s;
}

static const char *text_of(contraction_schedule s) {
  contraction c = product();
  return contraction_choice_text(memory, &c, &s);
}

static const char *estimated(const char *cpu) {
  contraction c = product();
  return text_of(contraction_schedule_find(&c, target_find(memory, cpu)));
}

static void the_named_kernel_takes_a_choice(void **state) {
  (void)state;
  assert_string_not_equal(estimated("x86-64-v3"), CHOICE);
  assert_string_equal(text_of(chosen(FILE_OF("x86-64-v3 | " LINE), "x86-64-v3", NULL)), CHOICE);
  assert_string_equal(text_of(chosen(FILE_OF("x86-64-v3 | " LINE), "x86-64-v2", NULL)), estimated("x86-64-v2"));
  assert_string_equal(text_of(chosen(FILE_OF("x86-64-v3 | other | " CHOICE " | 2 us | 1 us"), "x86-64-v3", NULL)),
                      estimated("x86-64-v3"));
}

static void what_is_no_choice_is_refused(void **state) {
  (void)state;
  static const mistake choices[] = {
      {"scalar", "", "a schedule of the kernel was expected"},
      {"8 lanes along q; left direct; right direct; left first", "", "a schedule of the kernel was expected"},
      {"99999999999 lanes along n; left direct; right direct; left first", "", "a schedule of the kernel was expected"},
      {"8 lanes along n; tile k 2; left direct; right direct; left first", "", "a schedule of the kernel was expected"},
      {"8 lanes along n; tile m 2, m 3; left direct; right direct; left first", "", "a schedule of the kernel"},
      {"8 lanes along n; left direct; right direct; both first", "", "a schedule of the kernel was expected"},
      {"8 lanes along n; left direct; right direct; left first!", "", "a schedule of the kernel was expected"},
      {"8 lanes along n; tile m 6, n 4; left direct; right direct; right first", "", "no schedule that can be chosen"},
      {"16 lanes along n; tile m 3, n 2; left direct; right direct; right first", "", "no schedule that can be chosen"},
      {"8 lanes along n; tile m 0; left direct; right direct; right first", "", "no schedule that can be chosen"},
      {"8 lanes along n; tile m 3, n 2; left packed; right direct; right first", "", "no schedule that can be chosen"},
      {"0 lanes along n; tile m 3, n 2; left direct; right direct; right first", "", "no schedule that can be chosen"},
  };
  for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
    const char *text = arena_printf(memory, FILE_OF("x86-64-v3 | " KERNEL " | %s | 2 us | 1 us\n"), choices[i].text);
    assert_string_equal(text_of(chosen(text, "x86-64-v3", choices[i].message)), estimated("x86-64-v3"));
  }
}

/* The column is that of the word that is not understood. */
static void refusals_have_their_place(void **state) {
  (void)state;
  chosen(FILE_OF("x86-64-v3|" KERNEL "|8 lanes along m; tile z 3; left direct; right direct; left first| 2 us | 1 us"),
         "x86-64-v3", arena_printf(memory, "net.tune:2:%zu: error", strlen("x86-64-v3|" KERNEL "|8 lanes along m; tile ") + 1));
}

static void notes(void **state) {
  (void)state;
  const char *const texts[] = {FILE_OF("x86-64-v3 | " LINE), FILE_OF("x86-64-v3 | " LINE "x86-64-v4 | " LINE),
                               FILE_OF("x86-64-v3 | a | b | 2 us | 1 us"), FILE_OF("")};
  const char *const expected[] = {NULL,
                                  "1 of 2 kernels were measured for another processor (x86-64-v4) than x86-64-v3, and are ignored",
                                  "none of its kernels occurs in this model", "none of its kernels occurs in this model"};
  for (int i = 0; i < 4; i++) {
    contraction c = product();
    const tuning *t = parsed(texts[i]);
    contraction_schedule s;
    t->choices.choose(t->choices.context, &c, target_find(memory, "x86-64-v3"), &s);
    const char *note = tuning_note(memory, t);
    if (expected[i]) assert_string_equal(note, expected[i]);
    else assert_null(note);
  }
}

static int set_up(void **state) {
  (void)state;
  memory = arena_new();
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  arena_free(memory);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kernels_have_texts),           cmocka_unit_test(files_print_and_parse),
      cmocka_unit_test(mistakes_have_their_place),    cmocka_unit_test(kernels_have_a_most),
      cmocka_unit_test(the_named_kernel_takes_a_choice), cmocka_unit_test(what_is_no_choice_is_refused),
      cmocka_unit_test(refusals_have_their_place),    cmocka_unit_test(notes)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
