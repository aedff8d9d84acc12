# make          build/dnnc, build/dnn, build/libdnnrt.a, build/libdnntool.a
# make demo     train LeNet-5 on Fashion-MNIST
# make fuzz     random programs, N=… of them from seed SEED=…
# make check    build and run every test; with SANITIZE=1 under gcc's sanitizers, with HOSTILE=1 so and
#               with each allocation a block of its own, heap memory filled with garbage, and every
#               fault of tests/hostile; each in a folder of its own
# make install  below PREFIX=/usr/local: programs, runtime, library of the language, man pages, completion;
#               make uninstall removes them. DESTDIR=… stands before each path
# make bench    measures beside peers, WORK=… of them; docs/bench.md. make bench-peers installs the peers
# make fuzzers  build/fuzz/fuzz_NAME for every target of tests/fuzz_targets.c, by clang and libFuzzer

ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
# A section for each function and table: tests/unit/test_separation.c walks from one to the next.
SECTIONS := -ffunction-sections -fdata-sections
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(SECTIONS) -MMD -MP -I. -Icompiler -Idsl -Igrammar -Ibackends -Iruntime -Itools -I$(B)
B := build

ifneq ($(filter 1,$(SANITIZE) $(HOSTILE)),)
B := build/sanitize
CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
export LSAN_OPTIONS ?= suppressions=$(CURDIR)/tests/leaks.txt:print_suppressions=0
endif
ifeq ($(FUZZERS),1)
B := build/fuzz
CC := clang
CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined
CFLAGS += -fno-sanitize-recover=all -DARENA_BLOCK_BYTES=0 -DELABORATOR_WORK=20000 -Wno-error
endif
ifeq ($(HOSTILE),1)
B := build/hostile
CFLAGS += -DARENA_BLOCK_BYTES=0
export HOSTILE
export ASAN_OPTIONS ?= max_malloc_fill_size=2147483647:max_free_fill_size=2147483647
endif

