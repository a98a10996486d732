# retl: reverse ETL as Unix filters. `make help` lists the targets.
#
# Everything built goes under build/ (or $(B)). User settings: CC CFLAGS
# CPPFLAGS LDFLAGS LTO PREFIX DESTDIR, on the command line or in config.mk.

-include config.mk

VERSION  := 0.1.0
PREFIX   ?= /usr/local
SANITIZE ?=
CFLAGS   ?= -O2 -g

ifeq ($(SANITIZE),)
B        ?= build
else
comma    := ,
B        ?= build/$(subst $(comma),-,$(SANITIZE))
SAN      := -fsanitize=$(SANITIZE) -fno-omit-frame-pointer \
	-fno-sanitize-recover=all
LTO      :=
endif

# Each tool is optimised as a whole where the compiler can, which takes 3 to 8 %
# off what most of them do; LTO= builds in half the time. What else is linked,
# such as tests, is so in the ordinary way.
ifeq ($(origin LTO),undefined)
LTO      := -flto=auto -ffat-lto-objects
LTO      := $(shell echo 'int main(void) { return 0; }' | \
	$(CC) -Werror $(LTO) -x c -o /dev/null - 2>/dev/null && echo $(LTO))
endif

TOOLS    := retl-extract retl-sort retl-diff retl-map retl-hash retl-push
# Tools whose sources are there.
BUILT    := $(foreach t,$(TOOLS),$(if $(wildcard bin/$(t)/*.c),$(t)))

# ---- libraries -------------------------------------------------------------
# Needed by everybody: found by pkg-config, but for two that ship no .pc file.
PKGS     := libcurl openssl sqlite3 zlib libutf8proc libpcre2-8
# Optional: a missing one drops what needs it, and says so.
OPTIONAL := libpq libmariadb odbc libzstd expat
have      = $(shell pkg-config --exists $(1) 2>/dev/null && echo yes)
FOUND    := $(foreach p,$(OPTIONAL),$(if $(call have,$(p)),$(p)))
MISSING  := $(filter-out $(FOUND),$(OPTIONAL))

PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) $(FOUND) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) $(FOUND) 2>/dev/null)

ALL_CPPFLAGS = -I. -I$(B)/gen -D_GNU_SOURCE -DRETL_VERSION='"$(VERSION)"' \
	$(if $(filter libpq,$(FOUND)),-DHAVE_LIBPQ) \
	$(if $(filter libmariadb,$(FOUND)),-DHAVE_LIBMARIADB) \
	$(if $(filter odbc,$(FOUND)),-DHAVE_ODBC) \
	$(if $(filter expat,$(FOUND)),-DHAVE_EXPAT) \
	$(if $(filter libzstd,$(FOUND)),-DHAVE_ZSTD) $(PKG_CFLAGS) $(CPPFLAGS)
WARNINGS := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wwrite-strings
ALL_CFLAGS = -std=c11 $(WARNINGS) -pthread $(SAN) $(CFLAGS)
ALL_LDFLAGS = -pthread -Wl,--as-needed $(SAN) $(LDFLAGS)
# A tool is linked with what it uses and nothing else.
LDLIBS    = $(PKG_LIBS) -ljq -lcsv -lm

# libphonenumber ships no .pc file either. What needs it is loaded at run time.
CXX      ?= g++
PHONE    := $(shell printf '\043if !__has_include(<phonenumbers/phonenumberutil.h>)\n\043error\n\043endif\n' | \
	$(CXX) $(CPPFLAGS) -E -x c++ - >/dev/null 2>&1 && echo yes)

# ---- build -----------------------------------------------------------------
.PHONY: all
all: $(BUILT:%=$(B)/bin/%) $(B)/bin/completion.bash $(if $(PHONE),$(B)/lib/retl/phone.so)
ifeq ($(PHONE),)
	@echo 'note: built without libphonenumber: e164 takes only numbers with their country code'
endif
ifneq ($(MISSING),)
	@echo 'note: built without $(MISSING): see the catalogue of sources in README'
endif

# Sources whose libraries are missing.
LEFT_OUT := $(if $(filter libpq,$(FOUND)),,$(addprefix bin/retl-extract/,source_postgres.c pgtypes.c pgvalue.c) bin/retl-push/pg.c bin/retl-push/table.c)
LEFT_OUT += $(if $(filter libmariadb,$(FOUND)),,$(addprefix bin/retl-extract/,source_mysql.c myvalue.c))
LEFT_OUT += $(if $(filter odbc,$(FOUND)),,bin/retl-extract/source_odbc.c)
LEFT_OUT += $(if $(filter expat,$(FOUND)),,$(addprefix bin/retl-extract/,source_s3.c source_redshift_data.c unload.c aws.c awsconfig.c xml.c))

tool_src = $(filter-out $(LEFT_OUT),$(wildcard bin/$(1)/*.c))
tool_obj = $(patsubst %.c,$(B)/obj/%.o,$(call tool_src,$(1)))

define tool_rule
$(B)/bin/$(1): $(call tool_obj,$(1)) $(B)/libretl.a
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$(LTO) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LDLIBS)
endef
$(foreach t,$(BUILT),$(eval $(call tool_rule,$(t))))

COMMON_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(wildcard common/*.c)) \
	$(if $(wildcard contracts/contract.schema.json),$(B)/obj/gen/contract_schema.o)

$(B)/libretl.a: $(COMMON_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/lib/retl/phone.so: common/phone_shim.cc $(B)/flags
	@mkdir -p $(@D)
	$(CXX) -std=c++17 -Wall -Wextra -shared -fPIC $(SAN) $(filter-out -std=%,$(CFLAGS)) $(CPPFLAGS) \
		$(LDFLAGS) -o $@ $< -lphonenumber

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(LTO) -MMD -MP -c -o $@ $<

# The schema of contract files travels in the program: a contract can be
# checked wherever it lies.
$(B)/gen/contract_schema.c: contracts/contract.schema.json
	@mkdir -p $(@D)
	@{ echo 'extern const char contract_schema_text[];'; \
	   echo 'const char contract_schema_text[] = {'; \
	   od -An -v -tx1 $< | sed 's/ \(..\)/0x\1,/g'; echo '0};'; } >$@

$(B)/obj/gen/%.o: $(B)/gen/%.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$(B)/bin/completion.bash: common/completion.bash
	@mkdir -p $(@D)
	cp $< $@

# Changed flags rebuild everything.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(LTO) $(ALL_LDFLAGS)' | cmp -s - $@ || \
		echo '$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(LTO) $(ALL_LDFLAGS)' >$@
.PHONY: FORCE
FORCE:

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# ---- what is missing -------------------------------------------------------
.PHONY: deps deps-check
deps: ## install the packages that building needs and that are missing
	@sh tests/deps.sh build
deps-check: ## install what the tests need and is missing
	@sh tests/deps.sh build check

# ---- demo ------------------------------------------------------------------
.PHONY: demo
demo: deps ## build, and run a real sync on an embedded SQLite database
	@$(MAKE) --no-print-directory -s all mock
	@sh examples/sqlite-to-webhook/demo.sh $(abspath $(B))

# ---- tests -----------------------------------------------------------------
# One program per file of tests/mock and of tests/unit; the former share lib/.
MOCK_SRC := $(wildcard tests/mock/*.c)
MOCK_LIB := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/mock/lib/*.c))
MOCKS    := $(patsubst tests/mock/%.c,$(B)/tests/%,$(MOCK_SRC))
UNITS    := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c)) \
	$(B)/tests/unit/test_json_portable
BENCHES  := $(patsubst tests/bench/%.c,$(B)/tests/bench/%,$(wildcard tests/bench/*.c))

PORTABLES := $(addprefix $(B)/tests/portable/,retl-sort retl-diff)

.PHONY: mock units
mock: $(MOCKS) $(PORTABLES) $(if $(filter odbc,$(FOUND)),$(B)/tests/fakeodbc.so)
units: $(UNITS)
$(MOCKS): $(B)/tests/%: $(B)/obj/tests/mock/%.o $(MOCK_LIB) $(B)/libretl.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)
$(B)/tests/fakeodbc.so: tests/mock/odbc/fakeodbc.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) -fPIC -shared -o $@ $<
# The scanner as it is on other processors, and two tools with it.
PORTABLE := tests/unit/test_json.c $(wildcard common/json*.c)
$(B)/tests/unit/test_json_portable: $(PORTABLE:%.c=$(B)/obj/portable/%.o) $(B)/libretl.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)
define portable_rule
$(B)/tests/portable/$(1): $(call tool_obj,$(1)) $(patsubst %.c,$(B)/obj/portable/%.o,$(wildcard common/json*.c)) $(B)/libretl.a
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LDLIBS)
endef
$(foreach t,$(notdir $(PORTABLES)),$(eval $(call portable_rule,$(t))))
$(B)/obj/portable/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) -DRETL_PORTABLE $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(filter-out %_portable,$(UNITS)): $(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(B)/libretl.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(B)/libretl.a $(LDLIBS)
# What it tests is a tool's own.
$(B)/tests/unit/test_csv: $(patsubst %,$(B)/obj/bin/retl-extract/%.o,csv csvrow row cursor failure)
$(BENCHES): $(B)/tests/bench/%: $(B)/obj/tests/bench/%.o $(B)/libretl.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)

T          ?= $(sort $(wildcard tests/t/*.t)) $(UNITS)
PROVEFLAGS ?= -j4
# Tests find the build through these.
TESTENV     = B='$(abspath $(B))' PATH='$(abspath $(B))/bin:$(abspath $(B))/tests:$(PATH)'

.PHONY: check test check-only
check: deps-check ## install what is missing, build, run all tests
	@$(MAKE) --no-print-directory check-only
test: check
check-only: all mock units ## run all tests (T=tests/t/2000-sort.t: that one)
	$(TESTENV) prove $(PROVEFLAGS) --exec '' $(T)

.PHONY: asan tsan valgrind portable torture accept bench
asan: ## the same tests in a build with ASan and UBSan
	$(MAKE) SANITIZE=address,undefined check-only
# What has threads. Not 2020 and 6300, where memory is bounded or measured, and
# not 6350: programs there are stopped by a signal of the processor's clock,
# which ThreadSanitizer holds back. A process that ends while its threads are at
# work is no leak.
THREADED := 2000 2010 2030 2050 6000 6150 6200 6310 6312 6400 6410 6600 6630 \
	6850 6860 8100
tsan: ## the tests of what has threads in a build with ThreadSanitizer
	TSAN_OPTIONS='report_thread_leaks=0 atexit_sleep_ms=0' \
	$(MAKE) SANITIZE=thread LTO= check-only \
		T='$(foreach n,$(THREADED),$(wildcard tests/t/$n-*.t))'
valgrind: all mock units ## the same tests under valgrind
	$(TESTENV) RETL_VALGRIND=1 prove $(PROVEFLAGS) --exec '' $(T)
portable: ## the same tests in a build without one processor's instructions
	$(MAKE) B=build/portable CPPFLAGS='$(CPPFLAGS) -DRETL_PORTABLE' check-only
torture: all mock units ## long sweeps of kills, faults and random histories
	$(TESTENV) prove $(PROVEFLAGS) --timer --exec '' $(sort $(wildcard tests/torture/*.t))
accept: all mock ## rewrite golden files from what happened
	$(TESTENV) RETL_ACCEPT=1 prove --exec '' $(T)
bench: all mock $(BENCHES) ## our tools and their peers, timed in one run
	$(TESTENV) sh tests/bench/bench.sh

# One libFuzzer program a file of tests/fuzz; each runs FUZZ_SECONDS, beginning
# with its corpus. Needs clang.
FUZZERS  := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 60
# All of them but main().
$(B)/extract.a: $(filter-out %/retl-extract.o,$(call tool_obj,retl-extract))
	@rm -f $@
	$(AR) rcs $@ $^
$(B)/push.a: $(filter-out %/retl-push.o,$(call tool_obj,retl-push))
	@rm -f $@
	$(AR) rcs $@ $^
.PHONY: fuzz
fuzz: ## libFuzzer on the parsers, FUZZ_SECONDS each
	$(MAKE) CC=clang SANITIZE=address,undefined B=build/fuzz \
		CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' build/fuzz/libretl.a \
		build/fuzz/extract.a build/fuzz/push.a
	for f in $(FUZZERS); do \
		mkdir -p build/fuzz/corpus/$$f && \
		clang $(ALL_CPPFLAGS) -std=c11 -O1 -g -Werror \
			-fsanitize=fuzzer,address,undefined -pthread \
			-o build/fuzz/fuzz_$$f tests/fuzz/fuzz_$$f.c \
			build/fuzz/extract.a build/fuzz/push.a \
			build/fuzz/libretl.a $(LDLIBS) && \
		build/fuzz/fuzz_$$f -max_total_time=$(FUZZ_SECONDS) \
			-timeout=10 -artifact_prefix=build/fuzz/ \
			build/fuzz/corpus/$$f tests/fuzz/corpus/$$f \
			|| exit 1; done

# ---- habits ----------------------------------------------------------------
C_FILES  := $(wildcard bin/*/*.[ch] common/*.[ch] tests/*/*.[ch] tests/*/*/*.[ch])
SH_FILES := $(wildcard tests/*.sh tests/t/*.t tests/torture/*.t tests/bench/*.sh tests/lint/*.sh examples/*.sh examples/*/*.sh .ci/run)
MAN_FILES := $(wildcard man/*.[1-9])

.PHONY: lint format readme
readme: all ## the table of contracts in README, from the contracts
	RETL_CONTRACTS= $(B)/bin/retl-push --list-contracts=markdown >$(B)/table.md
	awk -v table=$(B)/table.md '/^<!-- end of contracts/ { off = 0 } \
		!off { print } /^<!-- contracts -->/ { off = 1; \
		while ((getline line <table) > 0) print line }' \
		README.md >$(B)/README.md && cp $(B)/README.md README.md
lint: ## warnings as errors, clang-tidy, shellcheck, mandoc, layers
	@sh tests/deps.sh build lint
	$(MAKE) B=$(B)/lint CFLAGS='-O1 -Werror' all mock units
	clang-format --dry-run -Werror $(C_FILES)
	sh tests/lint/layers.sh
	clang-tidy --quiet $(filter %.c,$(C_FILES)) -- -std=c11 $(ALL_CPPFLAGS)
	shellcheck -x $(SH_FILES)
	mandoc -T lint -W warning $(MAN_FILES)
format: ## settle the layout of the C files
	clang-format -i $(C_FILES)

# ---- installing ------------------------------------------------------------
DATADIR  := $(DESTDIR)$(PREFIX)/share/retl
MANDIR   := $(DESTDIR)$(PREFIX)/share/man
COMPDIR  := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
CONTRACTS := $(patsubst contracts/%,%,$(filter-out %.test.json,$(wildcard contracts/*.json contracts/*/*.json contracts/*/*.jq)))

.PHONY: install uninstall
install: all ## tools, pages, contracts and completion (DESTDIR, PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin $(COMPDIR)
	install -m 755 $(BUILT:%=$(B)/bin/%) $(DESTDIR)$(PREFIX)/bin
	$(if $(PHONE),install -D -m 644 $(B)/lib/retl/phone.so $(DESTDIR)$(PREFIX)/lib/retl/phone.so)
	for page in $(MAN_FILES); do \
		install -D -m 644 $$page $(MANDIR)/man$${page##*.}/$${page##*/}; done
	for c in $(CONTRACTS); do \
		install -D -m 644 contracts/$$c $(DATADIR)/contracts/$$c; done
	for t in $(BUILT); do \
		install -m 644 common/completion.bash $(COMPDIR)/$$t; done
uninstall: ## remove what install put there
	rm -f $(TOOLS:%=$(DESTDIR)$(PREFIX)/bin/%) $(TOOLS:%=$(COMPDIR)/%)
	for page in $(MAN_FILES); do \
		rm -f $(MANDIR)/man$${page##*.}/$${page##*/}; done
	rm -rf $(DATADIR) $(DESTDIR)$(PREFIX)/lib/retl

.PHONY: dist clean help
dist: ## a tarball of the last commit
	git archive --prefix=retl-$(VERSION)/ -o retl-$(VERSION).tar.gz HEAD
clean: ## remove build/
	rm -rf build
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16
