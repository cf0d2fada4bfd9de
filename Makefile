# limner: `make` builds, `make demo` shows, `make check` tests. `make help` lists the rest.
# BUILD=dir builds elsewhere, CC=clang with clang, SANITIZE=address,undefined with sanitizers, DEBUG=1 for a debugger.
# WITHOUT="webp tiff gif jp2 lcms2" leaves out libraries for pictures.
# OPERATORS="Conv Tanh net.onnx" makes a library and a program with these operators alone, in BUILD/chosen.

CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
BUILD ?= build
# V=1 shows the commands.
Q := $(if $(V),,@)
SAY = $(if $(V),,@echo '  $(1)' $@)
PREFIX ?= /usr/local
VERSION := 0.3.2
# Before 1.0 every minor version has an interface of its own.
SONAME := liblimner.so.0.3

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
# clang says so when a sanitizer keeps a loop scalar; that is no fault of the loop.
ifneq ($(findstring clang,$(CC)),)
WARNINGS += -Wno-pass-failed
endif
# With sanitizers half the time to build is worth more than speed, and lines are all that their reports name. Fuzz
# targets look at what reads files: clang takes minutes to optimize instrumented loops of operators.
optimize = $(if $(DEBUG),-O0,$(if $(SANITIZE),-O1,$(1)))
optimize_loops = $(if $(findstring fuzzer,$(SANITIZE)),-O0,$(call optimize,$(1)))
OPTIMIZE := $(call optimize,-O2)
$(BUILD)/obj/ops/%.o: OPTIMIZE = $(call optimize_loops,-O2)
DEBUG_INFO := $(if $(SANITIZE),-g1,-g)
SANITIZERS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
CPPFLAGS += -I. -I$(BUILD)/gen -D_GNU_SOURCE
BASE_CFLAGS = -std=c11 $(DEBUG_INFO) $(OPTIMIZE) $(WARNINGS) -fPIC -fvisibility=hidden -fno-math-errno -ffp-contract=off \
	-pthread -fopenmp -ffunction-sections -fdata-sections $(SANITIZERS) $(CFLAGS)
# What nobody calls is left out.
LINK_FLAGS := -Wl,--gc-sections $(LDFLAGS)
LIBRARIES := -lprotobuf-c -lm
# Optional, by scripts/picture-parts; WITHOUT="webp tiff gif jp2 lcms2" leaves some out.
PICTURE_PARTS = $(BUILD)/gen/picture_parts
PICTURE_LIBRARIES = $(shell cat $(PICTURE_PARTS).libs) -lpng -ljpeg -lz

# ---- sources: every .c file below a floor belongs to it, however deep (SKIP=FILE... leaves some out) ----
sources = $(filter-out $(SKIP),$(sort $(shell find $(1) -name '*.c')))
FLOORS := base onnx ops runtime
LIBRARY_SOURCES := $(call sources,$(FLOORS))
TOOLS_SOURCES := $(call sources,tools)
TEST_SOURCES := $(filter-out tests/fuzz/% tests/bench/% tests/e2e/% tests/python/% tests/sweep/%,$(call sources,tests))
TEST_SUPPORT := $(filter tests/support/%,$(TEST_SOURCES))
TEST_PROGRAMS := $(basename $(notdir $(filter-out $(TEST_SUPPORT),$(TEST_SOURCES))))
FUZZ_PROGRAMS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

# Files named *_simd.c are compiled once per instruction set, with KERNEL_LEVEL saying which.
SIMD_SOURCES := $(filter %_simd.c,$(LIBRARY_SOURCES))
LEVELS := portable
# The compiler may not be installed yet: then the machine itself is asked.
ifneq ($(filter x86_64% amd64%,$(or $(shell $(CC) -dumpmachine 2>/dev/null),$(shell uname -m))),)
LEVELS := portable avx2 avx512
endif
# prfchw: lines that will be written are asked for as such; without it the compiler makes plain prefetches of those.
LEVEL_portable := -DKERNEL_LEVEL=0
LEVEL_avx2 := -DKERNEL_LEVEL=1 -mavx2 -mfma -mf16c -mprfchw
LEVEL_avx512 := -DKERNEL_LEVEL=2 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mf16c -mprfchw

