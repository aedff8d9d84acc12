# make          build/dnnc, build/dnn, build/libdnnrt.a, build/libdnntool.a
# make demo     train LeNet-5 on Fashion-MNIST
# make check    build and run every test

CC       ?= gcc
CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) -MMD -MP -I. -Icompiler -Idsl -Igrammar -Ibackends -Iruntime -Itools -Ibuild
B := build

COMPILER_SOURCES := $(filter-out compiler/main.c,$(wildcard compiler/*.c compiler/ops/*.c dsl/*.c grammar/*.c backends/*.c))
COMPILER_OBJECTS := $(COMPILER_SOURCES:%.c=$(B)/%.o) $(B)/grammar/dnn.tab.o $(B)/grammar/dnn.lex.o
RUNTIME_OBJECTS  := $(patsubst %.c,$(B)/%.o,$(filter-out runtime/safetensors.c,$(wildcard runtime/*.c)))
TOOL_OBJECTS     := $(patsubst %.c,$(B)/%.o,$(filter-out tools/dnn.c,$(wildcard tools/*.c)) runtime/safetensors.c)
PROGRAMS         := $(B)/dnnc $(B)/dnn

.PHONY: all demo check clean install-missing
all: $(PROGRAMS) $(B)/libdnnc.a $(B)/libdnnrt.a $(B)/libdnntool.a

clean:
	rm -rf $(B)

$(B)/libdnnc.a: $(COMPILER_OBJECTS)
$(B)/libdnnrt.a: $(RUNTIME_OBJECTS)
$(B)/libdnntool.a: $(TOOL_OBJECTS)
$(B)/%.a:
	rm -f $@ && ar rcs $@ $^

$(B)/dnnc: $(B)/compiler/main.o $(B)/libdnnc.a
	$(CC) $(CFLAGS) -o $@ $^ -lm
$(B)/dnn: $(B)/tools/dnn.o $(B)/libdnntool.a $(B)/libdnnc.a $(B)/libdnnrt.a
	$(CC) $(CFLAGS) -o $@ $^ -lcjson -lcairo -lz -lm -ldl -lpthread

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/grammar/dnn.tab.c $(B)/grammar/dnn.tab.h &: grammar/dnn.y
	@mkdir -p $(@D)
	bison -Werror -o $(B)/grammar/dnn.tab.c --defines=$(B)/grammar/dnn.tab.h $<
$(B)/grammar/dnn.lex.c $(B)/grammar/dnn.lex.h &: grammar/dnn.l
	@mkdir -p $(@D)
	flex -o $(B)/grammar/dnn.lex.c --header-file=$(B)/grammar/dnn.lex.h $<
$(B)/grammar/%.o: $(B)/grammar/%.c
	$(CC) $(ALL_CFLAGS) -Ibuild/grammar -Wno-error -c -o $@ $<
$(B)/dsl/%.o $(B)/grammar/%.o: ALL_CFLAGS += -Ibuild/grammar
$(B)/dsl/%.o: $(B)/grammar/dnn.tab.h $(B)/grammar/dnn.lex.h

-include $(shell find $(B) -name '*.d' 2>/dev/null)