COMPILER_SOURCES := $(filter-out compiler/main.c,$(wildcard compiler/*.c compiler/ops/*.c dsl/*.c grammar/*.c backends/*.c))
COMPILER_OBJECTS := $(COMPILER_SOURCES:%.c=$(B)/%.o) $(B)/grammar/dnn.tab.o $(B)/grammar/dnn.lex.o $(B)/std_text.o $(B)/dnn_abi_text.o
RUNTIME_OBJECTS  := $(patsubst %.c,$(B)/%.o,$(filter-out runtime/safetensors.c,$(wildcard runtime/*.c)))
TOOL_OBJECTS     := $(patsubst %.c,$(B)/%.o,$(filter-out tools/dnn.c,$(wildcard tools/*.c)) runtime/safetensors.c)
PROGRAMS         := $(B)/dnnc $(B)/dnn

TEST_SOURCES     := $(wildcard tests/*/test_*.c)
TESTS            := $(TEST_SOURCES:%.c=$(B)/%)
TOOL_LIBRARIES   := -lcjson -lcairo -lz -llzma -lzip -lcsv -lpng -ljpeg

BENCHES          := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/bench_*.c)) # made by name
MUTATIONS        := $(wildcard tests/diff/mutations/*.sed)
MUTANTS          := $(foreach kind,graphs programs,$(MUTATIONS:tests/diff/mutations/%.sed=$(B)/mutants/%-$(kind)))
TEST_OBJECTS     := $(patsubst %.c,$(B)/%.o,$(wildcard tests/*.c))
JOBS             ?= 2

# The benchmark's libraries of C: its own, and one for each peer that is installed.
MEASURE          := $(B)/tests/bench/libmeasure.so
peer_header       = $(shell $(CC) -E -include $1 -x c /dev/null >/dev/null 2>&1 && echo yes)
PEER_LIBRARIES    = $(if $(call peer_header,cblas.h),$(if $(call peer_header,openblas_config.h),openblas)) \
                    $(if $(call peer_header,dnnl.h),onednn)
PEERS            ?= build/peers
BENCH_PYTHON      = $(if $(wildcard $(PEERS)/bin/python),$(PEERS)/bin/python,python3)

FUZZ_TARGETS     := $(shell grep -o '{"[a-z]*", run_' tests/fuzz_targets.c | tr -d '{",' | sed 's/ run_//')

.PHONY: all demo check tests fuzz fuzzers bench bench-peers clean install-missing install uninstall
all: $(PROGRAMS) $(B)/libdnnc.a $(B)/libdnnrt.a $(B)/libdnntool.a

install-missing:
	@tools/install-missing.sh

demo: install-missing
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@mkdir -p $(B)/demo
	$(B)/dnnc models/convnets/lenet5.dnn -o $(B)/demo/lenet5.so
	$(B)/dnn train models/convnets/lenet5.dnn --out $(B)/demo --overwrite

# Under B=… and with other CFLAGS (sanitizers) the tests run as well.
check: install-missing
	@$(MAKE) --no-print-directory -j$(JOBS) all tests
	@JOBS=$(JOBS) tests/run.sh $(B)/tests/logs $(TESTS)
tests: $(TESTS) $(MUTANTS) $(B)/tests/libfault.so $(MEASURE)

# N random programs from seed SEED on, in JOBS processes; what fails is reduced and shown.
N    ?= 1000
SEED ?= 0
fuzz: $(B)/tests/diff/test_random_programs
	FUZZ_N=$(N) FUZZ_FIRST=$(SEED) FUZZ_JOBS=$(JOBS) FUZZ_REPORT=1 $<

fuzzers: install-missing
	@$(MAKE) --no-print-directory -j$(JOBS) FUZZERS=1 $(FUZZ_TARGETS:%=build/fuzz/fuzz_%)
$(FUZZ_TARGETS:%=$(B)/fuzz_%): $(B)/fuzz_%: tests/fuzz/fuzzer.c $(B)/tests/libtests.a $(B)/libdnntool.a $(B)/libdnnc.a $(B)/libdnnrt.a
	@echo "  link  $@"
	@$(CC) -std=c11 $(CFLAGS) -fsanitize=fuzzer -DFUZZ_TARGET='"$*"' -Itests -o $@ $^ -lcmocka $(TOOL_LIBRARIES) -lm -ldl -lpthread

# WORK=REGEX: of these works only; THREADS="1 2"; CLOCK=cpu: on a machine that others use; ALL=1: slow works too.
bench: all
	@$(MAKE) --no-print-directory $(MEASURE) $(PEER_LIBRARIES:%=$(B)/tests/bench/peer_%.so)
	@BENCH_BUILD=$(B) $(BENCH_PYTHON) tests/bench/bench.py --work '$(value WORK)' --threads '$(THREADS)' \
	  --clock $(or $(CLOCK),wall) $(if $(ALL),--all) --output $(B)/bench.json
bench-peers:
	@tests/bench/install_peers.sh $(PEERS)
$(MEASURE): tests/bench/measure.c tools/machine.c tools/machine.h runtime/threads.c runtime/load.c runtime/dnn_rt.h runtime/dnn_abi.h
	@mkdir -p $(@D)
	@echo "  link  $@"
	@$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -Wno-missing-prototypes -O2 -fPIC -shared -Iruntime -o $@ $(filter %.c,$^) -lm -ldl -lpthread
$(B)/tests/bench/peer_openblas.so: PEER_FLAGS := -lopenblas
$(B)/tests/bench/peer_onednn.so: PEER_FLAGS := -ldnnl
$(B)/tests/bench/peer_%.so: tests/bench/peer_%.c tests/bench/product.h
	@mkdir -p $(@D)
	@echo "  link  $@"
	@$(CC) -std=c11 $(WARNINGS) -O2 -fPIC -shared -o $@ $< $(PEER_FLAGS)

# What is installed: a file and its place below PREFIX.
PREFIX   ?= /usr/local
INSTALLS := $(B)/dnn:bin/dnn $(B)/dnnc:bin/dnnc $(B)/libdnnrt.a:lib/libdnnrt.a \
            $(foreach h,dnn_rt.h dnn_abi.h,runtime/$h:include/$h) \
            $(foreach f,$(wildcard dsl/std/*.dnn),$f:share/dnnc/std/$(notdir $f)) \
            $(foreach f,$(wildcard docs/*.md),$f:share/doc/dnnc/$(notdir $f)) \
            $(foreach p,dnn dnnc,docs/man/$p.1:share/man/man1/$p.1 \
              tools/completion/dnn.bash:share/bash-completion/completions/$p \
              tools/completion/dnn.fish:share/fish/vendor_completions.d/$p.fish) \
            tools/completion/_dnn:share/zsh/site-functions/_dnn

install: all
	@for item in $(INSTALLS); do \
	  file=$${item%%:*} place="$(DESTDIR)$(PREFIX)/$${item#*:}" mode=644; \
	  case $$item in *:bin/*) mode=755;; esac; \
	  echo "  install $$place"; \
	  install -D -m $$mode $$file "$$place" || exit 1; \
	done
uninstall:
	@for item in $(INSTALLS); do rm -f "$(DESTDIR)$(PREFIX)/$${item#*:}" || exit 1; done
	@cd "$(DESTDIR)$(PREFIX)/share" 2>/dev/null && rmdir dnnc/std dnnc doc/dnnc 2>/dev/null || true

clean:
	rm -rf $(B)

$(B)/libdnnc.a: $(COMPILER_OBJECTS)
$(B)/libdnnrt.a: $(RUNTIME_OBJECTS)
$(B)/libdnntool.a: $(TOOL_OBJECTS)
$(B)/%.a:
	@echo "  ar    $@"
	@rm -f $@ && ar rcs $@ $^

$(B)/dnnc: $(B)/compiler/main.o $(B)/libdnntool.a $(B)/libdnnc.a
	@echo "  link  $@"
	@$(CC) $(CFLAGS) -o $@ $^ -lm -ldl
$(B)/dnn: $(B)/tools/dnn.o $(B)/libdnntool.a $(B)/libdnnc.a $(B)/libdnnrt.a
	@echo "  link  $@"
	@$(CC) $(CFLAGS) -o $@ $^ $(TOOL_LIBRARIES) -lm -ldl -lpthread

# The library of the language, as text in the compiler.
$(B)/std_text.c: tools/embed.sh $(wildcard dsl/std/*.dnn)
	@mkdir -p $(@D)
	@tools/embed.sh $(filter %.dnn,$^) >$@
$(B)/std_text.o: $(B)/std_text.c
	@echo "  cc    $<"
	@$(CC) $(ALL_CFLAGS) -c -o $@ $<

# The interface's header, as text that the C backend copies into what it writes.
$(B)/dnn_abi_text.c: tools/embed_text.sh runtime/dnn_abi.h
	@mkdir -p $(@D)
	@tools/embed_text.sh runtime/dnn_abi.h dnn_abi_text >$@
$(B)/dnn_abi_text.o: $(B)/dnn_abi_text.c
	@echo "  cc    $<"
	@$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  cc    $<"
	@$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/tests/libtests.a: $(TEST_OBJECTS)
$(B)/tests/libfault.so: tests/hostile/fault.c tests/hostile/fault.h
	@mkdir -p $(@D)
	@echo "  link  $@"
	@$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -O2 -shared -fPIC -o $@ $< -ldl
$(TESTS) $(BENCHES): %: %.o $(B)/tests/libtests.a $(B)/libdnntool.a $(B)/libdnnc.a $(B)/libdnnrt.a
	@echo "  link  $@"
	@$(CC) $(CFLAGS) -o $@ $^ -lcmocka $(TOOL_LIBRARIES) -lm -ldl -lpthread
$(B)/tests/%.o: ALL_CFLAGS += -Itests

# The random tests with one fault planted in the source file that the first line of the mutation names;
# the spoiled object stands in for the library's.
$(B)/mutants/%.o: tests/diff/mutations/%.sed $(B)/libdnnc.a
	@echo "  plant $*"
	@mkdir -p $(@D)
	@file=$$(sed -n '1s/^# \([^:]*\.c\):.*/\1/p' $<) && \
	 sed -f $< $$file >$(@D)/$*.c && \
	 if cmp -s $$file $(@D)/$*.c; then echo "$<: it changes nothing in $$file any more" >&2; exit 1; fi && \
	 $(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -w -I$$(dirname $$file) -c -o $@ $(@D)/$*.c
MUTANT_PARTS = $(B)/mutants/%.o $(B)/tests/libtests.a $(B)/libdnntool.a $(B)/libdnnc.a $(B)/libdnnrt.a
$(B)/mutants/%-graphs: $(B)/tests/diff/test_random_graphs.o $(MUTANT_PARTS)
	@$(CC) $(CFLAGS) -o $@ $^ -lcmocka $(TOOL_LIBRARIES) -lm -ldl -lpthread
$(B)/mutants/%-programs: $(B)/tests/diff/test_random_programs.o $(MUTANT_PARTS)
	@$(CC) $(CFLAGS) -o $@ $^ -lcmocka $(TOOL_LIBRARIES) -lm -ldl -lpthread
.PRECIOUS: $(B)/mutants/%.o

$(B)/grammar/dnn.tab.c $(B)/grammar/dnn.tab.h &: grammar/dnn.y
	@mkdir -p $(@D)
	@bison -Werror -o $(B)/grammar/dnn.tab.c --defines=$(B)/grammar/dnn.tab.h $<
$(B)/grammar/dnn.lex.c $(B)/grammar/dnn.lex.h &: grammar/dnn.l
	@mkdir -p $(@D)
	@flex -o $(B)/grammar/dnn.lex.c --header-file=$(B)/grammar/dnn.lex.h $<
$(B)/grammar/%.o: $(B)/grammar/%.c
	@echo "  cc    $<"
	@$(CC) $(ALL_CFLAGS) -c -o $@ $<
$(B)/grammar/%.o: ALL_CFLAGS += -I$(B)/grammar
$(B)/grammar/dnn.lex.o: ALL_CFLAGS += -w
$(patsubst %.c,$(B)/%.o,$(wildcard grammar/*.c)): | $(B)/grammar/dnn.tab.h $(B)/grammar/dnn.lex.h

-include $(shell find $(B) -name '*.d' 2>/dev/null)