# LEVELS=portable leaves the others out: builds that are slow to make, and look at something else than kernels.
ifeq ($(LEVELS),portable)
CPPFLAGS += -DONLY_PORTABLE
endif

# What reads files and plans is run once: small is better there.
SMALL_OPERATORS := contrib/group_query contrib/group_query_cache contrib/group_query_call contrib/group_query_expand contrib/multi_head_attention quant/around quant/depthwise quant/dynamic quant/phases quant/terms quant/matmul_nbits quant/matmul_nbits_numbers quant/granularity quant/linear recurrent/recurrent attention/flex_attention
$(patsubst %,$(BUILD)/obj/ops/%.o,$(SMALL_OPERATORS)): OPTIMIZE = $(call optimize,-Os)
$(BUILD)/obj/ops/core/%.o $(BUILD)/obj/ops/contrib/%_forms.o $(BUILD)/obj/ops/weights/%.o $(BUILD)/obj/ops/sequence/%.o $(BUILD)/obj/ops/control/%.o $(BUILD)/obj/base/%.o $(BUILD)/obj/onnx/%.o $(BUILD)/obj/runtime/%.o $(BUILD)/obj/gen/%.o: OPTIMIZE = $(call optimize,-Os)

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
SIMD_OBJECTS := $(foreach level,$(LEVELS),$(patsubst %.c,$(BUILD)/obj/%-$(level).o,$(SIMD_SOURCES)))
LIBRARY_OBJECTS := $(call objects,$(filter-out $(SIMD_SOURCES),$(LIBRARY_SOURCES))) $(SIMD_OBJECTS) $(BUILD)/obj/gen/onnx.pb-c.o
TOOLS_OBJECTS := $(call objects,$(filter-out tools/main.c,$(TOOLS_SOURCES)))

LIBRARIES_MADE := $(BUILD)/liblimner.a $(BUILD)/liblimner.so
.PHONY: all
all: $(if $(OPERATORS),chosen,$(BUILD)/limner $(LIBRARIES_MADE))

# ---- rules ----
$(BUILD)/gen/onnx.pb-c.c $(BUILD)/gen/onnx.pb-c.h &: onnx/onnx.proto | deps-build
	@mkdir -p $(BUILD)/gen
	$(call SAY,PROTO)
	$(Q)protoc-c --proto_path=onnx --c_out=$(BUILD)/gen onnx.proto

$(BUILD)/obj/gen/onnx.pb-c.o: $(BUILD)/gen/onnx.pb-c.c
	@mkdir -p $(@D)
	$(call SAY,CC)
	$(Q)$(CC) $(CPPFLAGS) $(BASE_CFLAGS) -w -c $< -o $@

# Looked for every time, and written when something has changed.
.PHONY: always
always:
$(PICTURE_PARTS).h: always | deps-build
	@scripts/picture-parts $(BUILD)/gen $(WITHOUT)
$(BUILD)/obj/tools/files/%.o: CPPFLAGS += $(shell cat $(PICTURE_PARTS).flags)

$(BUILD)/obj/%.o: %.c Makefile | $(BUILD)/gen/onnx.pb-c.h $(PICTURE_PARTS).h deps-build
	@mkdir -p $(@D)
	$(call SAY,CC)
	$(Q)$(CC) $(CPPFLAGS) $(BASE_CFLAGS) -MMD -MP -c $< -o $@

# Packed weights that are kept in a file are good for the very code that packed them.
PACKING_FILES := $(sort $(shell find base ops -name '*.[ch]'))
PACKING_DIGEST = $(shell cat $(PACKING_FILES) | cksum | cut -d " " -f 1)
$(BUILD)/obj/ops/weights/weight_file.o: CPPFLAGS += -DPACKING_SOURCES='"$(PACKING_DIGEST)"'
$(BUILD)/obj/ops/weights/weight_file.o: $(PACKING_FILES)

