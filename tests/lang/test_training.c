/* Whether an entry trains follows from its text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../model_case.h"

static void test_training_follows_from_the_text(void **state) {
  (void)state;
  model *m = model_new("use optim\n"
                       "param w: f32 = 1\n"
                       "state n: f32 = 0\n"
                       "fn flag() { training ? 1.0 : 0.0 }\n"
                       "fn learn(loss) { minimize loss over w with sgd(0.1) }\n"
                       "f = flag\n"
                       "entry train() -> (y) { y = flag()\n learn(w * w) }\n"
                       "entry direct() -> (y) { y = flag()\n w <- w + 1.0 }\n"
                       "entry count() -> (y) { y = flag()\n n <- n + 1 }\n"
                       "entry plain() -> (y) { y = flag() }\n"
                       "entry kept[training = true]() -> (y) { y = flag() }\n"
                       "entry teacher[training = true]() -> (y) { y = f[training: false]() }\n", NULL);
  assert_true(model_real(m, "train", NULL) == 1);
  assert_true(model_real(m, "direct", NULL) == 1);
  assert_true(model_real(m, "count", NULL) == 0);
  assert_true(model_real(m, "plain", NULL) == 0);
  assert_true(model_real(m, "kept", NULL) == 1);
  assert_true(model_real(m, "teacher", NULL) == 0);
  model_free(m);
}

/* States that are tuples, their leaves, tuples and names that are like a param's elsewhere are none. */
static void test_what_looks_like_a_param_does_not_train(void **state) {
  (void)state;
  model *m = model_new("fn flag() { training ? 1.0 : 0.0 }\n"
                       "fn scale(x) { param w: f32[2] = 1; x * w }\n"
                       "fn held(x) { state v = zeros[2](); v <- v + x; v }\n"
                       "net = scale\n"
                       "box = held\n"
                       "state memory = (h: zeros[2](), n: 0)\n"
                       "entry leaf() -> (y) { y = flag(); memory.n <- memory.n + 1 }\n"
                       "entry part() -> (y) { y = flag(); memory.h[0] <- 1.0 }\n"
                       "entry whole() -> (y) { y = flag(); memory <- (h: ones[2](), n: 1) }\n"
                       "entry local() -> (y) { y = flag() + 0 * sum(net(ones[2]())); w = zeros[2](); w[0] <- 1.0; y = y + 0 * w[0] }\n"
                       "entry tuples() -> (y) { y = flag(); t = (h: zeros[2](), w: 1.0); t.h[0] <- 1.0; y = y + 0 * t.h[0] }\n"
                       "entry inner() -> (y) { y = flag() + 0 * sum(box(ones[2]())); box.v <- zeros[2]() }\n"
                       "entry weight() -> (y) { y = flag() + 0 * sum(net(ones[2]())); net.w <- zeros[2]() }\n"
                       "entry row() -> (y) { y = flag() + 0 * sum(net(ones[2]())); net.w[0] <- 0.0 }\n", NULL);
  static const char *const others[] = {"leaf", "part", "whole", "local", "tuples", "inner"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_true(model_real(m, others[i], NULL) == 0);
  assert_true(model_real(m, "weight", NULL) == 1);
  assert_true(model_real(m, "row", NULL) == 1);
  model_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_training_follows_from_the_text),
                                     cmocka_unit_test(test_what_looks_like_a_param_does_not_train)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
