# Measurements against other programs; nothing of it belongs to `make check`.

BENCH_PACKAGES := curl wget2 nginx-light python3 python3-pil libjpeg-turbo-progs libvips-tools
PYTHON ?= /usr/bin/python3

.PHONY: bench bench-docs
## bench: install the peers, build, print one table of ours against theirs (minutes)
bench: deps
	$(call apt_install,$(BENCH_PACKAGES))
	@command -v npm >/dev/null || $(MAKE) --no-print-directory deps-npm
	-@test -d $(FIXTURES_CACHE)/node/node_modules/sharp || npm install --silent --no-audit --no-fund --prefix $(FIXTURES_CACHE)/node sharp@0.35.5
	@$(MAKE) --no-print-directory -j$$(nproc) all $(filter $(BUILD)/tests/bench/%,$(HELPERS))
	@$(PYTHON) tests/bench/bench.py $(BUILD) $(BENCH)

## bench-docs: write docs/performance.md and its plots from the last `make bench`
bench-docs:
	@$(PYTHON) tests/bench/render.py $(BUILD)/bench/results.json docs

PIECE_TOKENIZERS := tiktoken/cl100k_base.tiktoken tiktoken/o200k_base.tiktoken \
    $(patsubst %,tokenizers/%.json,llama3 gemma3 llama2 deepseek_v3 qwen3)

.PHONY: bench-pieces
## bench-pieces: the tokenizer on texts of a megabyte that are one piece (a minute; after `make fixtures`)
bench-pieces: $(BUILD)/tests/bench/piece_bench
	@$< $(PIECE_TOKENIZERS:%=$(GM_FIXTURES)/%)