# Their loops say themselves what is unrolled: by -O3 the rest became larger by a third, and no faster.
$(BUILD)/obj/ops/kernels/winograd_simd-%.o $(BUILD)/obj/ops/kernels/integer_simd-%.o $(BUILD)/obj/ops/kernels/row_simd-%.o $(BUILD)/obj/ops/kernels/pairs_simd-%.o: KERNEL_OPTIMIZE = $(if $(findstring clang,$(CC)),-O3,-O2 -ftree-vectorize -fvect-cost-model=dynamic)
KERNEL_OPTIMIZE = -O3
define SIMD_RULE
$$(BUILD)/obj/%_simd-$(1).o: %_simd.c Makefile
	@mkdir -p $$(@D)
	$$(call SAY,CC)
	$$(Q)$$(CC) $$(CPPFLAGS) $$(BASE_CFLAGS) $$(call optimize_loops,$$(KERNEL_OPTIMIZE)) $$(LEVEL_$(1)) -MMD -MP -c $$< -o $$@
endef
$(foreach level,$(LEVELS),$(eval $(call SIMD_RULE,$(level))))

# One relocatable object whose only global symbols are the exported ones: internal names cannot clash with a program's.
$(BUILD)/liblimner.a: $(LIBRARY_OBJECTS)
	@rm -f $@
	$(Q)ld -r --unique $^ -o $(BUILD)/limner-all.o
	$(Q)objcopy --localize-hidden $(BUILD)/limner-all.o
	$(call SAY,AR)
	$(Q)ar rcs $@ $(BUILD)/limner-all.o

# Relocations in a twentieth of the room, where the linker knows how.
PACK_RELOCATIONS = $(shell ld --help 2>/dev/null | grep -q pack-relative-relocs && echo -Wl,-z,pack-relative-relocs)
# nodelete: threads of teams may be waiting in it.
LINK_SHARED = $(CC) -shared -Wl,-soname,$(SONAME) -Wl,-z,nodelete $(PACK_RELOCATIONS) $(BASE_CFLAGS) $^ -o $@ $(LINK_FLAGS) $(LIBRARIES)
LINK_PROGRAM = $(CC) $(BASE_CFLAGS) $^ -o $@ $(LINK_FLAGS) $(PICTURE_LIBRARIES) $(LIBRARIES)
$(BUILD)/liblimner.so: $(LIBRARY_OBJECTS)
	$(call SAY,LINK)
	$(Q)$(LINK_SHARED)
	$(Q)ln -sf liblimner.so $(BUILD)/$(SONAME)

$(BUILD)/limner: $(BUILD)/obj/tools/main.o $(TOOLS_OBJECTS) $(LIBRARY_OBJECTS)
	$(call SAY,LINK)
	$(Q)$(LINK_PROGRAM)

# ---- OPERATORS=...: everything but the list of operators is as in the build with all of them ----
CHOSEN := $(BUILD)/chosen
CHOSEN_FILES := ops/registry.c ops/blocked/engine/algorithms.c
CHOSEN_OBJECTS = $(filter-out $(call objects,$(CHOSEN_FILES)),$(LIBRARY_OBJECTS)) $(CHOSEN)/registry.o $(CHOSEN)/algorithms.o
.PHONY: chosen
chosen: $(CHOSEN)/limner $(CHOSEN)/liblimner.so
$(BUILD)/choose_operators: $(BUILD)/obj/scripts/choose_operators.o $(LIBRARY_OBJECTS)
	$(call SAY,LINK)
	$(Q)$(LINK_PROGRAM)
$(CHOSEN)/operators.h: always $(BUILD)/choose_operators
	@mkdir -p $(@D)
	@$(BUILD)/choose_operators $(OPERATORS) >$@.new && { cmp -s $@.new $@ || cp $@.new $@; }
$(CHOSEN)/registry.o: ops/registry.c $(CHOSEN)/operators.h
	$(call SAY,CC)
	$(Q)$(CC) $(CPPFLAGS) $(BASE_CFLAGS) -DOPERATOR_FILES='"$(CHOSEN)/operators.h"' -c $< -o $@
# Without tables for unwinding, which nothing in C asks for: a tenth of the library.
$(CHOSEN)/all.o: $(CHOSEN_OBJECTS)
	$(Q)ld -r --unique $^ -o $@
	$(Q)objcopy --remove-section .eh_frame --remove-section .rela.eh_frame $@
$(CHOSEN)/algorithms.o: ops/blocked/engine/algorithms.c $(CHOSEN)/operators.h
	$(call SAY,CC)
	$(Q)$(CC) $(CPPFLAGS) $(BASE_CFLAGS) -D'X(definitions)=' -include $(CHOSEN)/operators.h -c $< -o $@
$(CHOSEN)/liblimner.so: LINK_FLAGS += -Wl,-z,noseparate-code
$(CHOSEN)/liblimner.so: $(CHOSEN)/all.o
	$(call SAY,LINK)
	$(Q)$(LINK_SHARED)
	$(Q)ln -sf liblimner.so $(CHOSEN)/$(SONAME)
$(CHOSEN)/limner: $(BUILD)/obj/tools/main.o $(TOOLS_OBJECTS) $(CHOSEN_OBJECTS)
	$(call SAY,LINK)
	$(Q)$(LINK_PROGRAM)

# What tests compare with is not what they look for faults in; it is most of their time where it is slow.
$(BUILD)/obj/tests/support/reference_conv.o: private OPTIMIZE = $(if $(DEBUG),-O0,-O2)
$(BUILD)/obj/tests/support/reference_conv.o: private SANITIZERS =

# Tests are many and link everything: by the linker that takes a third of the time (gold: two thirds), where there is one.
TEST_LINKER := $(addprefix -fuse-ld=,$(firstword $(foreach linker,lld gold,$(if $(shell command -v ld.$(linker)),$(linker)))))

# For tests, which look inside: every floor, internal names included.
$(BUILD)/floors.a: $(TOOLS_OBJECTS) $(LIBRARY_OBJECTS)
	@rm -f $@
	$(call SAY,AR)
	$(Q)ar rcs $@ $^

define TEST_RULE
$$(BUILD)/tests/$(basename $(notdir $(1))): $$(call objects,$(1) $$(TEST_SUPPORT)) $$(BUILD)/floors.a
	@mkdir -p $$(@D)
	$$(call SAY,LINK)
	$$(Q)$$(CC) $$(BASE_CFLAGS) $$(TEST_LINKER) $$^ -o $$@ $$(WRAPPED) $$(LINK_FLAGS) -lcmocka $$(PICTURE_LIBRARIES) $$(LIBRARIES)
endef
$(foreach file,$(filter-out $(TEST_SUPPORT),$(TEST_SOURCES)),$(eval $(call TEST_RULE,$(file))))

# Programs that refuse what limner asks for: these functions go through tests/support/refuse_calls.c there.
REFUSABLE := malloc calloc realloc reallocarray aligned_alloc free strdup strndup asprintf vasprintf realpath \
	open_memstream mmap munmap open openat syscall mkostemp fopen opendir fstat read write close rename fchmod pthread_create \
	protobuf_c_message_unpack protobuf_c_message_free_unpacked jpeg_CreateDecompress jpeg_CreateCompress jpeg_mem_dest \
	pool_alloc pool_array pool_string pool_format
$(BUILD)/tests/test_refusals_%: WRAPPED = $(addprefix -Wl$(comma)--wrap=,$(REFUSABLE))
comma := ,

.PHONY: unit-programs
unit-programs: $(addprefix $(BUILD)/tests/,$(TEST_PROGRAMS))

include Makefile.check
include Makefile.python

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
